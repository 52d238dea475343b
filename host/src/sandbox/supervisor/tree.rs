//! The process tree of the command, and how it is signalled.

use rustix::process::{Pid, Signal, getpid, kill_process, kill_process_group};

use super::confine::{Init, signal_everybody};
use crate::sandbox::proc;

/// All that came of the command, and how it is reached.
pub(super) enum Tree {
    /// The descendants of this process.
    Descendants(Group),
    /// What is in the namespace of this first process.
    Namespace(Init),
    /// What is in the namespace of which this process is the first.
    Everybody,
}

/// The process group of the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    /// Its own.
    Own,
    /// This one of the host, which must never be signalled as a whole.
    Shared(Pid),
}

/// Signal the command and all its descendants, also those that left its group or its session. Each gets the signal once.
///
/// `command` must not be reaped yet: its number is that of its group.
pub(super) fn signal_command(command: Pid, tree: &Tree, signal: Signal) {
    let group = match tree {
        // Beyond a namespace the numbers in `/proc` mean other processes.
        Tree::Namespace(init) if signal == Signal::KILL => return init.end(),
        Tree::Namespace(init) => return init.pass_on(signal),
        Tree::Everybody => return signal_everybody(signal.as_raw()),
        Tree::Descendants(group) => *group,
    };
    let signalled = match group {
        Group::Own => {
            // One call for the whole group: none of it can fork out of reach meanwhile. Fails only if all are gone.
            let _ = kill_process_group(command, signal);
            Some(command)
        }
        Group::Shared(_) => None,
    };
    signal_descendants(signal, signalled);
}

/// Signal every descendant of this process, except the members of the group `except`.
pub(super) fn signal_descendants(signal: Signal, except: Option<Pid>) {
    let me = getpid();
    let mut parents = vec![me];
    while let Some(parent) = parents.pop() {
        for pid in proc::children(parent) {
            parents.push(pid);
            if except.is_some() && proc::stat(pid).is_some_and(|stat| stat.group == except) {
                continue;
            }
            // It may have become a child of this process since the list was read.
            let is_meant = |stat: &proc::Stat| stat.parent == Some(parent) || stat.parent == Some(me);
            if !proc::signal_if(pid, signal, is_meant) && parent == me {
                // A kernel without pidfd. A child of this process keeps its number until it is reaped, which only the caller
                // does; deeper ones become children
                // when their parents are gone.
                let _ = kill_process(pid, signal);
            }
        }
    }
}
