//! `worldflux:runtime/process`: programs on this machine.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes as Buffer;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    bindings::worldflux::runtime::{process as wit, types as wire},
    call::{Call, CommandLaunch},
    carrier::Carrier,
    convert::{to_wire_ending, to_wire_failure},
    gate::{Gate, Refusal},
    network::Outlet,
};
use crate::{
    names::{Bytes, Cause, Channel, Ending, Export, Failure, ProcessHandle},
    policy::{self, CommandRequest, Permit, ProgramRequest, StartProcess},
    sandbox::{Sink, StartOptions, Stdin},
    workspace::GuestPath,
};

/// Bytes of each stream of a short program that go into the answer. The rest is counted and dropped: an answer has to fit into the
/// memory of the plugin.
const ANSWER: Bytes = Bytes::mebi(1);

/// Programs in one `output-all`.
const AT_ONCE: usize = 32;

/// Arguments and their bytes, as for a command line of the operating system (`ARG_MAX` of Linux is 2 MiB with the environment).
const ARGUMENTS: (usize, Bytes) = (4_096, Bytes::mebi(1));

/// Time that a short program has to end by itself once its call is over.
const GRACE: Duration = Duration::from_secs(1);

/// What lets the user's command reach one more host.
const NETWORK: &str = "worldflux run --network";

/// The context of this interface in one call.
pub(super) struct ProcessContext {
    gate: Arc<Gate>,
    call: Call,
}

impl ProcessContext {
    pub(super) const fn new(gate: Arc<Gate>, call: Call) -> Self {
        Self { gate, call }
    }

    async fn run_to_end(&self, command: wit::Command) -> Result<wit::Completion, Failure> {
        let also = self.call.program_output.clone().filter(|_| command.shown);
        let captured = Arc::new(Capture { kept: Mutex::default(), also });
        let action = describe(&command);
        let left = self.call.deadline.saturating_duration_since(Instant::now());
        let limits = StartOptions { deadline: Some(left), grace: GRACE, ..StartOptions::new(captured.clone()) };
        let decision = self.decide(command, limits);
        let effect =
            async |permit: Permit<_>, options| Ok(self.call.children.start(permit, options, &self.outlet("")).await?.wait().await.ending);
        let ending = self.pass("process.output", action, decision, effect, tell_ending).await?;
        let (stdout, stderr) = std::mem::take(&mut *captured.kept.lock().unwrap_or_else(PoisonError::into_inner));
        let dropped = ending.stdout_bytes.0 > stdout.len() as u64 || ending.stderr_bytes.0 > stderr.len() as u64;
        let ending = Ending { truncated: ending.truncated || dropped, ..ending };
        Ok(wit::Completion { ending: to_wire_ending(&ending), stdout, stderr })
    }

    async fn launch_program(&self, command: wit::Command) -> Result<ProcessHandle, Failure> {
        let action = describe(&command);
        let export = self.gate.export();
        let decision = if matches!(export, Export::BuildEnv | Export::Start) {
            self.decide_launch(command)
        } else {
            let message = format!("a program can be launched in `build-env` and `start` only, not in `{export}`");
            Err(Failure::new(Cause::Conflict, message).into())
        };
        let effect = async |permit: Permit<_>, options| self.launch(permit, options, "").await;
        self.pass("process.launch", action, decision, effect, |handle| json!({ "process": handle })).await
    }

    /// Whether a program may be launched. In `start` it can be what the command is to the host, its connection to another machine or into a
    /// container, and so has the command's output, deadline and grace, and its input and variables where it asks for them; elsewhere it ends with
    /// the run.
    fn decide_launch(&self, program: wit::Command) -> Result<(Permit<StartProcess>, StartOptions), Refusal> {
        let carrier = Carrier::read(&program, self.call.command.as_deref())?;
        let watched = self.call.program_output.clone().filter(|_| program.shown);
        let limits = self.limits_of_command().unwrap_or_else(|| StartOptions::new(watched.unwrap_or_else(|| Arc::new(Nowhere))));
        let (permit, options) = self.decide_with(program, limits, carrier.variables)?;
        if !carrier.input {
            return Ok((permit, options));
        }
        // Only now: what was refused leaves the input to whoever comes after it.
        let stdin = self.call.command.as_deref().map(CommandLaunch::take_input).unwrap_or_default();
        Ok((permit, StartOptions { stdin, ..options }))
    }

