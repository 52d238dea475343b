//! From what was asked to a container: who it runs as, what it sees, what it reaches, and what it may use up.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use worldflux_plugin::{Failure, context::Context};

use crate::{
    dialect::LABEL,
    mounts::{self, Mounted},
    settings::{self, Settings, WORKSPACE},
};

/// Who commands run as where the user of this machine is root, and nothing is said: nobody in particular.
const NOT_ROOT: &str = "1000:1000";

/// Keeps a container there until it is removed, and ends at once when it is asked to. Needs no more than a shell and `sleep`.
const KEEP: &str = "trap 'exit 0' TERM INT; while :; do sleep 3600 & wait $!; done";

/// Where published ports listen on this machine: not for others.
const LOOPBACK: &str = "127.0.0.1";

/// A container, as it will be made.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shape {
    pub(crate) settings: Settings,
    pub(crate) user: String,
    pub(crate) network: Network,
    pub(crate) mounts: Vec<Mounted>,
    /// Ports inside, each with the one on this machine; 0 is any.
    pub(crate) ports: BTreeMap<u16, u16>,
    /// What the user should know of the choices.
    pub(crate) notes: Vec<String>,
    variables: BTreeMap<String, String>,
}

/// What a container reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Network {
    None,
    /// The usual one of the daemon, with everything behind it.
    Full,
    /// That of this machine.
    Host,
    Named(String),
}

impl Network {
    /// How the daemon calls it.
    pub(crate) fn mode(&self) -> &str {
        match self {
            Self::None => "none",
            Self::Full => "bridge",
            Self::Host => "host",
            Self::Named(name) => name,
        }
    }

    fn read(field: &str, text: &str) -> Result<Self, Failure> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        match text {
            "none" => Ok(Self::None),
            "full" | "bridge" | "default" => Ok(Self::Full),
            "host" => Ok(Self::Host),
            // Also refuses `container:x`, the network of somebody else's container.
            name if name.len() <= 128 && name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(plain) => {
                Ok(Self::Named(name.to_owned()))
            }
            other => Err(Failure::invalid(field, other, "`none`, `full`, `host`, or the name of a network")),
        }
    }
}

impl Shape {
    /// The container that `context` asks for. `is_rootless` tells whether the daemon has only the rights of its user.
    pub(crate) fn new(context: &Context, is_rootless: bool) -> Result<Self, Failure> {
        let settings = settings::read(&context.settings)?;
        if settings.source.is_none() {
            let failure = Failure::invalid("settings.image", "nothing", "the name of an image, or a `dockerfile`");
            return Err(failure.hint("add `--set image=NAME`, or `image = \"NAME\"` below `[environment.docker]`"));
        }
        if let Some(path) = &context.interpreter {
            return Err(Failure::invalid("interpreter", path, "none: the image has its own"));
        }
        let mut notes = Vec::new();
        let user = user(context, &settings, is_rootless, &mut notes)?;
        let ports = ports(context)?;
        let network = network(context, &settings, !ports.is_empty(), &mut notes)?;
        let mounts = mounts::all(context, &settings)?;
        let mut variables = BTreeMap::new();
        if settings.user.is_none() && context.specification.user.is_empty() && user != "0:0" {
            // The image does not know this user, who then has `/` as home and can write nothing there.
            variables.insert("HOME".to_owned(), "/tmp".to_owned());
        }
        let ports = if matches!(network, Network::Host) { BTreeMap::new() } else { ports };
        Ok(Self { settings, user, network, mounts, ports, notes, variables })
    }

    /// What the daemon is asked to make.
    pub(crate) fn request(&self, context: &Context, image: &str) -> Value {
        let Self { settings, user, network, mounts, ports, variables, .. } = self;
        let bound = |(inside, host): (&u16, &u16)| {
            let host = if *host == 0 { String::new() } else { host.to_string() };
            (format!("{inside}/tcp"), json!([{ "HostIp": LOOPBACK, "HostPort": host }]))
        };
        let mount = |mount: &Mounted| {
            json!({
                "Type": "bind", "Source": mount.host, "Target": mount.target, "ReadOnly": !mount.writable,
                "BindOptions": { "Propagation": "rprivate" },
            })
        };
        let mut host = json!({
            "NetworkMode": network.mode(),
            "Mounts": mounts.iter().map(mount).collect::<Vec<_>>(),
            "PortBindings": ports.iter().map(bound).collect::<serde_json::Map<_, _>>(),
            "CapDrop": ["ALL"],
            "CapAdd": settings.capabilities,
            "SecurityOpt": ["no-new-privileges"],
            "PidsLimit": settings.limits.processes,
            "ReadonlyRootfs": settings.read_only,
            "RestartPolicy": { "Name": "no" },
        });
        if let Some(host) = host.as_object_mut() {
            let limits = &settings.limits;
            for (key, value) in [("Memory", limits.memory), ("NanoCpus", limits.nano_cpus), ("ShmSize", limits.shared_memory)] {
                host.extend(value.map(|value| (key.to_owned(), json!(value))));
            }
            if settings.read_only {
                host.insert("Tmpfs".into(), json!({ "/tmp": "mode=1777" }));
            }
            if let Some(count) = settings.gpus {
                host.insert("DeviceRequests".into(), json!([{ "Count": count, "Capabilities": [["gpu"]] }]));
            }
        }
        json!({
            "Image": image,
            "User": user,
            "Entrypoint": [settings.shell],
            "Cmd": ["-c", KEEP],
            "WorkingDir": settings.workdir,
            "Env": variables.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>(),
            "Labels": { LABEL: context.run.run_id },
            "ExposedPorts": ports.keys().map(|inside| (format!("{inside}/tcp"), json!({}))).collect::<serde_json::Map<_, _>>(),
            "Healthcheck": { "Test": ["NONE"] },
            "HostConfig": host,
        })
    }

