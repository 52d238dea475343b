//! `worldflux plugin list` and `worldflux plugin grants`.

use serde_json::{Value, json};

use super::{inspect::source, rights};
use crate::{
    cli::{context::Context, exit::Exit, output::Mark},
    config::{Granted, Register},
    names::Digest,
    run::RunError,
};

pub(super) fn list(context: &Context) -> Result<Exit, RunError> {
    let catalog = context.catalog()?;
    let entries = catalog.entries();
    if context.output.json {
        context.output.document(&entries);
    } else {
        let row = |entry: &crate::plugin::Entry| {
            vec![entry.name.to_string(), entry.version.clone(), source(&entry.source), entry.summary.clone()]
        };
        context.output.table(&["NAME", "VERSION", "SOURCE", "SUMMARY"], &entries.iter().map(row).collect::<Vec<_>>());
    }
    for (_, error) in catalog.problems() {
        context.output.talk(Mark::Warning, &error.to_string());
    }
    Ok(Exit::Ok)
}

/// What was granted, also where it cannot be believed: to look at it is how a person finds out.
pub(super) fn grants(context: &Context) -> Result<Exit, RunError> {
    let register = Register::load(&context.folders()?.config)?;
    let protected = context.protected()?;
    let doubt = |digest: &Digest| register.grants_for(digest, &protected).err().map(|error| error.to_string());
    let entries = register.grants().entries();
    if context.output.json {
        let entry = |(digest, granted): (&Digest, &Granted)| {
            let mut value = serde_json::to_value(granted).unwrap_or_default();
            if let (Value::Object(fields), Some(doubt)) = (&mut value, doubt(digest)) {
                fields.insert("not_believed".into(), json!(doubt));
            }
            (digest.to_string(), value)
        };
        context.output.document(&entries.iter().map(entry).collect::<serde_json::Map<_, _>>());
        return Ok(Exit::Ok);
    }
    for (digest, granted) in entries {
        context.output.line(&format!("{} {digest}", granted.name));
        for line in rights::granted(&granted.grants) {
            context.output.line(&format!("  {line}"));
        }
        if let Some(doubt) = doubt(digest) {
            context.output.talk(Mark::Warning, &doubt);
        }
    }
    Ok(Exit::Ok)
}
