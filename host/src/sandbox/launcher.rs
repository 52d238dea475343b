//! Starts commands.

use std::{
    collections::BTreeMap,
    env,
    ffi::{OsStr, OsString},
    io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    thread,
};

use tokio::sync::oneshot;

use super::{
    child::Child,
    error::{SpawnError, failed},
    group::{self, Controller},
    helper::Kind,
    interpreter::{Needs, needs, tool},
    options::StartOptions,
    proof::{self, Memory, Proof},
    spare::Spares,
    start::{Placed, Started, start},
    supervisor::search_path,
    wire::{HELPER_ARGUMENT, shown},
};
use crate::policy::{Confinement, Level, Network, Permit, Profile, StartProcess, Tool, View};

/// Stack of a thread that only follows a child.
const STACK: usize = 256 << 10;

/// Starts commands, each under a supervisor of its own. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Launcher {
    helper: Arc<Path>,
    program: Arc<Path>,
    spares: Arc<Spares>,
    proof: Arc<OnceLock<Arc<Proof>>>,
    memory: Option<Arc<Memory>>,
    most: Level,
}

impl Default for Launcher {
    fn default() -> Self {
        Self::with_helper(PathBuf::from("/proc/self/exe"))
    }
}

impl Launcher {
    /// A launcher whose supervisor is `helper`: a program that calls [`dispatch`](super::dispatch) first in its `main`. The default is the
    /// program that runs now, which then has to do so itself.
    #[must_use]
    pub fn with_helper(helper: PathBuf) -> Self {
        let helper: Arc<Path> = helper.into();
        Self { program: Arc::clone(&helper), helper, spares: Arc::default(), proof: Arc::default(), memory: None, most: Level::Full }
    }

    /// A launcher whose supervisor is `helper`, a small program that calls only [`dispatch`](super::dispatch), and whose other children of
    /// this kind are the program that runs now.
    #[must_use]
    pub fn with_supervisor(helper: PathBuf) -> Self {
        Self { helper: helper.into(), ..Self::default() }
    }

    /// Keep the proof of what confines strict commands in this folder, which must exist and be writable for this user alone. It is found
    /// out again after a restart of the machine, with another version of this program, and wherever else it could have changed.
    #[must_use]
    pub fn remembering(self, folder: PathBuf) -> Self {
        Self { memory: Some(Arc::new(Memory::new(folder))), ..self }
    }

    /// A launcher that confines at this level or a weaker one, as on a machine that has no more: what needs more is refused. What it finds out
    /// is not remembered.
    #[must_use]
    pub fn at_most(self, level: Level) -> Self {
        Self { most: level, proof: Arc::default(), memory: None, ..self }
    }

    /// The program that is started again for what is no supervisor's work.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Start `count` supervisors in the background, for commands of this profile that will be wanted in a moment. Starting one takes longer
    /// than a short program runs, making namespaces for a strict one longer still, and the host has something else to do meanwhile.
    pub fn prepare(&self, count: usize, profile: Profile) {
        if is_supervisor() {
            return;
        }
        let kind = if profile == Profile::Strict { Kind::Inside } else { Kind::Any };
        let launcher = self.clone();
        let fill = move || {
            let spares = launcher.spares.of(kind);
            // Where nothing confines at the highest level, namespaces are of no use.
            if kind == Kind::Inside && launcher.proof().level != Level::Full {
                spares.give_up();
            }
            spares.fill(&launcher.helper, kind);
        };
        let spares = self.spares.of(kind);
        spares.expect(count);
        if thread::Builder::new().name("spares".into()).stack_size(STACK).spawn(fill).is_err() {
            spares.give_up();
        }
    }

    /// Start what is permitted. Answers when the command runs, or when it is known why it does not.
    ///
    /// A strict command is started at the strongest level that was proven on this machine, and not at all where that is weaker than what it
    /// needs; the first one waits until that is known. A caller that is given up before the answer leaves nothing running.
    pub async fn start(&self, permit: Permit<StartProcess>, options: StartOptions) -> Result<Child, SpawnError> {
        let process = permit.into_action();
        check(&process)?;
        if is_supervisor() {
            let source = io::Error::other("this program was started as a supervisor, and does not call `dispatch` first");
            return Err(SpawnError::Supervisor { what: "be one", source });
        }
        let launcher = self.clone();
        let (answer, started) = oneshot::channel();
        // A thread of its own for each child: starting blocks, and the end of the child is awaited somewhere.
        thread::Builder::new()
            .name("child".into())
            .stack_size(STACK)
            .spawn(move || match launcher.start_now(process, options) {
                Ok(Started { child, following }) => {
                    // Where nobody waits for the answer the child is dropped here, and so killed.
                    drop(answer.send(Ok(child)));
                    following.follow();
                }
                Err(error) => drop(answer.send(Err(error))),
            })
            .map_err(failed("start a thread"))?;
        started
            .await
            .unwrap_or_else(|_| Err(SpawnError::Supervisor { what: "start the command", source: io::Error::other("its thread is gone") }))
    }

