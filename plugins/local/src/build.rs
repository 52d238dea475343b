//! Makes the venv, or finds that the one that was kept still works.

use std::{fs, io};

use worldflux_plugin::{AtPath, Detail, Environment, Failure, context::Context, log, process};

use crate::{
    dialect::{self, Interpreter},
    handle::{Handle, PYTHON, VENV},
    interpreter::{self, Toolchain},
    settings::{self, Settings, Source},
    translate,
};

/// Written last. A venv without it was not finished, however well its interpreter starts.
const FINISHED: &str = "/env/venv/worldflux-finished";

pub(crate) fn environment(context: &Context, existing: Option<&str>) -> Result<Environment, Failure> {
    translate::check(context)?;
    let settings = settings::read(&context.settings)?;
    if settings.source == Source::Nothing {
        return Ok(Environment::made(Handle::Nothing.to_string()));
    }
    if existing == Some(Handle::Venv.to_string().as_str()) {
        let finished = fs::symlink_metadata(FINISHED).is_ok_and(|found| found.is_file());
        if let Some(python) = working_venv().filter(|_| finished) {
            return Ok(answer(&python, None).reused(true));
        }
        log::warning("the environment that was kept does not work any more: making it anew");
    }
    let toolchain = interpreter::find(&settings)?;
    make(context, &settings, &toolchain)?;
    let broken = || Failure::other(format!("the interpreter of the new environment does not start: {PYTHON}"));
    let python = working_venv().ok_or_else(broken)?;
    fs::write(FINISHED, python.version()).at(FINISHED)?;
    Ok(answer(&python, Some(if toolchain.uv { "uv" } else { "pip" })))
}

fn make(context: &Context, settings: &Settings, toolchain: &Toolchain) -> Result<(), Failure> {
    // What a call left that did not come to its end.
    match fs::remove_dir_all(VENV) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error).at(VENV),
        _ => {}
    }
    let venv = context.host_path(VENV)?;
    step("making the environment", 0);
    let python = toolchain.python.as_deref().unwrap_or("3");
    match (&settings.source, toolchain.uv) {
        // `uv sync` makes the venv by itself, with the interpreter that the project asks for.
        (Source::Project(_), _) => {}
        (_, true) => drop(process::output(&dialect::uv_venv(python, &venv))?.checked("making a venv with uv")?),
        (_, false) => {
            let hint = "some systems have venv in a package of its own, such as `python3-venv`";
            let made = process::output(&dialect::python_venv(&venv))?.checked("making a venv with python3");
            made.map_err(|failure| failure.hint(hint))?;
        }
    }
    step("installing packages", 1);
    let (command, what) = match (&settings.source, toolchain.uv) {
        (Source::Nothing | Source::Interpreter, _) => return Ok(()),
        (Source::Project(folder), _) => {
            let folder = settings::guest_folder(folder);
            (dialect::uv_sync(&venv, &folder, settings.python.as_deref()), "installing uv.lock with uv".to_owned())
        }
        (Source::Requirements(file), true) => (dialect::uv_install(&venv, file), format!("installing {file} with uv")),
        (Source::Requirements(file), false) => (dialect::pip_install(file), format!("installing {file} with pip")),
    };
    let hint = "the whole output is in the log of this run; a repeat starts from nothing";
    process::output(&command)?.checked(&what).map_err(|failure| failure.hint(hint).repeatable())?;
    step("installing packages", 2);
    Ok(())
}

fn step(label: &str, done: u64) {
    log::progress(label, done, Some(2), "steps");
}

fn working_venv() -> Option<Interpreter> {
    let output = process::output(&dialect::identify_venv()).ok().filter(process::Output::succeeded)?;
    Interpreter::read(&output.text())
}

fn answer(python: &Interpreter, installer: Option<&str>) -> Environment {
    let environment = Environment::made(Handle::Venv.to_string()).interpreter(PYTHON);
    let environment = environment.metadata(Detail::text("python", python.version()));
    let environment = match packages() {
        Some(count) => environment.metadata(Detail::number("packages", count)),
        None => environment,
    };
    installer.into_iter().fold(environment, |environment, tool| environment.metadata(Detail::text("installer", tool)))
}

/// How many packages are installed, by their `.dist-info` folders.
fn packages() -> Option<u64> {
    let names = |path: &str| -> Option<Vec<String>> {
        let entries = fs::read_dir(path).ok()?;
        Some(entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect())
    };
    let library = format!("{VENV}/lib");
    let version = names(&library)?.into_iter().find(|name| name.starts_with("python"))?;
    let installed = names(&format!("{library}/{version}/site-packages"))?;
    Some(installed.iter().filter(|name| name.ends_with(".dist-info")).count() as u64)
}
