//! `worldflux plugin`.

use std::{fs, path::Path};

use serde_json::json;

use super::{
    args::{GrantArgs, PackArgs, PluginVerb},
    context::Context,
    exit::Exit,
    output::Mark,
    rights,
};
use crate::{
    config::GrantFile,
    names::Moment,
    plugin::{Catalog, PluginError, PluginFile, PluginManifest, Source, pack},
    policy::Grants,
    run::RunError,
};

pub(super) fn plugin(context: &Context, verb: PluginVerb) -> Result<Exit, RunError> {
    match verb {
        PluginVerb::Pack(arguments) => pack_file(context, &arguments),
        PluginVerb::Inspect { file } => inspect(context, &file),
        PluginVerb::Grant(arguments) => grant(context, &arguments),
        PluginVerb::Revoke { plugin } => revoke(context, &plugin),
        PluginVerb::Grants => grants(context),
    }
}

fn pack_file(context: &Context, arguments: &PackArgs) -> Result<Exit, RunError> {
    let read = |path: &Path| fs::read(path).map_err(|cause| PluginError::Read { path: path.to_owned(), cause });
    let component = read(&arguments.component)?;
    let origin = arguments.manifest.display().to_string();
    let text = String::from_utf8(read(&arguments.manifest)?).map_err(|error| PluginError::Read {
        path: arguments.manifest.clone(),
        cause: std::io::Error::new(std::io::ErrorKind::InvalidData, error),
    })?;
    let manifest = PluginManifest::parse(&text, &origin)?;
    let packed =
        pack(&component, &text).map_err(|cause| PluginError::Packing { origin: arguments.component.display().to_string(), cause })?;
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

fn inspect(context: &Context, path: &Path) -> Result<Exit, RunError> {
    let file = PluginFile::read(path)?;
    let inspection = file.inspection()?;
    if context.output.json {
        context.output.document(&json!({
            "manifest": file.manifest, "digest": file.digest, "imports": inspection.imports, "exports": inspection.exports,
        }));
        return Ok(Exit::Ok);
    }
    let about = &file.manifest.plugin;
    let asks = &file.manifest.asks;
    context.output.line(&format!("{} {} ({})", about.name, about.version, about.summary));
    context.output.line(&format!("digest    {}", file.digest));
    context.output.line(&format!("protocol  {}", about.protocol));
    for import in &inspection.imports {
        context.output.line(&format!("imports   {import}"));
    }
    for line in rights::asked(asks) {
        context.output.line(&format!("asks      {line}"));
    }
    Ok(Exit::Ok)
}

fn grant(context: &Context, arguments: &GrantArgs) -> Result<Exit, RunError> {
    let file = find(context, &arguments.plugin)?;
    let name = file.manifest.plugin.name.clone();
    if file.source == Source::Bundled {
        context.output.talk(Mark::Note, &format!("`{name}` is bundled and has all it asks for"));
        return Ok(Exit::Ok);
    }
    let grants = if arguments.all_asked { Grants::all_of(&file.manifest.asks) } else { arguments.grants() };
    for what in grants.beyond(&file.manifest.asks) {
        context.output.talk(Mark::Warning, &format!("plugin `{name}` does not ask for {what}; it will not get it"));
    }
    GrantFile::change(&context.folders()?.config, |granted| granted.grant(file.digest, name.clone(), grants, Moment::now()))?;
    context.output.talk(Mark::Note, &format!("granted to `{name}`, {}", file.digest));
    Ok(Exit::Ok)
}

fn revoke(context: &Context, wanted: &str) -> Result<Exit, RunError> {
    let file = find(context, wanted)?;
    let mut had = false;
    GrantFile::change(&context.folders()?.config, |granted| had = granted.revoke(&file.digest))?;
    let text = if had { "nothing is granted any more" } else { "nothing was granted" };
    context.output.talk(Mark::Note, &format!("`{}`: {text}", file.manifest.plugin.name));
    Ok(Exit::Ok)
}

fn grants(context: &Context) -> Result<Exit, RunError> {
    let file = GrantFile::load(&context.folders()?.config)?;
    if context.output.json {
        context.output.document(&file.entries());
        return Ok(Exit::Ok);
    }
    for (digest, granted) in file.entries() {
        context.output.line(&format!("{} {digest}", granted.name));
        for line in rights::granted(&granted.grants) {
            context.output.line(&format!("  {line}"));
        }
    }
    Ok(Exit::Ok)
}

fn find(context: &Context, wanted: &str) -> Result<PluginFile, RunError> {
    Ok(Catalog::open(&context.plugin_paths()).find(wanted)?)
}
