//! The way out of a child's network: served here, and every connection written down.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    egress::{Begun, Dialer, Outcome, Password, Proxy, Rules, Wanted, Watcher},
    names::{Cause, Export, Failure},
    policy::{ChildNetwork, Confinement, Denial, Network, NetworkTarget, Permit, StartProcess, View},
    sandbox::{Child, StartOptions, WAY_OUT},
    store::{self, Record, Ticket},
};

/// Under which name connections stand in the record.
const IMPORT: &str = "network.connect";

/// What the programs of a call reach over the network, and how.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    /// The indexes from which strict programs fill an environment.
    pub indexes: ChildNetwork,
    /// What connects to those.
    pub index_dialer: Dialer,
    /// What connects to the hosts that the user named for the command.
    pub dialer: Dialer,
}

/// Who answers for a process that may reach hosts by name.
pub(super) struct Outlet {
    pub(super) dialer: Dialer,
    /// The plugin that starts it.
    pub(super) plugin: String,
    /// What a person types, followed by a host, so that it may reach that as well.
    pub(super) cure: &'static str,
    pub(super) export: Export,
    pub(super) record: Arc<Record>,
}

/// The proxies of a run.
#[derive(Debug, Default)]
pub(super) struct Proxies(Mutex<JoinSet<()>>);

impl Outlet {
    /// The proxy for the process of this permit, told to it by `options`; `None` for one without a network of names.
    pub(super) fn open(&self, permit: &Permit<StartProcess>, options: &mut StartOptions) -> Result<Option<Proxy>, Failure> {
        let Some(hosts) = named(permit) else { return Ok(None) };
        let password = Password::generate().map_err(|error| Failure::new(Cause::Other, format!("no password can be made: {error}")))?;
        let rules = Rules::new(&self.plugin, hosts.clone(), self.cure);
        options.way_out = password.variables(WAY_OUT, &rules);
        let witness = Witness { plugin: self.plugin.clone(), export: self.export, record: self.record.clone() };
        Ok(Some(Proxy::new(rules, password, self.dialer.clone(), Arc::new(witness))))
    }
}

fn named(permit: &Permit<StartProcess>) -> Option<&BTreeSet<NetworkTarget>> {
    match &permit.action().confinement {
        Confinement::Strict(View { network: Network::Named, hosts, .. }) => Some(hosts),
        Confinement::Strict(_) | Confinement::Own => None,
    }
}

impl Proxies {
    /// Serve a child to its end.
    pub(super) fn serve(&self, proxy: Proxy, child: &Child) {
        let Some(listener) = child.take_listener() else { return };
        let over = child.over();
        // A proxy that cannot be served leaves the child without a network, which shows there.
        let served = async move { drop(proxy.serve(listener, over).await) };
        let mut proxies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that are closed are forgotten: a run may start any number of children.
        while proxies.try_join_next().is_some() {}
        proxies.spawn(served);
    }

    /// Wait until the proxies of all children that have ended are closed, and everything about them is written down.
    pub(super) async fn settle(&self) {
        let proxies = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        proxies.join_all().await;
    }
}

/// Writes down what a child connects to.
struct Witness {
    plugin: String,
    export: Export,
    record: Arc<Record>,
}

impl Witness {
    fn call(&self, wanted: &Wanted) -> store::Call {
        // Under the export that started the child: a child that connects without end cannot fill the part of the record that is there for
        // taking things down.
        let action = json!({ "method": wanted.method, "authority": wanted.authority });
        store::Call { export: Some(self.export), import: IMPORT.to_owned(), action }
    }
}

impl Watcher for Witness {
    fn denied(&self, wanted: &Wanted, denial: &Denial) {
        // What does not happen need not be written down, where the record is full.
        let _ = self.record.denied(self.call(wanted), Denial { plugin: self.plugin.clone(), ..denial.clone() });
    }

    fn invalid(&self, wanted: &Wanted, why: &str) {
        let denial = Denial { plugin: String::new(), action: "connect".into(), rule: why.to_owned(), cure: String::new() };
        self.denied(wanted, &denial);
    }

    fn begins(&self, wanted: &Wanted) -> Result<Box<dyn Begun>, String> {
        let ticket = self.record.intent(self.call(wanted)).map_err(|error| format!("the run's record cannot be written: {error}"))?;
        Ok(Box::new(Open { record: self.record.clone(), ticket: Some(ticket) }))
    }
}

/// A connection that goes on.
struct Open {
    record: Arc<Record>,
    ticket: Option<Ticket>,
}

impl Begun for Open {
    fn ended(&mut self, outcome: &Outcome) {
        if let Some(ticket) = self.ticket.take() {
            // Nobody is left to be told that this cannot be written; the intent stands there without an end then.
            let _ = self.record.result(ticket, told(outcome));
        }
    }
}

fn told(outcome: &Outcome) -> Value {
    let Outcome { up, down, lasted, failed } = outcome;
    let traffic = json!({ "up": up, "down": down, "seconds": lasted.as_secs_f64() });
    match failed {
        None => json!({ "ok": traffic }),
        Some(why) => json!({ "failed": { "message": why }, "traffic": traffic }),
    }
}
