//! The start of a strict command.

use std::{os::fd::OwnedFd, time::Instant};

use rustix::process::{DumpableBehavior, set_dumpable_behavior, setsid};

use super::{
    command,
    confine::{self, Init, Plan, Restriction},
    entry::{find, of_setup, own_tree},
    failed::Failed,
    tree::Tree,
    watch::Command,
};
use crate::{
    policy::{Level, Network, View},
    sandbox::{order::Launch, wire::Step},
};

/// Make namespaces with a first process in them, which waits to be told how many others there may be.
pub(super) fn make_namespaces(network: Network) -> Result<Init, Failed> {
    setsid().map_err(of_setup)?;
    confine::enter()?;
    let init = Init::start(network).map_err(Failed::confining("start its first process"))?;
    // What this process reads is not for other programs of the user. Not earlier: the maps are written by the owner of its `/proc`.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(of_setup)?;
    Ok(init)
}

/// Start a command in these namespaces, with a root folder that holds its view.
pub(super) fn start_inside(launch: &Launch, view: &View, streams: [OwnedFd; 3], init: Init) -> Result<Command, Failed> {
    init.bound(view.limits.processes).map_err(Failed::confining("bound the number of its processes"))?;
    // While the first process works.
    let plan = Plan::new(view, Level::Full)?;
    confine::build(&plan, &init, view.limits.memory)?;
    let file = find(launch)?;
    let (mut restriction, told) = Restriction::new(&plan, view.limits, Level::Full)?;
    // In the network of the command, and before it can take the port itself.
    let way_out = confine::way_out(view.network).map_err(Failed::confining("make the way out of its network"))?;
    init.confirm().map_err(Failed::confining("hide its first process"))?;
    let started = Instant::now();
    let begun = command::start_inside(&launch.process, &file, streams, move || restriction.apply());
    let pid = begun.map_err(|error| told.failure(&error).unwrap_or_else(|| Failed::new(Step::Execute, &error, file)))?;
    Ok(Command { pid, tree: Tree::Namespace(init), started, way_out })
}

/// Start a command among the host's own processes and files, of which it can open only its view.
pub(super) fn start_filtered(launch: &Launch, view: &View, streams: [OwnedFd; 3]) -> Result<Command, Failed> {
    let group = own_tree(false)?;
    let plan = Plan::new(view, Level::KernelFilter)?;
    let file = find(launch)?;
    let (mut restriction, told) = Restriction::new(&plan, view.limits, Level::KernelFilter)?;
    let started = Instant::now();
    let begun = command::start(&launch.process, &file, group, streams, move || restriction.apply());
    let pid = begun.map_err(|error| told.failure(&error).unwrap_or_else(|| Failed::new(Step::Execute, &error, file)))?;
    Ok(Command { pid, tree: Tree::Descendants(group), started, way_out: None })
}
