//! `[plugin.NAME]` in a run file: the rights that a project takes from a plugin.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use toml::Spanned;

use super::{ConfigError, file::LoadedFile, sources::Sources};
use crate::{
    names::RuntimeName,
    policy::{Access, Device, FolderName, HttpGrant, Level, Narrowing, ProgramName, Resources, SecretName},
};

/// The table, as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct NarrowingTable {
    command: Option<Spanned<bool>>,
    programs: Option<BTreeSet<ProgramName>>,
    folders: Option<BTreeMap<FolderName, Access>>,
    http: Option<BTreeSet<HttpGrant>>,
    secrets: Option<BTreeSet<SecretName>>,
    devices: Option<BTreeSet<Device>>,
    variables: Option<BTreeSet<String>>,
    resources: Resources,
    level: Option<Spanned<Level>>,
}

/// What every file takes from each plugin. One after the other they only ever take more.
pub(super) fn narrowings(sources: &Sources<'_>) -> Result<BTreeMap<RuntimeName, Vec<Narrowing>>, ConfigError> {
    let mut narrowings: BTreeMap<RuntimeName, Vec<Narrowing>> = BTreeMap::new();
    for file in sources.files {
        for (name, table) in &file.run.plugin {
            let expected = || ConfigError::Value {
                subject: Box::new(file.subject("plugin", name.span().start)),
                found: super::error::quoted(name.get_ref()),
                expected: "the name of a runtime: lower-case letters, digits and `-`".into(),
            };
            let name: RuntimeName = name.get_ref().parse().map_err(|_| expected())?;
            let narrowing = narrowing(file, &name, table)?;
            narrowings.entry(name).or_default().push(narrowing);
        }
    }
    Ok(narrowings)
}

fn narrowing(file: &LoadedFile, name: &RuntimeName, table: &NarrowingTable) -> Result<Narrowing, ConfigError> {
    let widens = |key: &str, offset: usize, option: &str| {
        Err(ConfigError::Widens {
            subject: Box::new(file.subject(format!("plugin.{name}.{key}"), offset)),
            plugin: name.to_string(),
            cure: format!("leave it out here; you yourself allow it with `worldflux plugin grant {name} {option}`"),
        })
    };
    if let Some(command) = table.command.as_ref().filter(|command| *command.get_ref()) {
        return widens("command", command.span().start, "--command");
    }
    if let Some(level) = table.level.as_ref().filter(|level| *level.get_ref() == Level::None) {
        return widens("level", level.span().start, "--unconfined");
    }
    Ok(Narrowing {
        command: table.command.as_ref().map(|command| *command.get_ref()),
        programs: table.programs.clone(),
        folders: table.folders.clone(),
        http: table.http.clone(),
        secrets: table.secrets.clone(),
        devices: table.devices.clone(),
        variables: table.variables.clone(),
        resources: table.resources,
        level: table.level.as_ref().map(|level| *level.get_ref()),
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{
        config::{Environment, RunOverrides, RunSettings},
        policy::Grants,
    };

    fn resolve(text: &str) -> Result<RunSettings, ConfigError> {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("worldflux.toml"), format!("command = 'true'\n{text}")).unwrap();
        RunSettings::resolve(&RunOverrides::default(), &Environment::from_pairs([("HOME", "/home/ada")]), Path::new(place.path()))
    }

    fn grants(text: &str) -> Grants {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn a_project_takes_rights_from_the_plugin_that_it_names_and_from_no_other() {
        let settings = resolve("[plugin.bare]\nprograms = ['git']\ncommand = false\nfolders = { '/env' = 'read' }").unwrap();
        let held = grants("command = true\nprograms = ['git', 'df']\nfolders = { '/env' = 'write', '/data' = 'read' }");
        assert_eq!(settings.narrowed(&"bare".parse().unwrap(), &held), grants("programs = ['git']\nfolders = { '/env' = 'read' }"));
        assert_eq!(settings.narrowed(&"other".parse().unwrap(), &held), held);
    }

    #[test]
    fn a_project_that_gives_rights_is_refused_with_what_to_do_instead() {
        for (text, option) in [("command = true", "--command"), ("level = 'none'", "--unconfined")] {
            let error = resolve(&format!("[plugin.bare]\n{text}")).unwrap_err();
            assert!(error.to_string().contains(":3:") && error.to_string().contains("a project can only take rights away"), "{error}");
            assert!(error.hint().unwrap().contains(&format!("worldflux plugin grant bare {option}")), "{error}");
        }
        for text in [
            "unconfined = true",
            "grant = 'all'",
            "http = ['https://*']",
            "secrets = { x = ['https://a.b bearer'] }",
            "programs = ['*']",
            "folders = { '/' = 'read' }",
            "folders = { '~' = 'read' }",
        ] {
            assert!(resolve(&format!("[plugin.bare]\n{text}")).is_err(), "{text}");
        }
        assert!(resolve("[plugin.'../x']\ncommand = false").is_err());
    }
}
