//! What a plugin asks for, as written in the `[asks]` table of its `plugin.toml`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    credential::SecretUse,
    device::DeviceAsk,
    folder::FolderAsk,
    http::PathPrefix,
    http_ask::HttpAsk,
    http_grant::HttpGrant,
    program::ProgramAsk,
    purpose::Purpose,
    resource::{Amount, Resource, ResourceAsk},
    secret::{SecretAsk, SecretName},
    variable,
};

/// Everything that a plugin may ever ask for.
///
/// What it does itself is denied where it is not here, whatever the user grants. What its programs find on the machine, folders and devices,
/// the user can give of their own accord: a plugin cannot know where somebody's data is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Asks {
    /// To launch the command that the user typed, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<Purpose>,
    /// Other programs, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub program: Vec<ProgramAsk>,
    /// Folders of the run and of this machine.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub folder: Vec<FolderAsk>,
    /// Requests over HTTP.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub http: Vec<HttpAsk>,
    /// Secrets, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secret: Vec<SecretAsk>,
    /// Devices of this machine.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub device: Vec<DeviceAsk>,
    /// What its programs use up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resource: Vec<ResourceAsk>,
    /// Environment variables that it sets for the user's command.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub variables: BTreeSet<String>,
}

/// Asks of one kind. A person has to read them all.
const MOST: usize = 64;

impl Asks {
    /// Refuse what no plugin can ask for: too much to be read, one thing twice, a variable that nobody can grant, a credential that is not
    /// among the secrets.
    pub fn check(&self) -> Result<(), String> {
        let program: Vec<_> = self.program.iter().map(|ask| ask.name.to_string()).collect();
        let folder: Vec<_> = self.folder.iter().map(|ask| ask.path.to_string()).collect();
        let secret: Vec<_> = self.secret.iter().map(|ask| ask.name.to_string()).collect();
        let device: Vec<_> = self.device.iter().map(|ask| ask.name.to_string()).collect();
        let resource: Vec<_> = self.resource.iter().map(|ask| ask.most.resource().to_string()).collect();
        for (kind, names) in [("program", &program), ("folder", &folder), ("secret", &secret), ("device", &device), ("resource", &resource)]
        {
            let mut seen = BTreeSet::new();
            if let Some(twice) = names.iter().find(|name| !seen.insert(*name)) {
                return Err(format!("{kind} `{twice}` is asked for twice"));
            }
        }
        let most = [program.len(), folder.len(), secret.len(), self.http.len(), self.variables.len()].into_iter().max();
        if most.is_some_and(|most| most > MOST) {
            return Err(format!("more than {MOST} asks of one kind: nobody would read them"));
        }
        if let Some(ask) = self.program.iter().find(|ask| ask.during.is_empty()) {
            return Err(format!("program `{}` is asked for during no export", ask.name));
        }
        for name in &self.variables {
            variable::grantable(name)?;
        }
        let elsewhere = |ask: &&HttpAsk| {
            let same = |other: &&HttpAsk| other.host == ask.host && !other.ports.is_disjoint(&ask.ports);
            self.http.iter().filter(same).any(|other| other.at != ask.at)
        };
        if let Some(ask) = self.http.iter().find(elsewhere) {
            return Err(format!("`{}` is asked for at two places", ask.host));
        }
        let mut credentials = self.http.iter().flat_map(|ask| &ask.credentials).map(|credential| &credential.secret);
        if let Some(name) = credentials.find(|name| !self.secret.iter().any(|ask| ask.name == **name)) {
            return Err(format!("the credential `{name}` is not among the secrets that are asked for"));
        }
        Ok(())
    }