    /// The limits of the command, without its input; `None` outside of `start`.
    fn limits_of_command(&self) -> Option<StartOptions> {
        let command = self.call.command.as_deref()?.options.lock().unwrap_or_else(PoisonError::into_inner);
        command.as_ref().map(|command| StartOptions {
            sink: command.sink.clone(),
            stdin: Stdin::Empty,
            cap: command.cap,
            deadline: command.deadline,
            grace: command.grace,
            way_out: BTreeMap::new(),
        })
    }

    async fn launch_users_command(&self, ask: wit::LaunchOptions) -> Result<ProcessHandle, Failure> {
        let action = json!({
            "argv": self.call.command.as_ref().map(|command| command.argv.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>()),
            "secrets": self.call.command.as_ref().map(|command| &command.secrets),
            "adds": ask.variables.iter().map(|variable| &variable.name).collect::<Vec<_>>(),
            "path-prefix": ask.path_prefix,
            "working-directory": ask.working_directory,
            "network": self.call.command.as_ref().map(|command| command.network.reached()),
        });
        let decision = self
            .command(&ask)
            .map_err(Refusal::from)
            .and_then(|request| Ok(policy::start_command(self.gate.rights(), self.gate.export(), request)?));
        let effect = async |permit| {
            let options = self.call.command.as_deref();
            let options = options.and_then(|command| command.options.lock().unwrap_or_else(PoisonError::into_inner).take());
            let Some(options) = options else {
                return Err(Failure::new(Cause::Conflict, "the command was launched already in this `start`"));
            };
            self.launch(permit, options, NETWORK).await
        };
        self.gate.pass("process.launch-command", action, decision, effect, |handle| json!({ "process": handle })).await
    }

    async fn launch(&self, permit: Permit<StartProcess>, options: StartOptions, cure: &'static str) -> Result<ProcessHandle, Failure> {
        self.call.children.launch(permit, options, &self.outlet(cure), self.call.command.as_ref()).await
    }

    fn command(&self, ask: &wit::LaunchOptions) -> Result<CommandRequest, Failure> {
        let command = self.call.command.as_deref();
        let working_directory = match (&ask.working_directory, command) {
            (Some(text), _) if !text.starts_with("/workspace") => {
                return Err(Failure::invalid("working-directory", text, "`/workspace` or a folder below"));
            }
            (Some(text), _) => self.call.folders.directory("working-directory", text)?,
            (None, Some(command)) => command.working_directory.clone(),
            (None, None) => PathBuf::from("/"),
        };
        let path_prefix: Result<Vec<_>, _> = ask.path_prefix.iter().map(|text| self.environment_folder("path-prefix", text)).collect();
        Ok(CommandRequest {
            argv: command.map(|command| command.argv.clone()).unwrap_or_default(),
            variables: command.map(|command| command.variables.clone()).unwrap_or_default(),
            added_variables: variables(&ask.variables)?,
            path_prefix: path_prefix?,
            working_directory,
            profile: command.map_or(self.call.profile, |command| command.profile),
            places: self.call.folders.seen_by_command(),
            network: command.map(|command| command.network.clone()).unwrap_or_default(),
        })
    }

    /// Whether a program may be started, and how: within `limits`, and what it asks for itself.
    fn decide(&self, command: wit::Command, limits: StartOptions) -> Result<(Permit<StartProcess>, StartOptions), Refusal> {
        self.decide_with(command, limits, BTreeMap::new())
    }

    /// The same, with these variables of the command.
    fn decide_with(
        &self,
        command: wit::Command,
        limits: StartOptions,
        carried: BTreeMap<String, OsString>,
    ) -> Result<(Permit<StartProcess>, StartOptions), Refusal> {
        let wanted = command.deadline.map(Duration::from_millis);
        if wanted == Some(Duration::ZERO) {
            return Err(Failure::invalid("deadline", 0, "more than 0 milliseconds").into());
        }
        let stdin = if command.stdin.is_empty() { Stdin::Empty } else { Stdin::Bytes(Buffer::from(command.stdin.clone())) };
        let deadline = wanted.into_iter().chain(limits.deadline).min();
        let permit = policy::start_program(self.gate.rights(), self.gate.export(), ProgramRequest { carried, ..self.program(command)? })?;
        Ok((permit, StartOptions { stdin, deadline, ..limits }))
    }

