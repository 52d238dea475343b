//! `worldflux secret`.

use serde::Serialize;
use serde_json::json;

use super::{
    args::{SecretVerb, StoreChoice},
    context::Context,
    exit::Exit,
    output::Mark,
    prompt,
};
use crate::{
    policy::SecretName,
    run::RunError,
    secrets::{LONGEST, SecretValue, Source, Store},
};

/// One line of `list`.
#[derive(Serialize)]
struct Row {
    name: SecretName,
    /// `file`, `keyring`, `variable`; null where it has no value.
    kept_in: Option<&'static str>,
    /// The file or the variable.
    place: Option<String>,
    granted_to: Vec<String>,
}

pub(super) async fn secret(context: &Context, verb: SecretVerb) -> Result<Exit, RunError> {
    match verb {
        SecretVerb::Set { name, store } => set(context, &name, store).await,
        SecretVerb::List => list(context),
        SecretVerb::Remove { name } => remove(context, &name).await,
    }
}

async fn set(context: &Context, name: &SecretName, store: Option<StoreChoice>) -> Result<Exit, RunError> {
    let vault = context.host()?.vault();
    let bytes = match prompt::unseen(context.output, &format!("the value of {name}: ")) {
        Some(Ok(Some(typed))) => typed,
        Some(Ok(None)) => return Ok(Exit::Interrupted),
        Some(Err(cause)) => return Err(RunError::Stdin { path: "the terminal".into(), cause }),
        None => {
            // One more than it may have, and a line feed: so that one that is too long is told as that.
            prompt::piped(LONGEST.0 + 3).map_err(|cause| RunError::Stdin { path: "standard input".into(), cause })?
        }
    };
    let value = SecretValue::typed(name, bytes)?;
    let wanted = store.map(|choice| match choice {
        StoreChoice::File => Store::File,
        StoreChoice::Keyring => Store::Keyring,
    });
    let place = vault.set(name, value, wanted).await?;
    if context.output.json {
        context.output.document(&json!({ "name": name, "kept_in": kind(&place), "place": detail(&place) }));
    } else {
        context.output.talk(Mark::Note, &format!("{name} is kept in {}", words(&place)));
    }
    Ok(Exit::Ok)
}

fn list(context: &Context) -> Result<Exit, RunError> {
    let host = context.host()?;
    let (vault, mut holders) = (host.vault(), host.secret_holders());
    for name in vault.set_secrets()?.into_keys() {
        holders.entry(name).or_default();
    }
    let mut rows = vec![];
    for (name, plugins) in holders {
        let source = vault.source(&name)?;
        rows.push(Row {
            kept_in: source.as_ref().map(kind),
            place: source.as_ref().and_then(detail),
            granted_to: plugins.iter().map(ToString::to_string).collect(),
            name,
        });
    }
    if context.output.json {
        context.output.document(&rows);
        return Ok(Exit::Ok);
    }
    let cells = |row: &Row| {
        let place = match (row.kept_in, &row.place) {
            (None, _) => "nowhere: it has no value".to_owned(),
            (Some(kind), None) => kind.to_owned(),
            (Some(kind), Some(place)) => format!("{kind} {place}"),
        };
        let plugins = if row.granted_to.is_empty() { "-".to_owned() } else { row.granted_to.join(", ") };
        vec![row.name.to_string(), place, plugins]
    };
    context.output.table(&["NAME", "KEPT IN", "GRANTED TO"], &rows.iter().map(cells).collect::<Vec<_>>());
    Ok(Exit::Ok)
}

async fn remove(context: &Context, name: &SecretName) -> Result<Exit, RunError> {
    let vault = context.host()?.vault();
    let removed = vault.remove(name).await?;
    let left = vault.source(name)?;
    if context.output.json {
        context.output.document(&json!({ "name": name, "removed": removed, "kept_in": left.as_ref().map(kind) }));
    } else if removed {
        context.output.line(&format!("{name}: removed"));
    } else {
        context.output.talk(Mark::Error, &format!("there is no secret `{name}` that was set"));
    }
    if let Some(left) = left {
        context.output.talk(Mark::Warning, &format!("{name} still has a value, in {}", words(&left)));
    }
    Ok(if removed { Exit::Ok } else { Exit::Blocked })
}

const fn kind(source: &Source) -> &'static str {
    match source {
        Source::File(_) => "file",
        Source::Keyring => "keyring",
        Source::Variable(_) => "variable",
    }
}

fn detail(source: &Source) -> Option<String> {
    match source {
        Source::File(path) => Some(path.display().to_string()),
        Source::Keyring => None,
        Source::Variable(name) => Some(name.clone()),
    }
}

fn words(source: &Source) -> String {
    match source {
        Source::Keyring => "the keyring of the operating system".to_owned(),
        Source::File(path) => format!("{}, which only you can read", path.display()),
        Source::Variable(name) => format!("the variable {name}"),
    }
}
