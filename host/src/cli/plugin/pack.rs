//! `worldflux plugin pack`.

use std::{fs, path::Path};

use serde_json::json;

use crate::{
    cli::{args::PackArgs, context::Context, exit::Exit},
    plugin::{self, PluginError, PluginFile, PluginManifest},
    run::RunError,
};

pub(super) fn pack(context: &Context, arguments: &PackArgs) -> Result<Exit, RunError> {
    let read = |path: &Path| fs::read(path).map_err(|cause| PluginError::Read { path: path.to_owned(), cause });
    let component = read(&arguments.component)?;
    let origin = arguments.manifest.display().to_string();
    let text = String::from_utf8(read(&arguments.manifest)?).map_err(|error| PluginError::Read {
        path: arguments.manifest.clone(),
        cause: std::io::Error::new(std::io::ErrorKind::InvalidData, error),
    })?;
    let manifest = PluginManifest::parse(&text, &origin)?;
    let packed = plugin::pack(&component, &text)
        .map_err(|cause| PluginError::Packing { origin: arguments.component.display().to_string(), cause })?;
    let target = arguments.output.as_ref().unwrap_or(&arguments.component);
    let draft = target.with_extension("wasm.draft");
    let failed = |cause| RunError::Output { path: target.clone(), cause };
    fs::write(&draft, &packed).and_then(|()| fs::rename(&draft, target)).map_err(failed)?;
    let file = PluginFile::read(target)?;
    if context.output.json {
        context.output.document(&json!({ "file": target, "name": manifest.plugin.name, "digest": file.digest }));
    } else {
        context.output.line(&format!("{}: plugin `{}`, {}", target.display(), manifest.plugin.name, file.digest));
    }
    Ok(Exit::Ok)
}
