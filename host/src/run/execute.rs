//! One command in the environment: started by the plugin, followed to its end. Any number of them may go on at once.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use super::{
    build::store_failure,
    cancel::{Cancel, Cancelled},
    output::Output,
    rows::{LogEnd, Rows},
    secrets::hide,
    story::Story,
    verdict::Verdict,
};
use crate::{
    engine::{ExecutionRequest, Started, StdinKind},
    imports::CommandLaunch,
    names::{Bytes, EndKind, Ending, Export, ProcessHandle},
    policy::{self, GiveSecret, Rights, SecretName},
    sandbox::{Child, StartOptions, Stdin},
    store::{Durability, ExecutionKind, ExecutionSummary, ReasonCode, RunStatus},
    workspace::RelativePath,
};

/// A command to run.
pub(super) struct Execution {
    pub(super) kind: ExecutionKind,
    /// Its number within the run.
    pub(super) index: u32,
    pub(super) argv: Vec<String>,
    /// Variables for it, with those that the user gave to the whole run.
    pub(super) variables: BTreeMap<String, String>,
    /// Where below the workspace it runs.
    pub(super) working_folder: Option<RelativePath>,
    pub(super) stdin: Stdin,
    /// What the plugin is told about its input.
    pub(super) stdin_kind: StdinKind,
    pub(super) deadline: Option<Duration>,
    pub(super) grace: Duration,
    /// What is kept of each of its streams.
    pub(super) cap: Bytes,
    /// The name of its log.
    pub(super) label: String,
    pub(super) output: Arc<Output>,
    /// Ends it before its time.
    pub(super) cancelled: Cancelled,
    /// Where it is written down.
    pub(super) rows: Rows,
}

/// A command that runs.
pub(super) struct Begun {
    pub(super) execution: Execution,
    handle: String,
    place: Place,
    role: Role,
}

/// What a process of this machine is to a command.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// The command itself.
    Command,
    /// A program that stands for it; the command itself runs elsewhere.
    Connection,
}

enum Place {
    /// On this machine.
    Here(Arc<Child>),
    /// Elsewhere; the plugin said when to ask for it first.
    Elsewhere(Duration),
}

/// A command that has ended.
pub(super) struct Ended {
    pub(super) ending: Ending,
    /// How long it ran, where the host saw it from its start to its end.
    pub(super) duration: Option<Duration>,
    /// Whether it has a log.
    pub(super) has_log: bool,
    /// What went wrong with that.
    pub(super) problem: Option<Verdict>,
}

impl Story {
    /// Start a command. Answers once it runs.
    pub(super) async fn begin(&self, execution: Execution) -> Result<Begun, Verdict> {
        if execution.cancelled.now() != Cancel::No {
            return Err(Verdict::cancelled());
        }
        // Written down first: whatever happens from here on, nobody starts it a second time.
        let mut shown = execution.argv.clone();
        hide(&self.held).texts(&mut shown);
        let durability = if self.ledger.is_here() { Durability::Ordinary } else { Durability::Durable };
        let run = &self.question.settings.run_id;
        execution.rows.begin(&self.host.state, run, &execution, shown, durability).map_err(|error| store_failure(&error))?;
        let ended = Unstarted {
            kind: execution.kind,
            index: execution.index,
            argv: execution.argv.clone(),
            label: execution.label.clone(),
            output: execution.output.clone(),
            log: execution.rows.ending(),
        };
        let begun = self.start(execution).await;
        if begun.is_err() {
            // Why it did not start is worth more than what happened to its log.
            let has_log = self.finish_log(&ended.label, &ended.output, false, ended.log).await.unwrap_or(false);
            self.summarize(ended.kind, ended.index, &ended.argv, None, has_log.then_some(&ended.label));
        }
        begun
    }

