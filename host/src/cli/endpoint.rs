//! `worldflux endpoint`.

use serde_json::json;

use super::{
    args::{EndpointAddArgs, EndpointVerb},
    context::Context,
    exit::Exit,
    output::Mark,
};
use crate::{
    config::{EndpointFile, Environment},
    egress::check_authorities,
    policy::{Endpoint, EndpointName, Place},
    run::RunError,
};

pub(super) fn endpoints(context: &Context, verb: EndpointVerb) -> Result<Exit, RunError> {
    match verb {
        EndpointVerb::Add(arguments) => add(context, arguments),
        EndpointVerb::List => list(context),
        EndpointVerb::Remove { endpoints } => remove(context, &endpoints),
    }
}

fn add(context: &Context, arguments: EndpointAddArgs) -> Result<Exit, RunError> {
    let EndpointAddArgs { endpoint: name, at, private, ca } = arguments;
    let refused = |message: String, hint: &str| Err(RunError::Refused { message, hint: hint.into() });
    if at.is_none() && private.is_empty() && ca.is_none() {
        return refused(
            format!("nothing is said of `{name}`"),
            "say where it is with --at, --private or --ca; `worldflux endpoint add --help` explains",
        );
    }
    let here = Environment::current_directory()?;
    let ca = ca.map(|path| here.join(path));
    if let Some(error) = ca.as_deref().and_then(|path| check_authorities(path).err()) {
        return refused(error.to_string(), "give a file of certificates in PEM");
    }
    let said = EndpointFile::change(&context.folders()?.config, |file| file.add(name.clone(), Endpoint { at, private, ca }).clone())?;
    if context.output.json {
        context.output.document(&json!({ "endpoint": name, "said": said }));
    } else {
        context.output.talk(Mark::Note, &format!("`{name}`: {}", words(&said)));
    }
    Ok(Exit::Ok)
}

fn list(context: &Context) -> Result<Exit, RunError> {
    let file = EndpointFile::load(&context.folders()?.config)?;
    if context.output.json {
        context.output.document(file.endpoints());
        return Ok(Exit::Ok);
    }
    let cells = |(name, said): (&EndpointName, &Endpoint)| {
        let or_dash = |text: Option<String>| text.filter(|text| !text.is_empty()).unwrap_or_else(|| "-".into());
        let private = said.private.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let authorities = said.ca.as_ref().map(|path| path.display().to_string());
        vec![name.to_string(), or_dash(said.at.as_ref().map(Place::to_string)), or_dash(Some(private)), or_dash(authorities)]
    };
    let rows: Vec<_> = file.endpoints().0.iter().map(cells).collect();
    context.output.table(&["ENDPOINT", "AT", "PRIVATE", "AUTHORITIES"], &rows);
    Ok(Exit::Ok)
}

fn remove(context: &Context, names: &[EndpointName]) -> Result<Exit, RunError> {
    let config = context.folders()?.config;
    // All or nothing: a name that was mistyped changes nothing.
    let file = EndpointFile::load(&config)?;
    if let Some(unknown) = names.iter().find(|name| !file.endpoints().0.contains_key(name)) {
        let message = format!("nothing was said of `{unknown}`");
        return Err(RunError::Refused { message, hint: "`worldflux endpoint list` shows what was".into() });
    }
    EndpointFile::change(&config, |file| {
        for name in names {
            file.remove(name);
        }
    })?;
    if context.output.json {
        context.output.document(&json!({ "removed": names }));
    } else {
        for name in names {
            context.output.talk(Mark::Note, &format!("`{name}`: forgotten"));
        }
    }
    Ok(Exit::Ok)
}

/// What was said, in words.
fn words(said: &Endpoint) -> String {
    let at = said.at.as_ref().map(|place| format!("is at {place}"));
    let ranges: Vec<_> = said.private.iter().map(ToString::to_string).collect();
    let private = (!ranges.is_empty()).then(|| format!("may be in {}", ranges.join(" and ")));
    let authorities = said.ca.as_ref().map(|path| format!("has a certificate by {}", path.display()));
    [at, private, authorities].into_iter().flatten().collect::<Vec<_>>().join(", ")
}
