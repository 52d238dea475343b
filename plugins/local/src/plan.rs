//! What would be made, and the key under which it is kept.

use std::path::Path;

use worldflux_plugin::{Failure, Outline, context::Context};

use crate::{
    VERSION,
    inputs::Inputs,
    interpreter,
    settings::{self, Settings, Source},
    translate,
};

pub(crate) fn outline(context: &Context) -> Result<Outline, Failure> {
    translate::check(context)?;
    let settings = settings::read(&context.settings)?;
    if settings.source == Source::Nothing {
        return Ok(Outline::free().step("run the command in the workspace"));
    }
    let inputs = Inputs::read(Path::new(&context.folders.workspace.guest), &settings.source)?;
    let toolchain = interpreter::find(&settings)?;
    let tool = if toolchain.uv { "uv" } else { "pip" };
    let kind = source_words(&settings);
    let wanted = settings.python.as_deref().unwrap_or_default();
    let key = inputs.unknown.is_none().then(|| inputs.key(&[VERSION, tool, &toolchain.identity, wanted, &kind]));
    let outline = Outline::free().makes("venv", "venv").step(format!("make a venv with {tool} from {kind}"));
    let outline = match &inputs.unknown {
        Some(unknown) => outline.step(format!("make it for this run alone, because of `{}`", unknown.escape_debug())),
        None => outline.step("keep it for the next run that asks for the same"),
    };
    Ok(outline.step("run the command in the workspace, with the venv in front of PATH").reuse_key(key))
}

fn source_words(settings: &Settings) -> String {
    match &settings.source {
        Source::Nothing => "nothing".into(),
        Source::Interpreter => format!("python {}", settings.python.as_deref().unwrap_or("3")),
        Source::Requirements(file) => file.clone(),
        Source::Project(folder) if folder.is_empty() => "uv.lock".into(),
        Source::Project(folder) => format!("{folder}/uv.lock"),
    }
}
