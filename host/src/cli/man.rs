//! `worldflux man`.

use std::{fs, path::Path};

use super::{
    args::Arguments,
    context::Context,
    entry::LONG_VERSION,
    exit::{EXIT_CODES, Exit},
};
use crate::run::RunError;

/// Print the page of the program, or write one page for each verb into `folder`.
pub(super) fn print(context: &Context, folder: Option<&Path>) -> Result<Exit, RunError> {
    let Some(folder) = folder else {
        context.output.data(&String::from_utf8_lossy(&page(&Arguments::definition(LONG_VERSION))));
        return Ok(Exit::Ok);
    };
    let failed = |cause| RunError::Output { path: folder.to_owned(), cause };
    fs::create_dir_all(folder).map_err(failed)?;
    let mut definition = Arguments::definition(LONG_VERSION);
    definition.build();
    write_pages(folder, &definition).map_err(failed)?;
    Ok(Exit::Ok)
}

fn write_pages(folder: &Path, definition: &clap::Command) -> std::io::Result<()> {
    let name = definition.get_display_name().unwrap_or_else(|| definition.get_name()).to_owned();
    fs::write(folder.join(format!("{name}.1")), page(definition))?;
    for verb in definition.get_subcommands().filter(|verb| !verb.is_hide_set() && verb.get_name() != "help") {
        write_pages(folder, verb)?;
    }
    Ok(())
}

fn page(definition: &clap::Command) -> Vec<u8> {
    let mut text = Vec::new();
    // Writing to memory does not fail.
    let _ = clap_mangen::Man::new(definition.clone()).render(&mut text);
    let codes = EXIT_CODES.iter().map(|(exit, meaning)| format!(".TP\n\\fB{}\\fR\n{}\n", exit.code(), meaning.replace('-', "\\-")));
    text.extend(format!(".SH \"EXIT STATUS\"\n{}", codes.collect::<String>()).into_bytes());
    text
}
