//! `worldflux.toml` or a file of `--spec`, exactly as it was written.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use toml::{
    Spanned,
    de::{DeTable, DeValue, ValueDeserializer},
};

use super::{
    ConfigError, assets::AssetTables, command_line, document::Document, duration, error::Subject, evaluation_spec,
    narrowing::NarrowingTable, network::NETWORK,
};

/// What messages call a run file that came as text.
const INLINE: &str = "spec.json";

/// A run file that was read.
#[derive(Debug)]
pub(super) struct LoadedFile {
    document: Document,
    /// The folder at which relative paths in it start.
    pub(super) folder: PathBuf,
    /// What it says.
    pub(super) run: RunFile,
    /// The tables below `[environment]` that belong to runtimes.
    pub(super) parts: Vec<RuntimePart>,
    /// What in it was accepted and does nothing.
    pub(super) notes: Vec<String>,
    /// Whether it lies on the disk.
    pub(super) is_file: bool,
}

/// What a file says to one runtime.
#[derive(Debug)]
pub(super) struct RuntimePart {
    /// The name of the table, which should be the name of a runtime.
    pub(super) name: String,
    /// Where that name stands.
    pub(super) offset: usize,
    /// The settings.
    pub(super) settings: serde_json::Map<String, serde_json::Value>,
}

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RunFile {
    pub(super) runtime: Option<Spanned<String>>,
    pub(super) command: Option<Spanned<Command>>,
    pub(super) extra_args: Option<Vec<Spanned<String>>>,
    pub(super) timeout: Option<Spanned<String>>,
    pub(super) grace: Option<Spanned<String>>,
    pub(super) max_log: Option<Spanned<String>>,
    pub(super) stdin: Option<Spanned<String>>,
    pub(super) output: Option<Spanned<String>>,
    pub(super) workspace: Option<Spanned<String>>,
    pub(super) source: Option<Spanned<String>>,
    pub(super) interpreter: Option<Spanned<String>>,
    pub(super) sandbox: Option<Spanned<String>>,
    pub(super) network: Option<Spanned<NetworkValue>>,
    pub(super) mode: Option<Spanned<String>>,
    pub(super) adapter: Option<Spanned<String>>,
    pub(super) task: Option<Spanned<String>>,
    pub(super) client_run_id: Option<Spanned<String>>,
    pub(super) artifacts: ArtifactsTable,
    pub(super) assets: AssetTables,
    pub(super) asset_groups: BTreeMap<Spanned<String>, AssetTables>,
    pub(super) asset_order: Option<Vec<Spanned<String>>>,
    pub(super) environment: EnvironmentTable,
    pub(super) plugin: BTreeMap<Spanned<String>, NarrowingTable>,
}

/// `[artifacts]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ArtifactsTable {
    pub(super) include: Option<Vec<Spanned<String>>>,
    pub(super) commit: Option<Vec<Spanned<String>>>,
}

/// `[environment]`, without the parts of the runtimes.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct EnvironmentTable {
    pub(super) name: Option<Spanned<String>>,
    pub(super) include_os_env: Option<bool>,
    pub(super) network: Option<Spanned<String>>,
    pub(super) user: Option<Spanned<String>>,
    pub(super) env: BTreeMap<Spanned<String>, Spanned<String>>,
    pub(super) setup: SetupTable,
    pub(super) commands: CommandsTable,
    pub(super) snapshot: SnapshotTable,
    pub(super) ports: BTreeMap<Spanned<String>, Spanned<i64>>,
    pub(super) mounts: BTreeMap<Spanned<String>, Spanned<MountValue>>,
}

/// The keys of [`EnvironmentTable`]; any other table below `[environment]` belongs to a runtime.
pub(super) const ENVIRONMENT_KEYS: [&str; 10] =
    ["name", "include_os_env", "network", "user", "env", "setup", "commands", "snapshot", "ports", "mounts"];

/// `[environment.setup]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SetupTable {
    pub(super) commands: Option<Vec<Spanned<String>>>,
    pub(super) eval_commands: Option<Vec<Spanned<String>>>,
    pub(super) resume_commands: Option<Vec<Spanned<String>>>,
    pub(super) disable: Option<bool>,
}

/// `[environment.commands]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CommandsTable {
    pub(super) entry_file: Option<Spanned<String>>,
    pub(super) command: Option<Spanned<String>>,
    pub(super) agent_command: Option<Spanned<String>>,
}

/// `[environment.snapshot]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SnapshotTable {
    pub(super) enabled: Option<bool>,
    pub(super) gitignore: Option<bool>,
    pub(super) keep_globs: Option<Vec<Spanned<String>>>,
    pub(super) ignore_globs: Option<Vec<Spanned<String>>>,
    pub(super) compression: Option<Spanned<String>>,
    pub(super) archive_save_dir: Option<Spanned<String>>,
}

/// Which network: one word or one host, or several hosts.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "`none`, `full`, a host, or a list of hosts")]
pub(super) enum NetworkValue {
    One(String),
    Many(Vec<String>),
}

/// A command: a list of words, or one text that is split into words.
#[derive(Debug, Clone)]
pub(super) enum Command {
    Words(Vec<String>),
    Line(String),
}

/// A mount: the path on this machine, alone or with whether it can be written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MountTable {
    pub(super) host: String,
    #[serde(default)]
    pub(super) writable: bool,
}

/// A [`MountTable`], or its `host` alone.
#[derive(Debug, Clone)]
pub(super) struct MountValue(pub(super) MountTable);

impl LoadedFile {
    /// Read a run file.
    pub(super) fn read(path: &Path) -> Result<Self, ConfigError> {
        Self::of(Document::read(path, "the run file")?)
    }

