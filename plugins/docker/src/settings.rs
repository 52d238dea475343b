//! What the user may write under this runtime, as typed and as meant.

use std::collections::BTreeMap;

use serde::Deserialize;
use worldflux_plugin::{Failure, context};

/// JSON Schema of the settings.
pub(crate) const SCHEMA: &str = include_str!("settings.schema.json");

/// Where the folders of a run appear in a container.
pub(crate) const WORKSPACE: &str = "/workspace";
pub(crate) const OUTPUT: &str = "/output";
pub(crate) const ASSETS: &str = "/static";

/// The most processes at once unless it is said. Stops a fork bomb from taking the machine with it.
const PROCESSES: i64 = 4096;

/// The capabilities that docker leaves to every container unless it is told otherwise. No other can be kept: with some of them root of a
/// container is root of the machine.
const USUAL: [&str; 14] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// As typed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Typed {
    image: Option<String>,
    pull: Pull,
    dockerfile: Option<String>,
    context: Option<String>,
    build_args: BTreeMap<String, String>,
    bake: bool,
    rebuild: bool,
    binary: Option<Client>,
    workdir: Option<String>,
    mount_workspace: Option<bool>,
    user: Option<String>,
    network: Option<String>,
    memory: Option<String>,
    cpus: Option<f64>,
    processes: Option<i64>,
    shared_memory: Option<String>,
    gpus: Option<Gpus>,
    capabilities: Vec<String>,
    read_only: bool,
    shell: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Gpus {
    Number(i64),
    Word(String),
}

/// As meant.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own, as the user wrote it")]
pub(crate) struct Settings {
    /// Where the image comes from; `None` where nothing is said, as when doctor is asked without a run.
    pub(crate) source: Option<Source>,
    pub(crate) bake: bool,
    pub(crate) rebuild: bool,
    pub(crate) client: Option<Client>,
    /// Where commands run.
    pub(crate) workdir: String,
    pub(crate) mount_workspace: bool,
    pub(crate) user: Option<String>,
    pub(crate) network: Option<String>,
    pub(crate) limits: Limits,
    /// How many graphics processors; -1 is all.
    pub(crate) gpus: Option<i64>,
    pub(crate) capabilities: Vec<String>,
    pub(crate) read_only: bool,
    pub(crate) shell: String,
}

/// Where the image comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// A registry, or what is here.
    Image(String, Pull),
    /// A Dockerfile and the folder that it copies from, both relative to the workspace.
    Dockerfile { file: String, folder: String, arguments: BTreeMap<String, String> },
}

/// When an image is fetched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Pull {
    #[default]
    Missing,
    Always,
    Never,
}

/// The program that connects a command with its input and output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Client {
    Docker,
    Podman,
}

/// What a container may use up.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Limits {
    /// Bytes.
    pub(crate) memory: Option<i64>,
    /// In thousandths of a millionth of a processor.
    pub(crate) nano_cpus: Option<i64>,
    pub(crate) processes: i64,
    /// Bytes.
    pub(crate) shared_memory: Option<i64>,
}

impl Client {
    /// The name of the program.
    pub(crate) const fn program(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
        }
    }
}

