//! Finds the strongest level that holds.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::Arc,
    time::Duration,
};

use super::{
    attacks::{ATTEMPTS, GRANTED, SURVIVOR, UDP},
    bait::Bait,
    canary::{CANARY_ARGUMENT, Line, Orders},
    report::{Canary, Outcome, Proof},
};
use crate::{
    names::{Channel, EndKind},
    policy::{ChildLimits, Confinement, Least, Level, Network, StartProcess, View},
    sandbox::{
        bubblewrap,
        error::SpawnError,
        options::{Capture, StartOptions},
        spare::Spares,
        start::{self, Placed},
        wire::shown,
    },
};

/// Longest time for all attempts at one level.
const PATIENCE: Duration = Duration::from_secs(20);

/// Attack the sandbox of `helper`, strongest level first, but none above `most`, with bait that is laid out in `place`.
pub(in crate::sandbox) fn probe(helper: &Path, place: &Path, most: Level) -> Proof {
    let mut why = String::new();
    let mut first = Vec::new();
    for level in [Level::Full, Level::FullBwrap, Level::KernelFilter].into_iter().filter(|level| *level <= most) {
        match attack(helper, place, level) {
            Ok(canaries) => match canaries.iter().find(|canary| !canary.holds()) {
                None => {
                    let fix = fix(level).to_owned();
                    return Proof { level, canaries, why, fix };
                }
                Some(broken) => {
                    let how = if broken.was == Outcome::Allowed { "was not refused" } else { "was refused" };
                    add(&mut why, level, &format!("\"{}\" {how}: {}", broken.tried, broken.detail));
                    first = if first.is_empty() { canaries } else { first };
                }
            },
            Err(reason) => add(&mut why, level, &reason),
        }
    }
    Proof { level: Level::None, canaries: first, why, fix: fix(Level::None).to_owned() }
}

fn add(why: &mut String, level: Level, reason: &str) {
    if !why.is_empty() {
        why.push_str("; ");
    }
    why.extend(["`", level.name(), "`: ", reason]);
}

/// What lets a machine that has `level` have more.
fn fix(level: Level) -> &'static str {
    match level {
        Level::Full => "",
        Level::FullBwrap => "nothing has to be done: this holds whatever `full` does, and only takes longer to start a program",
        Level::KernelFilter => {
            "let this user make user namespaces (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, \
             kernel.apparmor_restrict_unprivileged_userns=0 or an AppArmor profile for worldflux), or install bubblewrap 0.12 or later as \
             /usr/bin/bwrap where the system lets only that make them (Ubuntu: with its AppArmor profile bwrap-userns-restrict); in a \
             container, allow them and an unmasked /proc; or say that `kernel-filter` is enough"
        }
        Level::None => {
            "use Linux 6.12 or later with Landlock switched on (`landlock` in the kernel's lsm= list) and user namespaces allowed; or use \
             the profile `own`, for programs that you trust as you trust your shell"
        }
    }
}

/// Everything that is tried at one level; an error where it could not be tried.
fn attack(helper: &Path, place: &Path, level: Level) -> Result<Vec<Canary>, String> {
    if level == Level::FullBwrap {
        bubblewrap::check()?;
    }
    let bait = Bait::new(place).map_err(|error| format!("no bait could be laid out in `{}`: {error}", place.display()))?;
    let program = fs::canonicalize(helper).map_err(|error| format!("`{}` is not there: {error}", helper.display()))?;
    let orders = serde_json::to_string(&Orders { level, targets: bait.targets.clone() }).map_err(|error| error.to_string())?;
    let view = View {
        reads: BTreeSet::from([program.clone(), bait.targets.readable.clone()]),
        writes: BTreeSet::from([bait.targets.writable.clone()]),
        least: Least(level),
        network: network(level),
        limits: ChildLimits { processes: GRANTED, ..ChildLimits::default() },
        ..View::default()
    };
    let process = StartProcess {
        argv: vec![program.clone().into(), CANARY_ARGUMENT.into(), orders.into()],
        variables: BTreeMap::new(),
        working_directory: bait.targets.writable.clone(),
        confinement: Confinement::Strict(view),
    };
    let output = Arc::new(Capture::default());
    let options = StartOptions { deadline: Some(PATIENCE), grace: Duration::ZERO, ..StartOptions::new(output.clone()) };
    let placed = Placed { process, level, program: Some(program) };
    let started = start::start(helper, helper, &Spares::default(), placed, options).map_err(reason)?;
    // Nobody answers there: that it can be connected to is all that is tried.
    let _way_out = started.child.take_listener();
    let exit = started.follow();
    if exit.ending.kind != (EndKind::Exited { code: 0 }) {
        let said = shown(String::from_utf8_lossy(&output.bytes(Channel::Stderr)).as_ref());
        return Err(format!("the canary did not come to its end: {:?}, {} {said}", exit.ending.kind, exit.ending.evidence));
    }
    judge(&bait, level, &output.bytes(Channel::Stdout))
}

/// The widest network that a stranger's command can have: none but a way to the host, where there are namespaces for it. One without that way is the
/// same without the socket.
fn network(level: Level) -> Network {
    if level.is_enough_for(Level::FullBwrap) { Network::Named } else { Network::None }
}

fn reason(error: SpawnError) -> String {
    match error {
        SpawnError::SandboxUnavailable { why, .. } => why,
        other => other.to_string(),
    }
}

/// What the canary said, and what only the host can see.
fn judge(bait: &Bait, level: Level, said: &[u8]) -> Result<Vec<Canary>, String> {
    let lines = said.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Line>(line).ok());
    let mut lines: BTreeMap<String, Line> = lines.map(|line| (line.name.clone(), line)).collect();
    let mut canaries = Vec::new();
    for attempt in ATTEMPTS.iter().filter(|attempt| level >= attempt.from) {
        let Some(Line { mut was, detail, .. }) = lines.remove(attempt.name) else {
            return Err(format!("the canary did not try \"{}\"", attempt.tried));
        };
        let is_alive = match attempt.name {
            UDP => Some(bait.was_told()),
            SURVIVOR => Some(bait.has_survivor().map_err(|error| error.to_string())?),
            _ => None,
        };
        let detail = match is_alive {
            None => detail,
            Some(true) => "it was there afterwards".into(),
            Some(false) if was == Outcome::Blocked => detail,
            Some(false) => "it worked, and nothing of it was there afterwards".into(),
        };
        if let Some(is_alive) = is_alive {
            was = if is_alive { Outcome::Allowed } else { Outcome::Blocked };
        }
        canaries.push(Canary { name: attempt.name.into(), tried: attempt.tried.into(), must: attempt.must, was, detail });
    }
    Ok(canaries)
}