    /// What would stand in a run file in `folder`, as JSON.
    pub(super) fn inline(folder: &Path, text: &str) -> Result<Self, ConfigError> {
        Ok(Self { is_file: false, ..Self::of(Document::of_text(folder.join(INLINE), text))? })
    }

    /// Understand a run file's text.
    pub(super) fn of(document: Document) -> Result<Self, ConfigError> {
        let mut table = document.table()?;
        let notes = evaluation_spec::translate(&document, table.get_mut())?.unwrap_or_default();
        let parts = take_runtime_parts(&document, table.get_mut())?;
        let run = document.convert(table, expected)?;
        let folder = document.path().parent().unwrap_or(Path::new("")).to_owned();
        Ok(Self { document, folder, run, parts, notes, is_file: true })
    }

    pub(super) fn path(&self) -> &Path {
        self.document.path()
    }

    /// The value at `offset` under the path of keys `key`.
    pub(super) fn subject(&self, key: impl Into<String>, offset: usize) -> Subject {
        self.document.subject(key, offset)
    }

    /// A table below `[environment]` that means nothing.
    pub(super) fn unknown_part<'k>(&self, part: &RuntimePart, known: impl IntoIterator<Item = &'k str>) -> ConfigError {
        self.document.unknown_key("environment", &part.name, part.offset, known)
    }
}

/// Move the tables of the runtimes out of `[environment]`, since the host does not know their keys.
fn take_runtime_parts(document: &Document, table: &mut DeTable<'_>) -> Result<Vec<RuntimePart>, ConfigError> {
    let Some(DeValue::Table(environment)) = table.get_mut("environment").map(Spanned::get_mut) else { return Ok(vec![]) };
    let is_part = |name: &str, value: &DeValue<'_>| value.is_table() && !ENVIRONMENT_KEYS.contains(&name);
    let names: Vec<_> =
        environment.iter().filter(|(name, value)| is_part(name.get_ref(), value.get_ref())).map(|(name, _)| name.clone()).collect();
    let mut parts = Vec::new();
    for name in names {
        let Some(value) = environment.remove(name.get_ref().as_ref()) else { continue };
        let key = super::document::join("environment", name.get_ref());
        let unusable = |expected: &str| ConfigError::Value {
            subject: Box::new(document.subject(key.clone(), name.span().start)),
            found: "a table that does not fit into JSON".into(),
            expected: expected.to_owned(),
        };
        let settings = toml::Table::deserialize(ValueDeserializer::from(value)).map_err(|error| unusable(error.message()))?;
        let settings = settings.into_iter().map(|(key, value)| Some((key, json(value)?))).collect::<Option<_>>();
        let settings = settings.ok_or_else(|| unusable("finite numbers"))?;
        parts.push(RuntimePart { name: name.get_ref().clone().into_owned(), offset: name.span().start, settings });
    }
    Ok(parts)
}

/// A TOML value as JSON; a date becomes its text. `None` for a number that JSON does not have.
pub(super) fn json(value: toml::Value) -> Option<serde_json::Value> {
    Some(match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => serde_json::Number::from_f64(number)?.into(),
        toml::Value::Boolean(value) => value.into(),
        toml::Value::Datetime(moment) => moment.to_string().into(),
        toml::Value::Array(values) => values.into_iter().map(json).collect::<Option<Vec<_>>>()?.into(),
        toml::Value::Table(table) => {
            table.into_iter().map(|(key, value)| Some((key, json(value)?))).collect::<Option<serde_json::Map<_, _>>>()?.into()
        }
    })
}

/// What is expected under a key, for values of the wrong type.
fn expected(key: &str) -> Option<&'static str> {
    Some(match key {
        "command" => command_line::EXPECTED,
        "timeout" => TIMEOUT,
        "grace" => duration::EXPECTED,
        "max_log" => crate::names::SIZE,
        "runtime" | "type" => "the name of a runtime, or the path of a `.wasm` file",
        "sandbox" => "`own` or `strict`",
        "network" => NETWORK,
        "mode" => "`agent` or `evaluation`",
        "extra_args" | "artifacts.include" | "artifacts.commit" => "a list of strings",
        key if key.starts_with("environment.mounts.") => MOUNT,
        key if key.starts_with("environment.ports.") => "the number of a port in the environment, from 1 to 65535",
        key if key.starts_with("environment.env.") => "a string",
        _ => return None,
    })
}

/// What is expected as a timeout.
pub(super) const TIMEOUT: &str = "a duration with its unit, such as `90s`, `2h 30m` or `1d`, or `none` for no limit";

const MOUNT: &str = "a path on this machine, or a table such as `{ host = \"data\", writable = true }`";

impl<'de> Deserialize<'de> for Command {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;
        impl<'de> Visitor<'de> for Words {
            type Value = Command;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(command_line::EXPECTED)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Command, E> {
                Ok(Command::Line(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Command, A::Error> {
                let mut words = Vec::new();
                while let Some(word) = elements.next_element()? {
                    words.push(word);
                }
                Ok(Command::Words(words))
            }
        }
        deserializer.deserialize_any(Words)
    }
}

impl<'de> Deserialize<'de> for MountValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Mount;
        impl<'de> Visitor<'de> for Mount {
            type Value = MountValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(MOUNT)
            }

            fn visit_str<E: de::Error>(self, host: &str) -> Result<MountValue, E> {
                Ok(MountValue(MountTable { host: host.to_owned(), writable: false }))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<MountValue, A::Error> {
                MountTable::deserialize(MapAccessDeserializer::new(map)).map(MountValue)
            }
        }
        deserializer.deserialize_any(Mount)
    }
}
