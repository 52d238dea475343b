//! `worldflux completions`.

use super::{args::Arguments, context::Context, entry::LONG_VERSION, exit::Exit};

pub(super) fn print(context: &Context, shell: clap_complete::Shell) -> Exit {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::definition(LONG_VERSION), "worldflux", &mut text);
    context.output.data(&String::from_utf8_lossy(&text));
    Exit::Ok
}
