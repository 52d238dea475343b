//! One command in the environment: started by the plugin, followed to its end.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    sync::{Arc, Mutex},
    time::Duration,
};

use super::{
    build::store_failure, cancel::Cancel, event::OutputSource, output::Output, secrets::hide, step::Step, story::Story, verdict::Verdict,
};
use crate::{
    engine::{ExecutionRequest, Started, StdinKind},
    imports::CommandLaunch,
    names::{EndKind, Ending, Export, ProcessHandle},
    policy::{self, GiveSecret, SecretName},
    sandbox::{Child, StartOptions, Stdin},
    store::{Durability, ExecutionKind, NewExecution, ReasonCode, RunStatus},
};

/// A command to run.
pub(super) struct Execution {
    pub(super) kind: ExecutionKind,
    pub(super) argv: Vec<String>,
    pub(super) deadline: Option<Duration>,
    pub(super) stdin: Stdin,
}

impl Story {
    /// Run the user's command.
    pub(super) async fn run_command(&mut self) -> Result<Verdict, Verdict> {
        let settings = self.question.settings.clone();
        let execution = Execution {
            kind: ExecutionKind::Command,
            argv: settings.command.clone(),
            deadline: settings.deadline.duration(),
            stdin: self.stdin.take().unwrap_or_default(),
        };
        let ending = self.execute(execution).await?;
        let what = format!("`{}`", settings.command.first().map_or("", String::as_str));
        let verdict = Verdict::of_ending(&ending, ExecutionKind::Command, &what, self.was_cancelled());
        self.ending = Some(ending);
        Ok(verdict)
    }

    /// Start a command and follow it to its end.
    pub(super) async fn execute(&mut self, execution: Execution) -> Result<Ending, Verdict> {
        if self.was_cancelled() {
            return Err(Verdict::cancelled());
        }
        let (kind, argv) = (execution.kind, execution.argv.clone());
        let index = u32::try_from(self.executions.len()).unwrap_or(u32::MAX);
        let name = match kind {
            ExecutionKind::Command => String::new(),
            _ => format!("{kind}-{index}"),
        };
        let label = if name.is_empty() { "command".to_owned() } else { name.clone() };
        let output = self.output(&name, OutputSource::Execution { kind, index })?;
        let run_id = self.question.settings.run_id.clone();
        // Written down first: whatever happens from here on, nobody starts it a second time.
        let mut shown = argv.clone();
        hide(&self.held).texts(&mut shown);
        let row = NewExecution { run_id: run_id.clone(), index, kind, argv: shown };
        self.host.state.begin_execution(&row, Durability::Durable).map_err(|error| store_failure(&error))?;
        let answer = self.start_and_follow(execution, index, &output).await;
        let ending = answer.as_ref().ok();
        if let Some(ending) = ending {
            // What became of it is also in the manifest; a database that cannot be written must not hide it.
            let _ = self.host.state.execution_ended(&run_id, index, ending);
        }
        self.finish_log(&label, &output, ending.is_some_and(|ending| ending.truncated)).await?;
        self.summarize(kind, index, &argv, ending, &label);
        answer
    }

    async fn start_and_follow(&mut self, execution: Execution, index: u32, output: &Arc<Output>) -> Result<Ending, Verdict> {
        let settings = self.question.settings.clone();
        let is_command = execution.kind == ExecutionKind::Command;
        let request = ExecutionRequest {
            kind: execution.kind,
            index,
            argv: execution.argv.clone(),
            variables: settings.variables.clone(),
            deadline: execution.deadline,
            stdin: if matches!(execution.stdin, Stdin::Empty) { StdinKind::Empty } else { StdinKind::Host(None) },
        };
        let mut variables = self.command_variables();
        let secrets = self.give_secrets(&mut variables)?;
        let launch = CommandLaunch {
            argv: execution.argv.iter().map(Into::into).collect(),
            given: CommandLaunch::given(settings.variables.keys(), secrets.keys()),
            variables,
            secrets,
            working_directory: settings.workspace.clone(),
            profile: settings.sandbox,
            network: self.network.clone(),
            options: Mutex::new(Some(StartOptions {
                stdin: execution.stdin,
                sink: output.clone(),
                cap: settings.log_limit,
                deadline: execution.deadline,
                grace: settings.grace,
                ..StartOptions::new(output.clone())
            })),
        };
        let environment = self.environment.clone().unwrap_or_default();
        let started = self.engine.start(&self.resolved.plugin, self.start_call(launch), &self.question, &environment, &request).await;
        let started = started.map_err(|error| Verdict::of_call(&error, Export::Start))?;
        let (handle, durability) = match &started {
            // It ends with this machine.
            Started::HostProcess(process) => (process.to_string(), Durability::Ordinary),
            Started::Remote { handle, .. } => (handle.clone(), Durability::Durable),
        };
        self.host.state.execution_started(&settings.run_id, index, &handle, durability).map_err(|error| store_failure(&error))?;
        if is_command {
            self.execution = Some(handle.clone());
            self.enter(Step::Follow).await;
        }
        match started {
            Started::HostProcess(process) => self.follow_process(&process, &handle).await,
            Started::Remote { ask_again_after, .. } => {
                Ok(self.follow_remote(&handle, index, ask_again_after, execution.deadline, output).await)
            }
        }
    }

