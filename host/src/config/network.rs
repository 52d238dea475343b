//! What the user says about the network of the command.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    ConfigError,
    file::NetworkValue,
    sources::{Sourced, Sources, sourced},
};
use crate::policy::{ChildNetwork, NetworkTarget};

/// What is expected under `network`.
pub(super) const NETWORK: &str = "`none`, `full`, or hosts such as `example.test`, `*.example.test:8443` and `http://localhost:8080`";

/// Which network the command reaches where it is strict, and who says so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "said-by", content = "network")]
pub enum NetworkChoice {
    /// Nobody said anything: none where it is strict, and that of the user's shell where it is not.
    #[default]
    Nobody,
    /// The user typed it.
    User(ChildNetwork),
    /// A run file names it, and a run file can come with a project of somebody else.
    File(ChildNetwork),
}

pub(super) fn network(sources: &Sources<'_>) -> Result<NetworkChoice, ConfigError> {
    let typed = &sources.overrides.network;
    if !typed.is_empty() {
        let words: Vec<_> = typed.iter().map(|word| sources.typed("--network", word.as_str())).collect();
        return read(&words).map(NetworkChoice::User);
    }
    let found = sources.strongest().find_map(|file| Some((file, file.run.network.as_ref()?)));
    let Some((file, value)) = found else { return Ok(NetworkChoice::Nobody) };
    let whole = sourced(file, "network", value);
    let words = match whole.value {
        NetworkValue::One(word) => vec![word.as_str()],
        NetworkValue::Many(words) => words.iter().map(String::as_str).collect(),
    };
    if words.is_empty() {
        return Err(whole.wrong_as("an empty list", NETWORK));
    }
    let place = |value| Sourced { value, subject: whole.subject.clone(), base: whole.base };
    let words: Vec<_> = words.into_iter().map(place).collect();
    read(&words).map(NetworkChoice::File)
}

fn read(words: &[Sourced<'_, &str>]) -> Result<ChildNetwork, ConfigError> {
    let mut hosts = BTreeSet::new();
    for word in words {
        let alone = match word.value {
            "none" => ChildNetwork::None,
            "full" => ChildNetwork::Machine,
            host => {
                let target = host.parse::<NetworkTarget>().map_err(|rule| word.wrong(format!("{NETWORK}: {rule}")))?;
                hosts.insert(target);
                continue;
            }
        };
        return if words.len() == 1 { Ok(alone) } else { Err(word.wrong(format!("nothing beside it, or only hosts: {NETWORK}"))) };
    }
    Ok(ChildNetwork::Hosts(hosts))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{Environment, RunOverrides, RunSettings};

    fn resolve(file: &str, typed: &[&str]) -> Result<NetworkChoice, ConfigError> {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("worldflux.toml"), format!("command = 'true'\n{file}")).unwrap();
        let typed = typed.iter().map(|&word| word.to_owned()).collect();
        let overrides = RunOverrides { network: typed, ..RunOverrides::default() };
        let settings = RunSettings::resolve(&overrides, &Environment::from_pairs([("HOME", "/home/ada")]), Path::new(place.path()));
        settings.map(|settings| settings.network)
    }

    fn hosts(texts: &[&str]) -> ChildNetwork {
        ChildNetwork::Hosts(texts.iter().map(|text| text.parse().unwrap()).collect())
    }

    #[test]
    fn what_was_typed_wins_and_it_is_known_who_said_it() {
        assert_eq!(resolve("", &[]).unwrap(), NetworkChoice::Nobody);
        assert_eq!(resolve("network = 'none'", &[]).unwrap(), NetworkChoice::File(ChildNetwork::None));
        assert_eq!(resolve("network = 'a.test'", &[]).unwrap(), NetworkChoice::File(hosts(&["a.test:443"])));
        assert_eq!(
            resolve("network = ['a.test', 'http://b.test']", &[]).unwrap(),
            NetworkChoice::File(hosts(&["a.test", "http://b.test:80"]))
        );
        assert_eq!(
            resolve("network = 'full'", &["A.test.", "*.b.test:8443"]).unwrap(),
            NetworkChoice::User(hosts(&["a.test", "*.b.test:8443"]))
        );
        assert_eq!(resolve("", &["full"]).unwrap(), NetworkChoice::User(ChildNetwork::Machine));
    }

    /// MA02
    #[test]
    fn a_host_that_means_too_much_or_nothing_is_refused_with_the_reason() {
        for word in [
            "",
            "*",
            "*.com",
            "a.test:0",
            "a.test:",
            "127.1",
            "0x7f.1",
            "u@a.test",
            "https://a.test",
            "a.test/x",
            "http://",
            "ftp://a.test",
        ] {
            let error = resolve("", &[word]).unwrap_err().to_string();
            assert!(error.starts_with("`--network` is") && error.contains("expected"), "{error}");
        }
        for (typed, file) in [(vec!["none", "a.test"], ""), (vec!["a.test", "full"], ""), (vec![], "network = []"), (vec![], "network = 7")]
        {
            assert!(resolve(file, &typed).is_err(), "{typed:?} {file}");
        }
        let error = resolve("network = ['a.test', '*']", &[]).unwrap_err().to_string();
        assert!(error.contains("worldflux.toml:2:11: `network` is `*`"), "{error}");
    }
}
