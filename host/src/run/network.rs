//! What the commands and programs of a run reach over the network.

use super::{error::RunError, host::Host, index::Indexes, resolve::Resolved};
use crate::{
    config::{NetworkChoice, RunSettings},
    egress::Dialer,
    engine::Feature,
    imports::Reach,
    policy::{ChildNetwork, Level, Profile, Rights},
};

/// Which network the user's command reaches. Asked before anything is made.
///
/// With the profile `own` it is that of the user's shell, which nothing holds back. A run file can come with a project of somebody else, and
/// opens the network to a strict command as little as it opens a folder outside of the project: what leaves this machine is the user's to
/// say.
pub(super) async fn of_command(host: &Host, settings: &RunSettings, resolved: &Resolved) -> Result<ChildNetwork, RunError> {
    let rights = &resolved.rights;
    if resolved.description.features.contains(&Feature::Networks) {
        return of_environment(settings, resolved);
    }
    if is_own(settings, rights) {
        return match &settings.network {
            NetworkChoice::Nobody | NetworkChoice::User(ChildNetwork::Machine) | NetworkChoice::File(ChildNetwork::Machine) => {
                Ok(ChildNetwork::Machine)
            }
            NetworkChoice::User(network) | NetworkChoice::File(network) => {
                let rule = "the command sees what your shell sees, its network as well".to_owned();
                Err(refused(network, rule, "add `--sandbox strict`, or name no network"))
            }
        };
    }
    match &settings.network {
        NetworkChoice::Nobody => Ok(ChildNetwork::None),
        NetworkChoice::File(network) if *network != ChildNetwork::None => {
            let rule = format!("the run file of `{}` names it, and a project cannot open the network", settings.project.display());
            Err(refused(network, rule, "to allow it, type it yourself: --network NETWORK"))
        }
        NetworkChoice::User(network) | NetworkChoice::File(network) => {
            let proof = host.proof().await;
            if *network != ChildNetwork::None && !proof.level.is_enough_for(Level::Full) {
                let rule = format!("the sandbox level `{}` of this machine shuts out every network: {}", proof.level, proof.why);
                return Err(refused(network, rule, &proof.fix));
            }
            Ok(network.clone())
        }
    }
}

/// Of a command whose runtime gives it a network: what was typed is the runtime's to do, and nothing on this machine needs one.
fn of_environment(settings: &RunSettings, resolved: &Resolved) -> Result<ChildNetwork, RunError> {
    match &settings.network {
        NetworkChoice::User(network @ ChildNetwork::Hosts(_)) | NetworkChoice::File(network @ ChildNetwork::Hosts(_)) => {
            let rule = format!("the runtime `{}` opens a network as a whole, and not for single hosts", resolved.description.name);
            Err(refused(network, rule, "name `none`, `full`, or in `environment.network` one that the runtime knows"))
        }
        NetworkChoice::Nobody | NetworkChoice::User(_) | NetworkChoice::File(_) => Ok(ChildNetwork::None),
    }
}

/// What strict programs of the run reach, and how hosts are connected to.
pub(super) async fn reach(host: &Host, settings: &RunSettings, rights: &Rights) -> Result<Reach, RunError> {
    let said = host.endpoints()?;
    let dialer = Dialer::new(said.clone());
    if is_own(settings, rights) || !host.proof().await.level.is_enough_for(Level::Full) {
        // Without namespaces there is no network at all: an environment is filled with what is on this machine, or not.
        return Ok(Reach { dialer, ..Reach::default() });
    }
    let Indexes { network: indexes, endpoints } = Indexes::new(&host.environment, &said, &settings.network);
    Ok(Reach { indexes, index_dialer: Dialer::new(endpoints), dialer })
}

fn is_own(settings: &RunSettings, rights: &Rights) -> bool {
    rights.profile(settings.sandbox) == Profile::Own || rights.grants.is_unconfined()
}

fn refused(network: &ChildNetwork, rule: String, cure: &str) -> RunError {
    let reached = network.reached().join(",");
    let network = if reached.is_empty() { "none".to_owned() } else { reached };
    RunError::Network { cure: cure.replace("NETWORK", &network), network, rule }
}
