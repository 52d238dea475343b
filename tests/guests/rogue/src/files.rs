//! Tries to get out of the folders.

use std::{fs, io, io::Write as _};

use crate::wit::wasi::filesystem::{
    preopens,
    types::{Descriptor, DescriptorFlags, OpenFlags, PathFlags},
};

fn report<T>(what: &str, result: io::Result<T>, tell: impl Fn(T) -> String) -> String {
    match result {
        Ok(value) => format!("ok: {what}: {}", tell(value)),
        Err(error) => format!("denied: {what}: {error}"),
    }
}

pub fn read(path: &str) -> String {
    report(path, fs::read(path), |bytes| format!("{} bytes", bytes.len()))
}

pub fn write(path: &str) -> String {
    report(path, fs::write(path, b"rogue"), |()| "written".into())
}

pub fn remove(path: &str) -> String {
    report(path, fs::remove_file(path).or_else(|_| fs::remove_dir_all(path)), |()| "removed".into())
}

pub fn list(path: &str) -> String {
    report(path, fs::read_dir(path), |entries| format!("{} entries", entries.count()))
}

/// Writes until it is refused, at most 64 GiB.
pub fn fill(path: &str) -> String {
    let piece = vec![1_u8; 1 << 20];
    let mut file = match fs::File::create(path) {
        Ok(file) => file,
        Err(error) => return format!("denied: {path}: {error}"),
    };
    for count in 0..1 << 16 {
        if let Err(error) = file.write_all(&piece) {
            return format!("denied: after {count} MiB: {error}");
        }
    }
    "ok: 64 GiB".into()
}

/// What is open from the beginning.
pub fn preopens() -> String {
    let names: Vec<String> = preopens::get_directories().into_iter().map(|(_, name)| name).collect();
    format!("ok: {}", names.join(" "))
}

fn folder(name: &str) -> Option<Descriptor> {
    preopens::get_directories().into_iter().find(|(_, found)| found == name).map(|(descriptor, _)| descriptor)
}

/// Makes a link in `/output` that points to `target`, and reads through it.
pub fn symlink(target: &str) -> String {
    let Some(output) = folder("/output") else { return "denied: there is no /output".into() };
    match output.symlink_at(target, "rogue-link") {
        Err(code) => format!("denied: symlink to {target}: {code:?}"),
        Ok(()) => format!("made; {}", read("/output/rogue-link")),
    }
}

/// Makes a second name for the file `target` in `/env`, in `/output`.
pub fn hard_link(target: &str) -> String {
    let (Some(env), Some(output)) = (folder("/env"), folder("/output")) else { return "denied: a folder is missing".into() };
    let name = target.trim_start_matches("/env/");
    match env.link_at(PathFlags::empty(), name, &output, "rogue-link") {
        Err(code) => format!("denied: hard link to {target}: {code:?}"),
        Ok(()) => format!("ok: hard link to {target}"),
    }
}

/// Opens `path` relative to `/workspace` at the lowest level, where no library looks at it first.
pub fn open_at(path: &str) -> String {
    let Some(workspace) = folder("/workspace") else { return "denied: there is no /workspace".into() };
    match workspace.open_at(PathFlags::SYMLINK_FOLLOW, path, OpenFlags::empty(), DescriptorFlags::READ) {
        Ok(_) => format!("ok: opened {path}"),
        Err(code) => format!("denied: {path}: {code:?}"),
    }
}