    /// Where a server inside has to listen so that its ports are reached: on all its addresses where it has its own network.
    pub(crate) const fn listen(&self) -> &'static str {
        match self.network {
            Network::Full | Network::Named(_) => "0.0.0.0",
            Network::None | Network::Host => "127.0.0.1",
        }
    }

    /// Where a guest path of the run is inside.
    pub(crate) fn inside(&self, guest: &str) -> String {
        match guest.strip_prefix(WORKSPACE) {
            Some(rest) => format!("{}{rest}", self.settings.workdir),
            None => guest.to_owned(),
        }
    }
}

fn user(context: &Context, settings: &Settings, is_rootless: bool, notes: &mut Vec<String>) -> Result<String, Failure> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.-:".contains(c);
    let said = [("settings.user", settings.user.as_deref().unwrap_or_default()), ("specification.user", &context.specification.user)];
    if let Some((field, user)) = said.into_iter().find(|(_, user)| !user.is_empty()) {
        if user.len() > 128 || !user.chars().all(plain) || user.starts_with(['-', ':']) {
            return Err(Failure::invalid(field, user, "`uid`, `uid:gid` or a name"));
        }
        return Ok(user.to_owned());
    }
    // As the older system is told who owns the files.
    let number = |name: &str| {
        let found = context.variables.iter().rfind(|variable| variable.name == name)?;
        found.value.parse::<u32>().ok()
    };
    let own = number("HUID").zip(number("HGID")).or_else(|| context.user());
    Ok(match own {
        _ if is_rootless => "0:0".to_owned(),
        Some((0, _)) => {
            notes.push(format!(
                "you are root, and commands run as {NOT_ROOT} all the same, who can write only where that user may: with `user=0:0` they run \
                 as root of the container"
            ));
            NOT_ROOT.to_owned()
        }
        Some((user, group)) => format!("{user}:{group}"),
        None => NOT_ROOT.to_owned(),
    })
}

fn network(context: &Context, settings: &Settings, has_ports: bool, notes: &mut Vec<String>) -> Result<Network, Failure> {
    let said = [
        ("settings.network", settings.network.as_deref().unwrap_or_default()),
        ("specification.network", context.specification.network.as_str()),
    ];
    let network = match said.into_iter().find(|(_, network)| !network.is_empty()) {
        Some((field, text)) => Network::read(field, text)?,
        None if has_ports => {
            notes.push("the container has the network of the daemon, since ports are asked for".to_owned());
            Network::Full
        }
        None => Network::None,
    };
    match network {
        Network::None if has_ports => Err(Failure::invalid("specification.ports", "ports", "a network: without one nobody reaches them")),
        network => {
            if matches!(network, Network::Host) && has_ports {
                notes.push("ports are not mapped: the container has the network of this machine".to_owned());
            }
            Ok(network)
        }
    }
}

