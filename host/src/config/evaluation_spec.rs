//! Environment specs of slop-code-bench, as they are: what one means, said as a run file.
//!
//! A file is one where its top level has `type`, which no run file has. `type` is the runtime, `name`, `environment`, `setup`, `commands` and
//! `snapshot` are the shared part, and `docker` or `local` the part of the runtime.

use std::borrow::Cow;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{ConfigError, document::Document};

/// What the top level of such a file can have.
const TOP: [&str; 8] = ["type", "name", "environment", "setup", "commands", "snapshot", "local", "docker"];

/// What its tables can have.
const TABLES: [(&str, &[&str]); 6] = [
    ("environment", &["env", "include_os_env"]),
    ("setup", &["commands", "eval_commands", "resume_commands"]),
    ("commands", &["entry_file", "command", "agent_command"]),
    ("snapshot", &["keep_globs", "ignore_globs", "compression", "archive_save_dir"]),
    ("local", &["requires_tty", "shell"]),
    ("docker", &["image", "binary", "workdir", "mount_workspace", "extra_mounts", "network", "user"]),
];

type Entry<'t> = (Spanned<Cow<'t, str>>, Spanned<DeValue<'t>>);

/// Say as a run file what such a spec says. What was accepted and does nothing comes back as notes. `None` where it is no such spec.
pub(super) fn translate(document: &Document, table: &mut DeTable<'_>) -> Result<Option<Vec<String>>, ConfigError> {
    let Some(kind) = table.get("type").filter(|_| !table.contains_key("runtime")).cloned() else { return Ok(None) };
    check_keys(document, "", table, &TOP)?;
    for (name, known) in TABLES {
        match table.get(name).map(Spanned::get_ref) {
            Some(DeValue::Table(inner)) => check_keys(document, name, inner, known)?,
            Some(other) => return Err(not_a_table(document, name, table, other)),
            None => {}
        }
    }
    let place = kind.span().start;
    let missing = |key: &str| {
        let (line, column) = document.place(place);
        Err(ConfigError::MissingKey { path: document.path().to_owned(), line, column, key: key.to_owned() })
    };
    if !table.contains_key("name") {
        return missing("name");
    }
    let kind_name = kind.get_ref().as_str().unwrap_or_default().to_owned();
    let image = table.get("docker").and_then(|docker| docker.get_ref().as_table()).is_some_and(|docker| docker.contains_key("image"));
    if kind_name == "docker" && !image {
        return missing("docker.image");
    }
    let mut notes = Vec::new();
    let mut shared = inner(take(table, "environment"));
    for name in ["name", "setup", "commands", "snapshot"] {
        if let Some((key, value)) = take(table, name) {
            shared.insert(key, value);
        }
    }
    if let Some((key, local)) = take(table, "local") {
        let written = local.get_ref().as_table().into_iter().flat_map(|local| local.keys());
        notes.extend(written.map(|name| format!("`local.{}` is accepted and does nothing", name.get_ref())));
        drop(key);
    }
    if let Some((key, docker)) = take(table, "docker") {
        let docker = docker_part(document, docker, &mut shared)?;
        if kind_name == "docker" {
            shared.insert(key, docker);
        } else {
            notes.push(format!("`docker` is accepted and does nothing, since `type` is `{}`", kind_name.escape_debug()));
        }
    }
    take(table, "type");
    table.insert(Spanned::new(kind.span(), Cow::Borrowed("runtime")), kind);
    table.insert(Spanned::new(place..place, Cow::Borrowed("environment")), Spanned::new(place..place, DeValue::Table(shared)));
    Ok(Some(notes))
}

/// What is shared goes to the shared part; the rest is the runtime's.
fn docker_part<'t>(
    document: &Document,
    docker: Spanned<DeValue<'t>>,
    shared: &mut DeTable<'t>,
) -> Result<Spanned<DeValue<'t>>, ConfigError> {
    let span = docker.span();
    let DeValue::Table(mut docker) = docker.into_inner() else { return Ok(Spanned::new(span, DeValue::Table(DeTable::new()))) };
    for name in ["network", "user"] {
        if let Some((key, value)) = take(&mut docker, name) {
            shared.insert(key, value);
        }
    }
    if let Some((key, extra)) = take(&mut docker, "extra_mounts") {
        let wrong = |place: usize, found: &DeValue<'_>| ConfigError::Value {
            subject: Box::new(document.subject("docker.extra_mounts", place)),
            found: super::document::describe(found),
            expected: "a table of paths on this machine, each with where it appears, or with `bind` and `mode` (`ro` or `rw`)".to_owned(),
        };
        let DeValue::Table(extra_mounts) = extra.get_ref() else { return Err(wrong(extra.span().start, extra.get_ref())) };
        let mut mounts = DeTable::new();
        for (host, target) in extra_mounts {
            let found = || wrong(target.span().start, target.get_ref());
            let (target, writable) = match target.get_ref() {
                DeValue::String(target) => (target.clone(), false),
                DeValue::Table(table) => {
                    check_keys(document, "docker.extra_mounts", table, &["bind", "mode"])?;
                    let text = |key: &str| table.get(key).map(|value| value.get_ref().as_str().ok_or_else(found)).transpose();
                    let bind = text("bind")?.ok_or_else(found)?;
                    let writable = match text("mode")? {
                        None | Some("ro") => false,
                        Some("rw") => true,
                        Some(_) => return Err(found()),
                    };
                    (Cow::Owned(bind.to_owned()), writable)
                }
                _ => return Err(found()),
            };
            let place = host.span();
            let mount =
                [(Cow::Borrowed("host"), DeValue::String(host.get_ref().clone())), (Cow::Borrowed("writable"), DeValue::Boolean(writable))];
            let mount = mount.into_iter().map(|(key, value)| (Spanned::new(place.clone(), key), Spanned::new(place.clone(), value)));
            let twice = mounts.insert(Spanned::new(place.clone(), target), Spanned::new(place.clone(), DeValue::Table(mount.collect())));
            if twice.is_some() {
                let subject = Box::new(document.subject("docker.extra_mounts", place.start));
                return Err(ConfigError::Refused {
                    subject,
                    why: "two mounts appear at the same place, and one would hide the other".to_owned(),
                });
            }
        }
        shared.insert(Spanned::new(key.span(), Cow::Borrowed("mounts")), Spanned::new(extra.span(), DeValue::Table(mounts)));
    }
    Ok(Spanned::new(span, DeValue::Table(docker)))
}

fn take<'t>(table: &mut DeTable<'t>, name: &str) -> Option<Entry<'t>> {
    let key = table.keys().find(|key| key.get_ref() == name)?.clone();
    table.remove(name).map(|value| (key, value))
}

fn inner(entry: Option<Entry<'_>>) -> DeTable<'_> {
    match entry.map(|(_, value)| value.into_inner()) {
        Some(DeValue::Table(table)) => table,
        _ => DeTable::new(),
    }
}

fn check_keys(document: &Document, name: &str, table: &DeTable<'_>, known: &[&str]) -> Result<(), ConfigError> {
    match table.keys().find(|key| !known.contains(&key.get_ref().as_ref())) {
        Some(key) => Err(document.unknown_key(name, key.get_ref(), key.span().start, known.iter().copied())),
        None => Ok(()),
    }
}

fn not_a_table(document: &Document, name: &str, table: &DeTable<'_>, found: &DeValue<'_>) -> ConfigError {
    let place = table.get(name).map_or(0, |value| value.span().start);
    ConfigError::Value {
        subject: Box::new(document.subject(name, place)),
        found: super::document::describe(found),
        expected: "a table".to_owned(),
    }
}