    /// Follow a command to its end.
    pub(super) async fn follow(&self, begun: Begun) -> Ended {
        let Begun { mut execution, handle, place, role } = begun;
        let (ending, duration) = match place {
            Place::Here(child) => {
                let ending = self.follow_process(&child, &handle, &mut execution, role).await;
                (ending, child.exit().map(|exit| exit.duration))
            }
            Place::Elsewhere(ask_again_after) => (self.follow_remote(&handle, ask_again_after, &mut execution).await, None),
        };
        let Execution { kind, index, .. } = execution;
        if kind == ExecutionKind::Command {
            self.ledger.command_ended(index, &ending);
        }
        // What became of it is also in the manifest; a database that cannot be written must not hide it.
        let _ = execution.rows.ended(&self.host.state, &self.question.settings.run_id, index, &ending);
        let (has_log, problem) = match self.finish_log(&execution.label, &execution.output, ending.truncated, execution.rows.ending()).await
        {
            Ok(has_log) => (has_log, None),
            Err(problem) => (true, Some(problem)),
        };
        self.summarize(kind, index, &execution.argv, Some(&ending), has_log.then_some(&execution.label));
        Ended { ending, duration, has_log, problem }
    }

    async fn start(&self, mut execution: Execution) -> Result<Begun, Verdict> {
        let settings = &self.question.settings;
        let call = self.call(Export::Start);
        let mut variables = self.command_variables(&execution.variables);
        let secrets = self.give_secrets(&call.rights, &execution.variables, &mut variables)?;
        let launch = Arc::new(CommandLaunch {
            argv: execution.argv.iter().map(Into::into).collect(),
            given: CommandLaunch::given(execution.variables.keys(), secrets.keys()),
            variables,
            secrets,
            working_directory: self.working_directory(execution.working_folder.as_ref()),
            profile: settings.sandbox,
            network: self.network.clone(),
            options: Mutex::new(Some(StartOptions {
                stdin: std::mem::take(&mut execution.stdin),
                cap: execution.cap,
                deadline: execution.deadline,
                grace: execution.grace,
                ..StartOptions::new(execution.output.clone())
            })),
        });
        let request = ExecutionRequest {
            kind: execution.kind,
            index: execution.index,
            argv: execution.argv.clone(),
            variables: std::mem::take(&mut execution.variables),
            working_folder: execution.working_folder.take(),
            deadline: execution.deadline,
            stdin: std::mem::replace(&mut execution.stdin_kind, StdinKind::Empty),
        };
        let environment = self.environment.as_deref().unwrap_or_default();
        let call = Self::start_call(call, launch.clone());
        let started = self.engine.start(&self.resolved.plugin, call, &self.question, environment, &request).await;
        let started = started.map_err(|error| Verdict::of_call(&error, Export::Start))?;
        let (handle, place, durability) = match started {
            // It ends with this machine.
            Started::HostProcess(process) => (process.to_string(), Place::Here(self.child(&process)?), Durability::Ordinary),
            Started::Remote { handle, ask_again_after } => (handle, Place::Elsewhere(ask_again_after), Durability::Durable),
        };
        if let Place::Here(child) = &place {
            self.ledger.starts_here();
            self.ledger.confined(child.level());
        }
        let run = &settings.run_id;
        if let Err(error) = execution.rows.started(&self.host.state, run, execution.index, &handle, durability) {
            if let Place::Here(child) = &place {
                child.kill();
            }
            return Err(store_failure(&error));
        }
        if execution.kind == ExecutionKind::Command {
            self.ledger.command_started(execution.index, &handle);
        }
        let role = if launch.is_there_still() { Role::Connection } else { Role::Command };
        Ok(Begun { execution, handle, place, role })
    }

    fn child(&self, process: &ProcessHandle) -> Result<Arc<Child>, Verdict> {
        self.children.get(process).ok_or_else(|| {
            let message = format!("plugin fault in `start`: it answered with process `{process}`, which this run does not have");
            Verdict::new(RunStatus::Failed, ReasonCode::PluginFault, message)
        })
    }

    /// The folder that a command of this machine runs in.
    fn working_directory(&self, below: Option<&RelativePath>) -> PathBuf {
        let workspace = &self.question.settings.workspace;
        below.map_or_else(|| workspace.clone(), |below| workspace.join(below.as_path()))
    }

    /// The variables of a command on this machine.
    fn command_variables(&self, given: &BTreeMap<String, String>) -> BTreeMap<OsString, OsString> {
        let settings = &self.question.settings;
        let mut variables = settings.command_variables(&self.host.environment, self.profile());
        variables.extend(given.iter().map(|(name, value)| (name.into(), value.into())));
        let output = &settings.output;
        variables.insert("WORLDFLUX_RUN_ID".into(), settings.run_id.as_str().into());
        variables.insert("WORLDFLUX_OUTPUT_DIR".into(), output.as_os_str().to_owned());
        variables.insert("WORLDFLUX_METRICS".into(), output.join("metrics.json").into_os_string());
        variables
    }