    /// What is asked for here and was not in `old`, or less of it was. A new purpose for the same right is no growth.
    #[must_use]
    pub fn growth_from(&self, old: &Self) -> Self {
        let program = |ask: &&ProgramAsk| !old.program.iter().any(|had| had.name == ask.name && ask.during.is_subset(&had.during));
        let folder = |ask: &&FolderAsk| !old.folder.iter().any(|had| had.path == ask.path && had.access >= ask.access);
        let within = |ask: &HttpAsk, had: &HttpAsk| {
            let same = had.scheme == ask.scheme && had.host == ask.host && had.at == ask.at && ask.credentials.is_subset(&had.credentials);
            let paths = || ask.paths.iter().all(|path| had.paths.iter().any(|held| held.covers(path)));
            same && ask.ports.is_subset(&had.ports) && ask.methods.is_subset(&had.methods) && paths()
        };
        let had = old.secrets();
        let now = self.secrets();
        let secret = |ask: &&SecretAsk| match (now.get(&ask.name), had.get(&ask.name)) {
            (Some(now), Some(had)) => !now.is_subset(had),
            _ => true,
        };
        let resource = |ask: &&ResourceAsk| old.most(ask.most.resource()).is_none_or(|had| ask.most.is_above(had));
        Self {
            command: self.command.clone().filter(|_| old.command.is_none()),
            program: self.program.iter().filter(program).cloned().collect(),
            folder: self.folder.iter().filter(folder).cloned().collect(),
            http: self.http.iter().filter(|ask| !old.http.iter().any(|had| within(ask, had))).cloned().collect(),
            secret: self.secret.iter().filter(secret).cloned().collect(),
            device: self.device.iter().filter(|ask| !old.device.iter().any(|had| had.name == ask.name)).cloned().collect(),
            resource: self.resource.iter().filter(resource).cloned().collect(),
            variables: self.variables.difference(&old.variables).cloned().collect(),
        }
    }

    /// The requests that are asked for, as the grants that would allow them all.
    #[must_use]
    pub fn http_grants(&self) -> BTreeSet<HttpGrant> {
        let grants = |ask: &HttpAsk| {
            let methods = ask.methods.clone();
            ask.targets().into_iter().map(move |target| HttpGrant { target, methods: Some(methods.clone()) })
        };
        self.http.iter().flat_map(grants).collect()
    }

    /// The secrets that are asked for, each with everything that would be done with it.
    #[must_use]
    pub fn secrets(&self) -> BTreeMap<SecretName, BTreeSet<SecretUse>> {
        let uses = |ask: &SecretAsk| {
            let requests = self.http.iter().flat_map(|http| {
                let own = http.credentials.iter().filter(|credential| credential.secret == ask.name);
                own.flat_map(|credential| {
                    let whole = |mut target: super::http::HttpTarget| {
                        target.path = PathPrefix::root();
                        target
                    };
                    http.targets().into_iter().map(move |target| SecretUse::Request(whole(target), credential.scheme.clone()))
                })
            });
            (ask.name.clone(), requests.chain(ask.in_variable()).collect())
        };
        self.secret.iter().map(uses).collect()
    }