/// Reads and checks the settings.
pub(crate) fn read(text: &str) -> Result<Settings, Failure> {
    let typed: Typed = context::parse(text)?;
    let source = source(&typed)?;
    let workdir = typed.workdir.unwrap_or_else(|| WORKSPACE.to_owned());
    if !is_place(&workdir) {
        return Err(Failure::invalid("settings.workdir", workdir, "an absolute path such as `/workspace`, without `..`"));
    }
    if [OUTPUT, ASSETS, "/proc", "/sys", "/dev"].iter().any(|taken| is_below(&workdir, taken) || is_below(taken, &workdir)) {
        return Err(Failure::invalid("settings.workdir", workdir, "another place: that one is taken"));
    }
    let gpus = match typed.gpus {
        None => None,
        Some(Gpus::Number(count)) if count > 0 => Some(count),
        Some(Gpus::Word(word)) if word == "all" => Some(-1),
        Some(Gpus::Number(count)) => return Err(Failure::invalid("settings.gpus", count, "`all`, or a number from 1 on")),
        Some(Gpus::Word(word)) => return Err(Failure::invalid("settings.gpus", word, "`all`, or a number from 1 on")),
    };
    let capabilities = typed.capabilities.iter().map(|name| capability(name)).collect::<Result<_, _>>()?;
    #[expect(clippy::cast_possible_truncation, reason = "at most 4096 processors, as the schema and the line above say")]
    let nano_cpus = match typed.cpus {
        Some(cpus) if !(cpus > 0.0 && cpus <= 4096.0) => {
            return Err(Failure::invalid("settings.cpus", cpus, "a number of processors above 0, such as 1.5"));
        }
        cpus => cpus.map(|cpus| (cpus * 1e9) as i64),
    };
    let limits = Limits {
        memory: typed.memory.as_deref().map(|text| bytes("settings.memory", text)).transpose()?,
        nano_cpus,
        processes: typed.processes.unwrap_or(PROCESSES),
        shared_memory: typed.shared_memory.as_deref().map(|text| bytes("settings.shared_memory", text)).transpose()?,
    };
    Ok(Settings {
        source,
        bake: typed.bake,
        rebuild: typed.rebuild,
        client: typed.binary,
        workdir,
        mount_workspace: typed.mount_workspace.unwrap_or(true),
        user: typed.user.filter(|user| !user.is_empty()),
        network: typed.network.filter(|network| !network.is_empty()),
        limits,
        gpus,
        capabilities,
        read_only: typed.read_only,
        shell: typed.shell.unwrap_or_else(|| "/bin/sh".to_owned()),
    })
}

fn source(typed: &Typed) -> Result<Option<Source>, Failure> {
    match (&typed.image, &typed.dockerfile) {
        (None, None) => Ok(None),
        (Some(_), Some(file)) => Err(Failure::invalid("settings.dockerfile", file, "`image` or `dockerfile`, not both")),
        (Some(image), None) if is_reference(image) => Ok(Some(Source::Image(image.clone(), typed.pull))),
        (Some(image), None) => Err(Failure::invalid("settings.image", image, "the name of an image, such as `python:3.12-slim`")),
        (None, Some(file)) => {
            let file = context::in_workspace("settings.dockerfile", file, "docker/Dockerfile")?;
            let folder = match &typed.context {
                Some(folder) => context::in_workspace("settings.context", folder, "docker/Dockerfile")?,
                None => file.rsplit_once('/').map_or_else(String::new, |(folder, _)| folder.to_owned()),
            };
            if file.is_empty() {
                return Err(Failure::invalid("settings.dockerfile", &file, "a file, such as `Dockerfile`"));
            }
            Ok(Some(Source::Dockerfile { file, folder, arguments: typed.build_args.clone() }))
        }
    }
}

/// Whether `text` can be the name of an image. What it would do in a path of the API decides: it is one there.
fn is_reference(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
    let part = |part: &str| !matches!(part, "" | "." | "..");
    text.len() <= 512 && text.chars().all(plain) && text.split('/').all(part) && text.starts_with(|c: char| c.is_ascii_alphanumeric())
}

/// Whether `path` is an absolute path in its one spelling, and not `/`.
pub(crate) fn is_place(path: &str) -> bool {
    let name = |name: &str| !matches!(name, "" | "." | "..") && !name.chars().any(char::is_control);
    path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(name))
}

/// Whether `path` is `folder` or below, name by name.
pub(crate) fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn capability(name: &str) -> Result<String, Failure> {
    let bare = name.to_ascii_uppercase();
    let bare = bare.strip_prefix("CAP_").unwrap_or(&bare);
    let known = USUAL.iter().find(|usual| **usual == bare);
    known.map(|name| (*name).to_owned()).ok_or_else(|| {
        let expected = format!("one of {}: with others a container could take over the machine", USUAL.join(", "));
        Failure::invalid("settings.capabilities", name, expected)
    })
}