    /// Put the secrets into `variables` that were granted for them; answers which went where. One that the user typed another value for
    /// stays as it was typed; one that has no value is left out, as `doctor` says.
    fn give_secrets(
        &self,
        rights: &Rights,
        typed: &BTreeMap<String, String>,
        variables: &mut BTreeMap<OsString, OsString>,
    ) -> Result<BTreeMap<String, SecretName>, Verdict> {
        let mut given = BTreeMap::new();
        for permit in policy::give_secrets(rights) {
            let GiveSecret { secret, variable } = permit.action().clone();
            if typed.contains_key(&variable) || !self.held.has(&secret) {
                continue;
            }
            let value = self.held.give(&permit).map_err(|error| {
                Verdict::new(RunStatus::Failed, ReasonCode::StartFailed, error.to_string())
                    .with_next_action(error.hint().unwrap_or_default())
            })?;
            variables.insert(variable.clone().into(), value.reveal().into());
            given.insert(variable, secret);
        }
        Ok(given)
    }

    /// Follow a process of this machine. No plugin code runs while it does.
    async fn follow_process(&self, child: &Child, handle: &str, execution: &mut Execution, role: Role) -> Ending {
        let mut cancelled = execution.cancelled.clone();
        let ending = tokio::select! {
            exit = child.wait() => exit.ending,
            _ = cancelled.at_least(Cancel::Stop) => {
                let ending = self.end_process(child, handle, execution).await;
                if role == Role::Connection { asked_for(ending) } else { ending }
            }
        };
        if !matches!(ending.kind, EndKind::Exited { .. } | EndKind::Signalled { .. }) {
            // This side is over; the plugin knows whether another side, in a container or beyond a connection, is not.
            self.ask_plugin_to_kill(handle, Duration::ZERO).await;
        }
        ending
    }

    /// Somebody asked for the end: the plugin first, then by force.
    async fn end_process(&self, child: &Child, handle: &str, execution: &mut Execution) -> Ending {
        let grace = execution.grace;
        let gently = async {
            self.ask_plugin_to_kill(handle, grace).await;
            tokio::time::sleep(grace).await;
        };
        tokio::select! {
            exit = child.wait() => return exit.ending,
            () = gently => {}
            _ = execution.cancelled.at_least(Cancel::Kill) => {}
        }
        child.kill();
        child.wait().await.ending
    }

    /// Ask the plugin to end an execution, and wait for its answer no longer than `grace` and a little.
    pub(super) async fn ask_plugin_to_kill(&self, handle: &str, grace: Duration) {
        let mut call = self.call(Export::Kill);
        call.deadline = call.deadline.min(tokio::time::Instant::now() + grace + Duration::from_secs(5));
        let environment = self.environment.as_deref().unwrap_or_default();
        // A plugin that refuses or breaks here changes nothing: the host ends its own side, and the record tells.
        if let Err(error) = self.engine.kill(&self.resolved.plugin, call, &self.question, environment, handle, grace).await {
            let _ = self.record.note("the plugin did not end the execution", serde_json::json!({ "error": error.to_string() }));
        }
    }

    /// Whether somebody asked the whole run to end.
    pub(super) fn was_cancelled(&self) -> bool {
        self.cancelled.now() != Cancel::No
    }

    fn summarize(&self, kind: ExecutionKind, index: u32, argv: &[String], ending: Option<&Ending>, log: Option<&String>) {
        self.ledger.add(ExecutionSummary { kind, index, argv: argv.to_vec(), ending: ending.cloned(), log: log.cloned() });
    }
}

/// The end of a command that somebody asked to end, where the plugin has ended it elsewhere: nobody has asked the program that stands for it.
fn asked_for(ending: Ending) -> Ending {
    let how = match ending.kind {
        EndKind::Exited { code } => format!("exit code {code}"),
        EndKind::Signalled { signal } => format!("signal {signal}"),
        _ => return ending,
    };
    Ending { kind: EndKind::Killed, evidence: format!("its end was asked for, {}: {how}", ending.evidence), ..ending }
}

/// What is still told of an execution that could not be started.
struct Unstarted {
    kind: ExecutionKind,
    index: u32,
    argv: Vec<String>,
    label: String,
    output: Arc<Output>,
    log: LogEnd,
}
