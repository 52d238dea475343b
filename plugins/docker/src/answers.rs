//! What the daemons answer, as far as it is read.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// What the daemon says of itself.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[allow(clippy::struct_excessive_bools, reason = "as many as the daemon says")]
pub(crate) struct Info {
    #[serde(deserialize_with = "or_default")]
    pub(crate) server_version: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) operating_system: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) driver: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) docker_root_dir: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) security_options: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) runtimes: BTreeMap<String, Value>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) discovered_devices: Vec<Value>,
    /// What podman says beside them.
    pub(crate) rootless: bool,
    #[serde(deserialize_with = "or_default")]
    pub(crate) cgroup_version: String,
    pub(crate) memory_limit: bool,
    pub(crate) pids_limit: bool,
    pub(crate) cpu_cfs_quota: bool,
    #[serde(deserialize_with = "or_default")]
    pub(crate) containers_running: u64,
}

impl Info {
    /// Whether the daemon has no more rights than its user.
    pub(crate) fn is_rootless(&self) -> bool {
        self.rootless
            || self.security_options.iter().any(|option| option.split(',').any(|part| matches!(part, "name=rootless" | "rootless")))
    }

    /// Whether memory, processes and processors of a container can be limited. Control groups of the first version cannot be given to a user, and
    /// podman says there that it limits, and does not.
    pub(crate) fn limits(&self) -> [bool; 3] {
        let can = !(self.is_rootless() && self.cgroup_version == "1");
        [can && self.memory_limit, can && self.pids_limit, can && (self.cpu_cfs_quota || self.memory_limit)]
    }

    pub(crate) fn has_gpus(&self) -> bool {
        self.runtimes.keys().any(|name| name.contains("nvidia")) || !self.discovered_devices.is_empty()
    }
}

/// Of what the daemon is made.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Version {
    #[serde(deserialize_with = "or_default")]
    pub(crate) components: Vec<Component>,
}

/// A part of it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Component {
    #[serde(deserialize_with = "or_default")]
    pub(crate) name: String,
}

/// An image that is here.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Image {
    pub(crate) id: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) repo_digests: Vec<String>,
}

/// A container.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Container {
    pub(crate) id: String,
    pub(crate) state: State,
    pub(crate) config: Config,
    pub(crate) network_settings: NetworkSettings,
}

/// Where it is in its life.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct State {
    pub(crate) running: bool,
    pub(crate) paused: bool,
    #[serde(rename = "OOMKilled")]
    pub(crate) out_of_memory: bool,
    #[serde(deserialize_with = "or_default")]
    pub(crate) exit_code: i64,
    #[serde(deserialize_with = "or_default")]
    pub(crate) error: String,
}

/// What it was made with.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Config {
    #[serde(deserialize_with = "or_default")]
    pub(crate) labels: BTreeMap<String, String>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) user: String,
}

/// Its ports, as `80/tcp`, with where they are on this machine.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct NetworkSettings {
    #[serde(deserialize_with = "or_default")]
    pub(crate) ports: BTreeMap<String, Option<Vec<Binding>>>,
}

/// Where a port is on this machine.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Binding {
    #[serde(deserialize_with = "or_default")]
    pub(crate) host_port: String,
}

/// `null` is what both daemons write for what is empty.
pub(crate) fn or_default<'d, D: Deserializer<'d>, T: Deserialize<'d> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture<T: for<'d> Deserialize<'d>>(name: &str) -> T {
        let path = format!("{}/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    #[test]
    fn docker_and_podman_tell_of_themselves() {
        let docker: Info = fixture("info.docker.json");
        assert!(docker.server_version.starts_with("20.10") && !docker.is_rootless() && docker.limits() == [true; 3] && !docker.has_gpus());
        let podman: Info = fixture("info.podman.json");
        assert!(podman.is_rootless() && !podman.server_version.is_empty());
        assert_eq!(podman.limits(), [false; 3], "whatever it says");
    }

    #[test]
    fn a_container_tells_its_state_and_its_ports() {
        let container: Container = fixture("container.json");
        assert!(container.state.running && container.config.labels.contains_key(crate::dialect::LABEL));
        let bound = container.network_settings.ports.get("80/tcp").cloned().flatten().unwrap();
        assert_eq!(bound[0].host_port, "49153");
    }
}