    /// Through the gate, with what belongs to the permit.
    async fn pass<T, E: Future<Output = Result<T, Failure>>>(
        &self,
        import: &'static str,
        action: Value,
        decision: Result<(Permit<StartProcess>, StartOptions), Refusal>,
        effect: impl FnOnce(Permit<StartProcess>, StartOptions) -> E,
        told: impl FnOnce(&T) -> Value,
    ) -> Result<T, Failure> {
        let (decision, options) = match decision {
            Ok((permit, options)) => (Ok(permit), Some(options)),
            Err(refusal) => (Err(refusal), None),
        };
        let options = options.unwrap_or_else(|| StartOptions::new(Arc::new(Nowhere)));
        self.gate.pass(import, action, decision, |permit| effect(permit, options), told).await
    }

    fn program(&self, command: wit::Command) -> Result<ProgramRequest, Failure> {
        let bytes: usize = command.arguments.iter().map(String::len).sum();
        if command.arguments.len() > ARGUMENTS.0 || bytes > ARGUMENTS.1.as_len() {
            let expected = format!("at most {} arguments of {} in all", ARGUMENTS.0, ARGUMENTS.1);
            return Err(Failure::invalid("arguments", format!("{} arguments of {bytes} bytes", command.arguments.len()), expected));
        }
        if let Some(argument) = command.arguments.iter().find(|argument| argument.contains('\0')) {
            return Err(Failure::invalid("arguments", argument, "text without NUL"));
        }
        let (name, program) = self.program_name(&command.program)?;
        let working_directory =
            self.call.folders.directory("working-directory", command.working_directory.as_deref().unwrap_or("/workspace"))?;
        let mut places = self.call.folders.seen_by_program(self.gate.rights());
        places.reads.extend(self.call.machine_reads.iter().cloned());
        // It reaches the services that its plugin may speak to.
        places.reads.extend(self.call.sockets().into_values().filter(|socket| socket.exists()));
        Ok(ProgramRequest {
            name,
            program,
            arguments: command.arguments.into_iter().map(OsString::from).collect(),
            base_variables: (*self.call.base_variables).clone(),
            added_variables: variables(&command.variables)?,
            carried: BTreeMap::new(),
            working_directory,
            profile: self.call.profile,
            places,
            network: self.call.reach.indexes.clone(),
        })
    }

    /// The name that has to be granted, and what is started for it: a bare name stays one, a path below `/env` becomes the file there.
    fn program_name(&self, text: &str) -> Result<(String, OsString), Failure> {
        if !text.contains('/') {
            return Ok((text.to_owned(), text.into()));
        }
        let expected = "a bare name or a path below /env";
        let path: GuestPath = text.parse().map_err(|error| Failure::invalid("program", text, format!("{expected} ({error})")))?;
        let root = self.call.folders.host(policy::Folder::Env);
        let name = path.inside().and_then(|inside| inside.split().1.to_str());
        match (path.folder(), root, name) {
            (policy::Folder::Env, Some(root), Some(name)) => Ok((name.to_owned(), path.on_host(root).into_os_string())),
            _ => Err(Failure::invalid("program", text, expected)),
        }
    }

    fn environment_folder(&self, field: &str, text: &str) -> Result<PathBuf, Failure> {
        if text != "/env" && !text.starts_with("/env/") {
            return Err(Failure::invalid(field, text, "a folder below /env"));
        }
        self.call.folders.directory(field, text)
    }

    /// Who answers for what is started. `cure` is the option with which the user would let it reach more.
    fn outlet(&self, cure: &'static str) -> Outlet {
        let reach = &self.call.reach;
        let dialer = if self.gate.export() == Export::BuildEnv { &reach.index_dialer } else { &reach.dialer };
        Outlet {
            dialer: dialer.clone(),
            plugin: self.gate.rights().plugin.to_string(),
            cure,
            export: self.gate.export(),
            record: self.call.record.clone(),
        }
    }

