//! From what was written to what is meant: the environment.

use std::collections::BTreeMap;

use super::{
    ConfigError, EnvironmentSettings, HostVariables, Mount, Port, SnapshotRules,
    document::join,
    error::quoted,
    file::{RunFile, SetupTable},
    place,
    resolve::{as_text, globs, label},
    sources::{Sourced, Sources, sourced},
    variable,
};
use crate::workspace::{Compression, IGNORED};

pub(super) fn environment_settings(sources: &Sources<'_>) -> Result<EnvironmentSettings, ConfigError> {
    let text = |key: &str, field: fn(&RunFile) -> Option<&toml::Spanned<String>>| sources.in_files(key, field).map(as_text);
    let lines = |key: &str, field: fn(&SetupTable) -> Option<&Vec<toml::Spanned<String>>>| {
        let list = sources.list_in_files(&format!("environment.setup.{key}"), |file| field(&file.environment.setup));
        list.unwrap_or_default().iter().map(|line| line.parse(shell_line)).collect::<Result<Vec<_>, _>>()
    };
    let typed = sources.overrides.setup.iter().map(|line| sources.typed("--setup", line.as_str()).parse(shell_line));
    let disabled = sources.strongest().find_map(|file| file.run.environment.setup.disable);
    let included = sources.strongest().find_map(|file| file.run.environment.include_os_env);
    let command = text("environment.commands.command", |file| file.environment.commands.command.as_ref());
    let command = command.map_or_else(|| Ok("python".to_owned()), |text| text.parse(prefix))?;
    let agent = text("environment.commands.agent_command", |file| file.environment.commands.agent_command.as_ref());
    let entry = text("environment.commands.entry_file", |file| file.environment.commands.entry_file.as_ref());
    Ok(EnvironmentSettings {
        name: label(text("environment.name", |file| file.environment.name.as_ref()))?,
        variables: variables(sources)?,
        host_variables: match included {
            Some(true) => HostVariables::Included,
            Some(false) => HostVariables::LeftOut,
            None => HostVariables::AsProfile,
        },
        setup_commands: lines("commands", |setup| setup.commands.as_ref())?,
        evaluation_commands: lines("eval_commands", |setup| setup.eval_commands.as_ref())?,
        resume_commands: lines("resume_commands", |setup| setup.resume_commands.as_ref())?,
        typed_setup_commands: typed.collect::<Result<_, _>>()?,
        setup_disabled: sources.overrides.disable_setup || disabled.unwrap_or(false),
        entry_file: entry.map_or_else(|| Ok("{entry_file}".to_owned()), |text| text.parse(entry_file))?,
        agent_command: agent.map_or_else(|| Ok(command.clone()), |text| text.parse(prefix))?,
        command,
        snapshot: snapshot_rules(sources)?,
        ports: ports(sources)?,
        mounts: mounts(sources)?,
        network: label(text("environment.network", |file| file.environment.network.as_ref()))?,
        user: label(text("environment.user", |file| file.environment.user.as_ref()))?,
    })
}

fn shell_line(line: &str) -> Result<String, &'static str> {
    if line.trim().is_empty() || !variable::is_value(line) { Err("a line for the shell") } else { Ok(line.to_owned()) }
}

fn prefix(text: &str) -> Result<String, &'static str> {
    if variable::is_value(text) { Ok(text.trim().to_owned()) } else { Err("the beginning of a command line") }
}

fn entry_file(text: &str) -> Result<String, &'static str> {
    let rest = text.replace("{entry_file}", "");
    if text.trim().is_empty() || rest.contains(['{', '}', '\0']) {
        return Err("a name in which only `{entry_file}` stands in braces");
    }
    Ok(text.to_owned())
}

fn variables(sources: &Sources<'_>) -> Result<BTreeMap<String, String>, ConfigError> {
    let mut variables = BTreeMap::new();
    for file in sources.files {
        for (name, value) in &file.run.environment.env {
            let (key, text) = (join("environment.env", name.get_ref()), as_text(sourced(file, "environment.env", value)));
            if !variable::is_name(name.get_ref()) {
                let name = sourced(file, &key, name);
                return Err(name.wrong_as("named so", variable::EXPECTED_NAME));
            }
            // The value is not shown: it may be a secret.
            if !variable::is_value(text.value) {
                return Err(sourced(file, &key, value).wrong_as("not a usable value", variable::EXPECTED_VALUE));
            }
            variables.insert(name.get_ref().clone(), text.value.to_owned());
        }
    }
    Ok(variables)
}