fn ports(context: &Context) -> Result<BTreeMap<u16, u16>, Failure> {
    let mut ports = BTreeMap::new();
    for port in &context.specification.ports {
        if ports.insert(port.inside, port.host).is_some_and(|host| host != port.host) {
            let expected = "a port that is published once";
            return Err(Failure::invalid("specification.ports", port.inside, expected));
        }
    }
    Ok(ports)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use worldflux_plugin::{
        Detail,
        context::{Folder, Folders, Port, RunIdentity, Variable},
    };

    pub(crate) fn context(settings: &str) -> Context {
        let folder = |name: &str| Folder { guest: format!("/{name}"), host: Some(format!("/host/{name}")) };
        let bare = Context::bare("docker");
        let run = RunIdentity { run_id: "r-1".into(), client_run_id: "r-1".into(), ..bare.run };
        let (workspace, source, install) = (folder("workspace"), folder("source"), folder("env"));
        let folders = Folders { workspace, source, install, output: folder("output"), state: folder("state"), ..bare.folders };
        let details = vec![Detail { key: "user".into(), value: "[1001,100]".into() }];
        Context { run, folders, settings: settings.into(), details, ..bare }
    }

    pub(crate) fn image() -> Context {
        context(r#"{"image":"busybox"}"#)
    }

    fn shape(context: &Context) -> Shape {
        Shape::new(context, false).unwrap()
    }

    #[test]
    fn a_container_is_closed_unless_it_is_said_otherwise() {
        let context = image();
        let request = shape(&context).request(&context, "sha256:x");
        assert_eq!(request["User"], "1001:100");
        let host = &request["HostConfig"];
        assert_eq!((&host["NetworkMode"], &host["CapDrop"]), (&json!("none"), &json!(["ALL"])));
        assert_eq!((&host["SecurityOpt"], &host["PidsLimit"]), (&json!(["no-new-privileges"]), &json!(4096)));
        assert_eq!((&host["CapAdd"], &request["Env"]), (&json!([]), &json!(["HOME=/tmp"])));
        let targets: Vec<_> = host["Mounts"].as_array().unwrap().iter().map(|mount| mount["Target"].as_str().unwrap()).collect();
        assert_eq!(targets, ["/workspace", "/output"]);
        assert_eq!(request["Labels"], json!({ "worldflux.run": "r-1" }));
    }

    #[test]
    fn values_of_variables_are_in_no_request() {
        let mut context = image();
        context.variables.push(Variable::new("TOKEN", "s3cret"));
        assert!(!shape(&context).request(&context, "x").to_string().contains("s3cret"));
    }

    /// F142
    #[test]
    fn a_command_runs_as_you_and_never_as_root_unless_that_is_said() {
        let mut context = image();
        context.details[0].value = "[0,0]".into();
        let root = shape(&context);
        assert_eq!((root.user.as_str(), root.notes.len()), ("1000:1000", 1));
        context.variables = vec![Variable::new("HUID", "7"), Variable::new("HGID", "8")];
        assert_eq!(shape(&context).user, "7:8");
        assert_eq!(Shape::new(&context, true).unwrap().user, "0:0", "root of a rootless daemon is its user");
        context.specification.user = "0:0".into();
        assert_eq!(shape(&context).user, "0:0");
        context.settings = r#"{"image":"x","user":"me"}"#.into();
        assert_eq!(shape(&context).user, "me");
        context.settings = r#"{"image":"x","user":"a b"}"#.into();
        assert!(Shape::new(&context, false).is_err());
    }

    /// F143, F138
    #[test]
    fn networks_and_ports_go_together() {
        let mut context = image();
        let mode = |context: &Context| shape(context).network.mode().to_owned();
        for (said, meant) in [("none", "none"), ("full", "bridge"), ("bridge", "bridge"), ("host", "host"), ("benchmark", "benchmark")] {
            context.specification.network = said.into();
            assert_eq!(mode(&context), meant);
        }
        for wrong in ["container:x", "a/b", "-x"] {
            context.specification.network = wrong.into();
            assert!(Shape::new(&context, false).is_err(), "{wrong}");
        }
        context.specification.network = String::new();
        context.specification.ports = vec![Port { host: 8080, inside: 80 }, Port { host: 0, inside: 81 }];
        let open = shape(&context);
        assert_eq!((open.network.mode(), open.listen()), ("bridge", "0.0.0.0"));
        let bound = &open.request(&context, "x")["HostConfig"]["PortBindings"];
        assert_eq!(bound["80/tcp"], json!([{ "HostIp": "127.0.0.1", "HostPort": "8080" }]));
        assert_eq!(bound["81/tcp"][0]["HostPort"], "");
        context.specification.network = "host".into();
        assert!(shape(&context).ports.is_empty() && shape(&context).listen() == "127.0.0.1");
        context.specification.network = "none".into();
        assert!(Shape::new(&context, false).is_err());
    }

    #[test]
    fn limits_and_processors_are_told_to_the_daemon() {
        let context = context(r#"{"image":"x","memory":"1GiB","cpus":0.5,"gpus":"all","read_only":true,"capabilities":["CHOWN"]}"#);
        let host = shape(&context).request(&context, "x")["HostConfig"].clone();
        assert_eq!((&host["Memory"], &host["NanoCpus"]), (&json!(1_i64 << 30), &json!(500_000_000)));
        assert_eq!((&host["DeviceRequests"][0]["Count"], &host["CapAdd"]), (&json!(-1), &json!(["CHOWN"])));
        assert!(host["ReadonlyRootfs"] == true && host["Tmpfs"]["/tmp"].is_string());
    }

    #[test]
    fn without_an_image_nothing_is_made() {
        let failure = Shape::new(&context("{}"), false).unwrap_err();
        assert!(failure.message.contains("settings.image") && failure.hint.unwrap().contains("--set image=NAME"));
    }
}