/// `8GiB` in bytes.
fn bytes(field: &str, text: &str) -> Result<i64, Failure> {
    let wrong = || Failure::invalid(field, text, "a size such as `512MiB` or `8GiB`");
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit: i64 = match unit.trim() {
        "" | "B" => 1,
        "KB" => 1_000,
        "KiB" => 1 << 10,
        "MB" => 1_000_000,
        "MiB" => 1 << 20,
        "GB" => 1_000_000_000,
        "GiB" => 1 << 30,
        "TB" => 1_000_000_000_000,
        "TiB" => 1 << 40,
        _ => return Err(wrong()),
    };
    number.parse::<i64>().ok().and_then(|number| number.checked_mul(unit)).filter(|bytes| *bytes > 0).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_has_the_safer_meaning() {
        let settings = read(r#"{"image":"busybox"}"#).unwrap();
        assert_eq!(settings.source, Some(Source::Image("busybox".into(), Pull::Missing)));
        assert_eq!((settings.network, settings.user, settings.limits.processes), (None, None, 4096));
        assert!(settings.capabilities.is_empty() && settings.mount_workspace && !settings.bake);
        assert_eq!((settings.workdir.as_str(), settings.shell.as_str()), ("/workspace", "/bin/sh"));
        assert_eq!(read("").unwrap().source, None);
    }

    #[test]
    fn a_dockerfile_brings_its_folder() {
        let folder = |text: &str| match read(text).unwrap().source {
            Some(Source::Dockerfile { folder, .. }) => folder,
            other => panic!("{other:?}"),
        };
        assert_eq!(folder(r#"{"dockerfile":"Dockerfile"}"#), "");
        assert_eq!(folder(r#"{"dockerfile":"./a/b/../Dockerfile"}"#), "a");
        assert_eq!(folder(r#"{"dockerfile":"a/Dockerfile","context":"."}"#), "");
    }

    #[test]
    fn what_could_take_over_the_machine_or_leave_the_workspace_is_refused() {
        for text in [
            r#"{"image":"../x"}"#,
            r#"{"image":"a//b"}"#,
            r#"{"image":"a?b"}"#,
            r#"{"image":"-a"}"#,
            r#"{"image":"a","dockerfile":"b"}"#,
            r#"{"dockerfile":"../Dockerfile"}"#,
            r#"{"dockerfile":"/etc/Dockerfile"}"#,
            r#"{"dockerfile":"."}"#,
            r#"{"image":"a","workdir":"work"}"#,
            r#"{"image":"a","workdir":"/a/../b"}"#,
            r#"{"image":"a","workdir":"/output/x"}"#,
            r#"{"image":"a","workdir":"/proc"}"#,
            r#"{"image":"a","capabilities":["SYS_ADMIN"]}"#,
            r#"{"image":"a","capabilities":["ALL"]}"#,
            r#"{"image":"a","gpus":0}"#,
            r#"{"image":"a","gpus":"some"}"#,
            r#"{"image":"a","cpus":0}"#,
            r#"{"image":"a","memory":"lots"}"#,
            r#"{"image":"a","memory":"0"}"#,
            r#"{"image":"a","privileged":true}"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_and_capabilities_have_several_spellings() {
        let settings =
            read(r#"{"image":"a","memory":"8GiB","shared_memory":"1 MB","capabilities":["cap_chown","KILL"],"cpus":1.5}"#).unwrap();
        assert_eq!((settings.limits.memory, settings.limits.shared_memory), (Some(8 << 30), Some(1_000_000)));
        assert_eq!(settings.limits.nano_cpus, Some(1_500_000_000));
        assert_eq!(settings.capabilities, ["CHOWN", "KILL"]);
    }

    #[test]
    fn the_schema_names_the_same_settings() {
        let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
        let names: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
        let wrong = read(r#"{"nothing":1}"#).unwrap_err().message;
        for name in &names {
            assert!(wrong.contains(&format!("`{name}`")), "{name}: {wrong}");
        }
        assert_eq!(names.len(), 20);
    }
}