    fn process(&self, handle: &str) -> Result<Arc<crate::sandbox::Child>, Failure> {
        let unknown =
            || Failure::new(Cause::NotFound, format!("this run has no process `{}`", handle.escape_debug().take(80).collect::<String>()));
        let handle: ProcessHandle = handle.parse().map_err(|_| unknown())?;
        self.call.children.get(&handle).ok_or_else(unknown)
    }
}

impl wit::Host for ProcessContext {
    async fn output(&mut self, command: wit::Command) -> Result<wit::Completion, wire::Failure> {
        self.run_to_end(command).await.map_err(to_wire_failure)
    }

    async fn output_all(&mut self, commands: Vec<wit::Command>) -> Vec<Result<wit::Completion, wire::Failure>> {
        let this = &*self;
        let mut answers = join_all(commands.iter().take(AT_ONCE).map(|command| this.run_to_end(command.clone()))).await;
        answers.extend(commands.iter().skip(AT_ONCE).map(|_| {
            let message = format!("{} programs at once: at most {AT_ONCE} are started", commands.len());
            Err(Failure::new(Cause::Quota, message))
        }));
        answers.into_iter().map(|answer| answer.map_err(to_wire_failure)).collect()
    }

    async fn launch(&mut self, command: wit::Command) -> Result<wire::ProcessHandle, wire::Failure> {
        self.launch_program(command).await.map(String::from).map_err(to_wire_failure)
    }

    async fn launch_command(&mut self, options: wit::LaunchOptions) -> Result<wire::ProcessHandle, wire::Failure> {
        self.launch_users_command(options).await.map(String::from).map_err(to_wire_failure)
    }

    fn observe(&mut self, process: wire::ProcessHandle) -> Result<wit::ProcessState, wire::Failure> {
        let child = self.process(&process).map_err(to_wire_failure)?;
        Ok(child.exit().map_or(wit::ProcessState::Running, |exit| wit::ProcessState::Ended(to_wire_ending(&exit.ending))))
    }

    fn stop(&mut self, process: wire::ProcessHandle) -> Result<(), wire::Failure> {
        let action = json!({ "process": process });
        let stop = || self.process(&process).map(|child| child.stop());
        self.gate.tell("process.stop", action, stop).map_err(to_wire_failure)
    }
}

/// Keeps the beginning of both streams for the answer, and hands everything on.
struct Capture {
    kept: Mutex<(Vec<u8>, Vec<u8>)>,
    also: Option<Arc<dyn Sink>>,
}

impl Sink for Capture {
    fn take(&self, channel: Channel, bytes: Buffer) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let stream = match channel {
            Channel::Stdout => &mut kept.0,
            Channel::Stderr => &mut kept.1,
        };
        let room = ANSWER.as_len().saturating_sub(stream.len());
        stream.extend(bytes.iter().take(room));
        drop(kept);
        if let Some(also) = &self.also {
            also.take(channel, bytes);
        }
    }
}

struct Nowhere;

impl Sink for Nowhere {
    fn take(&self, _: Channel, _: Buffer) {}
}

fn variables(list: &[wire::Variable]) -> Result<BTreeMap<String, String>, Failure> {
    if let Some(variable) = list.iter().find(|variable| variable.value.contains('\0')) {
        return Err(Failure::invalid("variables", &variable.name, "a variable whose value has no NUL"));
    }
    Ok(list.iter().map(|variable| (variable.name.clone(), variable.value.clone())).collect())
}

/// What goes into the record: names of variables, never values; the size of the input, never the input.
fn describe(command: &wit::Command) -> Value {
    json!({
        "program": command.program,
        "arguments": command.arguments,
        "adds": command.variables.iter().map(|variable| &variable.name).collect::<Vec<_>>(),
        "working-directory": command.working_directory,
        "stdin-bytes": command.stdin.len(),
        "details": command.details.iter().map(|detail| (&detail.key, &detail.value)).collect::<BTreeMap<_, _>>(),
    })
}

fn tell_ending(ending: &Ending) -> Value {
    serde_json::to_value(ending).unwrap_or_default()
}
