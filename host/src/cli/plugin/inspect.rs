//! `worldflux plugin inspect`.

use std::path::Path;

use serde_json::json;

use super::{find::find, rights, words};
use crate::{
    cli::{context::Context, exit::Exit},
    plugin::{PluginFile, Source},
    run::RunError,
};

pub(super) fn inspect(context: &Context, wanted: &str) -> Result<Exit, RunError> {
    // A file is shown whatever it calls itself: to look is safe.
    let path = Path::new(wanted);
    let is_file = wanted.contains('/') || path.extension().is_some_and(|extension| extension == "wasm") || path.is_file();
    let file = if is_file { PluginFile::read(path)? } else { find(context, wanted)? };
    let inspection = file.inspection()?;
    let possible = words::possible(&inspection.imports);
    if context.output.json {
        context.output.document(&json!({
            "manifest": file.manifest, "digest": file.digest, "size": file.bytes().len(), "source": file.source,
            "imports": inspection.imports, "exports": inspection.exports, "possible": possible, "never": words::NEVER,
        }));
        return Ok(Exit::Ok);
    }
    let about = &file.manifest.plugin;
    let asks = rights::asked(&file.manifest.asks);
    let mut lines = vec![
        ("", format!("{} {} ({})", about.name, about.version, about.summary)),
        ("digest", file.digest.to_string()),
        ("size", format!("{} bytes", file.bytes().len())),
        ("source", source(&file.source)),
        ("protocol", about.protocol.clone()),
    ];
    lines.extend(inspection.imports.iter().map(|import| ("imports", import.clone())));
    lines.extend(possible.into_iter().map(|line| ("possible", line)));
    lines.push(("never", words::NEVER.to_owned()));
    if asks.is_empty() {
        lines.push(("asks", "for nothing".to_owned()));
    }
    lines.extend(asks.into_iter().map(|line| ("asks", line)));
    for (key, value) in lines {
        let line = if key.is_empty() { value } else { format!("{key:9} {value}") };
        context.output.line(&line);
    }
    Ok(Exit::Ok)
}

/// Where a plugin came from, in words.
pub(super) fn source(source: &Source) -> String {
    match source {
        Source::Bundled => "bundled".to_owned(),
        Source::File(path) => path.display().to_string(),
        Source::Added(path) => format!("added from {}", path.display()),
    }
}