fn snapshot_rules(sources: &Sources<'_>) -> Result<SnapshotRules, ConfigError> {
    let keep = sources.list_in_files("environment.snapshot.keep_globs", |file| file.environment.snapshot.keep_globs.as_ref());
    let ignore = sources.list_in_files("environment.snapshot.ignore_globs", |file| file.environment.snapshot.ignore_globs.as_ref());
    let compression = sources.in_files("environment.snapshot.compression", |file| file.environment.snapshot.compression.as_ref());
    let folder = sources.in_files("environment.snapshot.archive_save_dir", |file| file.environment.snapshot.archive_save_dir.as_ref());
    let enabled = sources.strongest().find_map(|file| file.run.environment.snapshot.enabled);
    Ok(SnapshotRules {
        enabled: sources.overrides.snapshot || enabled.unwrap_or(false),
        gitignore: sources.strongest().find_map(|file| file.run.environment.snapshot.gitignore).unwrap_or(false),
        keep: globs(keep)?.unwrap_or_default(),
        ignore: globs(ignore)?.unwrap_or_else(|| IGNORED.map(str::to_owned).to_vec()),
        compression: compression.map(as_text).map_or(Ok(Compression::Gz), |text| text.parse(read_compression))?,
        archive_folder: folder.map(|text| as_text(text).path()).transpose()?,
    })
}

fn read_compression(text: &str) -> Result<Compression, &'static str> {
    let wanted = if text.is_empty() { "none" } else { text };
    let named = |kind: &Compression| kind.name().eq_ignore_ascii_case(wanted);
    Compression::ALL.into_iter().find(named).ok_or("`none`, `gz`, `bz2`, `xz` or `zstd`")
}

/// `"8080" = 80`: port 8080 of this machine leads to port 80 inside.
fn ports(sources: &Sources<'_>) -> Result<Vec<Port>, ConfigError> {
    let mut ports = BTreeMap::new();
    for file in sources.files {
        for (host, inside) in &file.run.environment.ports {
            let key = join("environment.ports", host.get_ref());
            let number = host.get_ref().parse::<u16>().ok().filter(|number| number.to_string() == *host.get_ref());
            let named = as_text(sourced(file, &key, host));
            let number = number
                .ok_or_else(|| named.wrong("the number of a port on this machine, from 1 to 65535, or 0 to let the backend choose"))?;
            let value = sourced(file, &key, inside);
            let inside = u16::try_from(*inside.get_ref()).ok().filter(|inside| *inside != 0);
            let inside = inside.ok_or_else(|| {
                value.wrong_as(format!("the number {}", value.value), "the number of a port in the environment, from 1 to 65535")
            })?;
            ports.insert(number, inside);
        }
    }
    Ok(ports.into_iter().map(|(host, inside)| Port { host, inside }).collect())
}

/// `"/data" = "data"`: the key is the target, so no two mounts can have the same one.
fn mounts(sources: &Sources<'_>) -> Result<Vec<Mount>, ConfigError> {
    let mut mounts = BTreeMap::new();
    for file in sources.files {
        for (target, value) in &file.run.environment.mounts {
            let key = join("environment.mounts", target.get_ref());
            let named = as_text(sourced(file, &key, target));
            named.parse(place::mount_target)?;
            let mount = &value.get_ref().0;
            let host = Sourced { value: mount.host.as_str(), subject: file.subject(key, value.span().start), base: &file.folder };
            let path = host.path()?;
            if !path.exists() {
                return Err(host.wrong_as(quoted(&path.to_string_lossy()), "a file or folder that exists on this machine"));
            }
            mounts.insert(target.get_ref().clone(), (path, mount.writable));
        }
    }
    Ok(mounts.into_iter().map(|(target, (host, writable))| Mount { host, target, writable }).collect())
}