    /// The most of a resource that is asked for.
    #[must_use]
    pub fn most(&self, resource: Resource) -> Option<Amount> {
        self.resource.iter().map(|ask| ask.most).find(|amount| amount.resource() == resource)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<(), String> {
        toml::from_str::<Asks>(text).map_err(|error| error.message().to_owned())?.check()
    }

    #[test]
    fn everything_that_can_be_asked_for_is_read_and_written_back() {
        let text = r#"
            command = "run it"
            variables = ["VIRTUAL_ENV"]
            program = [{ name = "git", purpose = "x", during = ["doctor"] }]
            folder = [{ path = "/output", access = "read", purpose = "x" }, { path = "/data/sets", access = "write", purpose = "x" }]
            http = [{ host = "api.modal.com", methods = ["GET"], credentials = [{ secret = "modal", as = "header", name = "x-modal-token-id" }], purpose = "x" }]
            secret = [{ name = "modal", purpose = "x", variable = "MODAL_TOKEN" }]
            device = [{ name = "gpu", purpose = "x" }]
            resource = [{ name = "memory", most = "8GiB", purpose = "x" }, { name = "processes", most = 64, purpose = "x" }, { name = "cpus", most = 0.5, purpose = "x" }]
        "#;
        let asks: Asks = toml::from_str(text).unwrap();
        asks.check().unwrap();
        assert_eq!(toml::from_str::<Asks>(&toml::to_string(&asks).unwrap()).unwrap(), asks);
    }

    #[test]
    fn growth_is_what_is_new_or_wider_and_not_what_is_said_in_other_words() {
        let asks = |text: &str| toml::from_str::<Asks>(text).unwrap();
        let git = |during: &str| format!("program = [{{ name = 'git', purpose = 'x', during = {during} }}]\n");
        let http =
            |methods: &str, path: &str| format!("http = [{{ host = 'a.b', methods = {methods}, paths = ['{path}'], purpose = 'x' }}]\n");
        let secret = |host: &str, way: &str| {
            let (secret, http) = ("[[secret]]\nname = 'k'\npurpose = 'x'\n", "[[http]]\nmethods = ['GET']\npurpose = 'x'\n");
            format!("{secret}{http}host = '{host}'\ncredentials = [{{ secret = 'k', as = '{way}' }}]\n")
        };
        let other = |host: &str| format!("[[http]]\nmethods = ['GET']\npurpose = 'x'\nhost = '{host}'\n");
        let folder = |access: &str| format!("folder = [{{ path = '/env', access = '{access}', purpose = 'x' }}]\n");
        for (old, new, grows) in [
            (String::new(), "command = 'x'".to_owned(), true),
            ("command = 'x'".into(), "command = 'y'".into(), false),
            ("command = 'x'".into(), String::new(), false),
            (git("['doctor']"), git("['doctor', 'start']"), true),
            (git("['doctor', 'start']"), git("['doctor']"), false),
            (folder("read"), folder("write"), true),
            (folder("write"), folder("read"), false),
            (http("['GET']", "/v1"), http("['GET', 'POST']", "/v1"), true),
            (http("['GET']", "/v1"), http("['GET']", "/v10"), true),
            (http("['GET']", "/v1"), http("['GET']", "/v1/x"), false),
            ("variables = ['A']".into(), "variables = ['A', 'B']".into(), true),
            (secret("a.b", "bearer"), secret("a.b", "bearer"), false),
            (secret("a.b", "bearer"), secret("a.b", "header', name = 'x-key"), true),
            (secret("a.b", "bearer") + &other("c.d"), secret("c.d", "bearer") + &other("a.b"), true),
        ] {
            let growth = asks(&new).growth_from(&asks(&old));
            assert_eq!(growth != Asks::default(), grows, "from `{old}` to `{new}`");
        }
    }

    /// MA01, MA02
    #[test]
    fn what_is_asked_for_twice_or_cannot_be_granted_is_refused() {
        let folder = |path: &str| format!("{{ path = '{path}', access = 'read', purpose = 'x' }}");
        for (text, expected) in [
            (format!("folder = [{}, {}]", folder("/env"), folder("/env")), "folder `/env` is asked for twice"),
            (format!("folder = [{}]", folder("/data/../etc")), "`/data/../etc` cannot be asked for or granted: it has `..` in it"),
            (format!("folder = [{}]", folder("/")), "`/` cannot be asked for or granted: it is the whole machine"),
            (
                format!("folder = [{}]", folder("/proc/self")),
                "`/proc/self` cannot be asked for or granted: `/proc`: what is there is the kernel, not files",
            ),
            ("variables = ['LD_PRELOAD']".into(), "variable `LD_PRELOAD` can make a program run other code; nobody can grant it"),
            ("variables = ['A=B']".into(), "`A=B` is not the name of a variable"),
            ("program = [{ name = 'git', purpose = 'x', during = [] }]".into(), "program `git` is asked for during no export"),
            (
                "http = [{ host = 'a.b', methods = ['GET'], credentials = [{ secret = 'k', as = 'bearer' }], purpose = 'x' }]".into(),
                "the credential `k` is not among the secrets that are asked for",
            ),
            (
                "http = [{ host = 'a.b', methods = ['GET'], at = 'unix:/run/a', purpose = 'x' }, { host = 'a.b', methods = ['PUT'], purpose = 'x' }]".into(),
                "`a.b` is asked for at two places",
            ),
            ("device = [{ name = 'kvm', purpose = 'x' }]".into(), "unknown variant `kvm`, expected `gpu`"),
            (
                format!("variables = [{}]", (0..65).map(|n| format!("'V{n}'")).collect::<Vec<_>>().join(",")),
                "more than 64 asks of one kind: nobody would read them",
            ),
        ] {
            assert_eq!(check(&text).unwrap_err().trim(), expected, "{text}");
        }
    }
}