    /// What confines strict commands on this machine, and how that is known. Takes a moment the first time: it is found out by attacks.
    #[must_use]
    pub fn proof(&self) -> Arc<Proof> {
        let find = || {
            let known = self.memory.as_ref().and_then(|memory| memory.recall(&self.helper));
            Arc::new(known.unwrap_or_else(|| self.prove_again()))
        };
        Arc::clone(self.proof.get_or_init(find))
    }

    /// What a bare name means to a program with these variables, and the digest of its file, so that another one in its place is noticed. `None`
    /// where there is no such program.
    pub fn tool(name: &OsStr, variables: BTreeMap<OsString, OsString>) -> Result<Option<Tool>, SpawnError> {
        tool(name, variables)
    }

    /// Whether a limit on memory holds for all processes of a command together on this machine, and not only for each of them.
    #[must_use]
    pub fn bounds_trees(&self) -> bool {
        group::is_there(Controller::Memory)
    }

    /// Whether a limit on processors holds on this machine. It does so for all processes of a command together, or not at all.
    #[must_use]
    pub fn bounds_processors(&self) -> bool {
        group::is_there(Controller::Processors)
    }

    /// The same, found out anew whatever is remembered, which the answer replaces.
    #[must_use]
    pub fn prove_again(&self) -> Proof {
        let place = self.memory.as_ref().map_or(Path::new("/tmp"), |memory| memory.folder());
        let proof = proof::probe(&self.program, place, self.most);
        if let Some(memory) = &self.memory {
            memory.keep(&self.helper, &proof);
        }
        proof
    }

    fn start_now(&self, process: StartProcess, mut options: StartOptions) -> Result<Started, SpawnError> {
        let mut placed = self.place(process)?;
        if has_way_out(&placed.process.confinement) {
            placed.process.variables.append(&mut options.way_out);
        }
        let started = start(&self.helper, &self.program, &self.spares, placed, options);
        if let (Err(SpawnError::SandboxUnavailable { .. }), Some(memory)) = (&started, &self.memory) {
            // What was proven does not hold any more.
            memory.forget();
        }
        started
    }

    /// Decide what confines the process.
    fn place(&self, mut process: StartProcess) -> Result<Placed, SpawnError> {
        let Confinement::Strict(view) = &process.confinement else { return Ok(Placed { process, level: Level::None, program: None }) };
        let (proof, needed) = (self.proof(), view.least.0);
        if !proof.level.is_enough_for(needed) {
            let program = process.argv.first().map(shown).unwrap_or_default();
            let Proof { level, why, fix, .. } = &*proof;
            return Err(SpawnError::SandboxUnavailable { program, needed, have: *level, why: why.clone(), fix: fix.clone() });
        }
        if !proof.level.is_enough_for(Level::FullBwrap) && view.network != Network::None {
            let program = process.argv.first().map(shown).unwrap_or_default();
            return Err(SpawnError::NoNetwork { program, have: proof.level, fix: proof.fix.clone() });
        }
        if proof.level == Level::None {
            // It asked for no sandbox, and there is none.
            return Ok(Placed { process, level: Level::None, program: None });
        }
        let Needs { program, reads, path_prefix } = needs(&process, view)?;
        if let Confinement::Strict(view) = &mut process.confinement {
            view.reads.extend(reads);
        }
        if let Some(folder) = path_prefix {
            let path = search_path(&process);
            let path = env::join_paths(std::iter::once(folder).chain(env::split_paths(&path)));
            process.variables.extend(path.ok().map(|path| ("PATH".into(), path)));
        }
        Ok(Placed { process, level: proof.level, program })
    }
}

/// Whether the host is the way out of its network.
const fn has_way_out(confinement: &Confinement) -> bool {
    matches!(confinement, Confinement::Strict(View { network: Network::Named, .. }))
}

/// Whether this very program was started as a supervisor. One that does not call `dispatch` would start itself again, and again.
fn is_supervisor() -> bool {
    env::args_os().nth(1).is_some_and(|argument| argument == HELPER_ARGUMENT)
}

/// What can be refused without asking the system.
fn check(process: &StartProcess) -> Result<(), SpawnError> {
    let invalid = |what: String, reason| Err(SpawnError::Invalid { what, reason });
    let has_nul = |text: &OsStr| text.as_bytes().contains(&0);
    if process.argv.is_empty() {
        return invalid("an empty command".into(), "there is no program in it");
    }
    for (index, argument) in process.argv.iter().enumerate() {
        if has_nul(argument) {
            return invalid(format!("argument {index} `{}`", shown(argument)), "it contains NUL");
        }
    }
    for (name, value) in &process.variables {
        if name.is_empty() || has_nul(name) || name.as_bytes().contains(&b'=') {
            return invalid(format!("variable `{}`", shown(name)), "its name is empty, or contains `=` or NUL");
        }
        if has_nul(value) {
            return invalid(format!("variable `{}`", shown(name)), "its value contains NUL");
        }
    }
    if has_nul(process.working_directory.as_os_str()) {
        return invalid(format!("working directory `{}`", shown(&process.working_directory)), "it contains NUL");
    }
    Ok(())
}
