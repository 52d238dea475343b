//! What a plugin tells the person who watches. Nothing here fails and nothing here waits; no secret belongs here.

pub use crate::bindings::worldflux::runtime::log::Level;
use crate::{bindings::worldflux::runtime::log as wit, context::Variable};

/// For whoever looks for the reason of something; not shown by default.
pub fn debug(message: &str) {
    write(Level::Debug, message, &[]);
}

/// For the person who waits.
pub fn info(message: &str) {
    write(Level::Info, message, &[]);
}

/// Something that the person may want to change.
pub fn warning(message: &str) {
    write(Level::Warning, message, &[]);
}

/// Something that went wrong, though the call goes on.
pub fn error(message: &str) {
    write(Level::Error, message, &[]);
}

/// One line of `level`, with named values.
pub fn write(level: Level, message: &str, fields: &[(&str, &str)]) {
    let fields: Vec<Variable> = fields.iter().map(|(name, value)| Variable::new(*name, *value)).collect();
    wit::write(level, message, &fields);
}

/// How far a long step is: `done` of `total` in `unit` (`bytes`, `packages`, `steps`). The same label goes on with the same bar.
pub fn progress(label: &str, done: u64, total: Option<u64>, unit: &str) {
    wit::report(&wit::Progress { label: label.to_owned(), done, total, unit: unit.to_owned() });
}