    /// The variables of a command on this machine.
    fn command_variables(&self) -> BTreeMap<OsString, OsString> {
        let settings = &self.question.settings;
        let mut variables = settings.command_variables(&self.host.environment, self.profile());
        let output = &settings.output;
        variables.insert("WORLDFLUX_RUN_ID".into(), settings.run_id.as_str().into());
        variables.insert("WORLDFLUX_OUTPUT_DIR".into(), output.as_os_str().to_owned());
        variables.insert("WORLDFLUX_METRICS".into(), output.join("metrics.json").into_os_string());
        variables
    }

    /// Put the secrets into `variables` that were granted for them; answers which went where. One that the user typed another value for, for
    /// this run, stays as it was typed; one that has no value is left out, as `doctor` says.
    fn give_secrets(&self, variables: &mut BTreeMap<OsString, OsString>) -> Result<BTreeMap<String, SecretName>, Verdict> {
        let rights = self.host.rights_left(&self.resolved.file, &self.resolved.rights);
        let typed = &self.question.settings.variables;
        let mut given = BTreeMap::new();
        for permit in policy::give_secrets(&rights) {
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
    async fn follow_process(&mut self, process: &ProcessHandle, handle: &str) -> Result<Ending, Verdict> {
        let Some(child) = self.children.get(process) else {
            let message = format!("plugin fault in `start`: it answered with process `{process}`, which this run does not have");
            return Err(Verdict::new(RunStatus::Failed, ReasonCode::PluginFault, message));
        };
        self.level = Some(child.level());
        let mut cancelled = self.cancelled.clone();
        let ending = tokio::select! {
            exit = child.wait() => exit.ending,
            _ = cancelled.at_least(Cancel::Stop) => self.end_process(&child, handle).await,
        };
        if !matches!(ending.kind, EndKind::Exited { .. } | EndKind::Signalled { .. }) {
            // This side is over; the plugin knows whether another side, in a container or beyond a connection, is not.
            self.ask_plugin_to_kill(handle, Duration::ZERO).await;
        }
        Ok(ending)
    }

    /// Somebody asked for the end: the plugin first, then by force.
    async fn end_process(&mut self, child: &Child, handle: &str) -> Ending {
        let grace = self.question.settings.grace;
        let mut cancelled = self.cancelled.clone();
        let gently = async {
            self.ask_plugin_to_kill(handle, grace).await;
            tokio::time::sleep(grace).await;
        };
        tokio::select! {
            exit = child.wait() => return exit.ending,
            () = gently => {}
            _ = cancelled.at_least(Cancel::Kill) => {}
        }
        child.kill();
        child.wait().await.ending
    }

    /// Ask the plugin to end an execution, and wait for its answer no longer than `grace` and a little.
    pub(super) async fn ask_plugin_to_kill(&self, handle: &str, grace: Duration) {
        let mut call = self.call(Export::Kill);
        call.deadline = call.deadline.min(tokio::time::Instant::now() + grace + Duration::from_secs(5));
        let environment = self.environment.clone().unwrap_or_default();
        // A plugin that refuses or breaks here changes nothing: the host ends its own side, and the record tells.
        if let Err(error) = self.engine.kill(&self.resolved.plugin, call, &self.question, &environment, handle, grace).await {
            let _ = self.record.note("the plugin did not end the execution", serde_json::json!({ "error": error.to_string() }));
        }
    }

    pub(super) fn was_cancelled(&self) -> bool {
        self.cancelled.now() != Cancel::No
    }
}
