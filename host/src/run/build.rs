//! The environment of a run: claimed, made or found, and set up.

use std::{sync::Arc, time::Duration};

use super::{
    cancel::Cancel,
    event::OutputSource,
    execute::Execution,
    output::Output,
    rows::{LogEnd, Rows},
    story::Story,
    verdict::Verdict,
};
use crate::{
    config::Mode,
    engine::{BuiltEnvironment, CallError, Outline, StdinKind},
    names::Export,
    policy::Folder,
    sandbox::Stdin,
    store::{EnvironmentBuild, EnvironmentClaim, EnvironmentRequest, EnvironmentUse, ExecutionKind, ReasonCode, RunStatus, StoreError},
};

/// Time for one setup line. A setup that hangs must not hold up a run for ever.
const SETUP: Duration = Duration::from_hours(2);

/// Time for one resume line: it mends what was made before, and makes nothing new.
const RESUME: Duration = Duration::from_mins(5);

/// How the run holds its environment.
pub(super) enum Claim {
    /// Not at all, so far.
    None,
    /// It is being made.
    Building(EnvironmentBuild),
    /// It is used.
    Using {
        /// The hold on it.
        environment: EnvironmentUse,
        /// Whether it was there before.
        reused: bool,
    },
}

impl Story {
    /// Make the environment, or find the one that was made from the same.
    pub(super) async fn build(&mut self, outline: Outline) -> Result<(), Verdict> {
        let existing = match self.claim(outline).await? {
            EnvironmentClaim::Use(environment) => {
                let handle = environment.row().handle.clone();
                self.claim = Claim::Using { environment, reused: true };
                handle
            }
            EnvironmentClaim::Build(build) => {
                self.claim = Claim::Building(build);
                None
            }
        };
        self.add_folder()?;
        // Most environments need no program to be made; an empty log tells nobody anything.
        let reader = self.watcher(OutputSource::BuildEnv);
        let output = Output::lazy(Some(self.log_path("build-env")), self.held.scrubber(), reader);
        let built = self.call_build(existing.as_deref(), &output).await;
        self.finish_log("build-env", &output, false, LogEnd::Durable).await?;
        let built = built?;
        self.keep(&built).map_err(|error| store_failure(&error))?;
        self.environment = Some(built.handle);
        if let Some(interpreter) = built.interpreter {
            self.question.interpreter = Some(interpreter);
        }
        Ok(())
    }

    async fn claim(&mut self, outline: Outline) -> Result<EnvironmentClaim, Verdict> {
        let request = EnvironmentRequest {
            runtime: self.question.runtime.to_string(),
            plugin_digest: self.resolved.file.digest,
            reuse_key: outline.reuse_key,
            run: self.question.settings.run_id.clone(),
        };
        let mut cancelled = self.cancelled.clone();
        tokio::select! {
            claim = self.host.state.claim_environment(&request) => claim.map_err(|error| store_failure(&error)),
            _ = cancelled.at_least(Cancel::Stop) => Err(Verdict::cancelled()),
        }
    }

    /// The folder of the environment is one of the run's from here on.
    fn add_folder(&mut self) -> Result<(), Verdict> {
        let row = match &self.claim {
            Claim::Building(build) => build.row(),
            Claim::Using { environment, .. } => environment.row(),
            Claim::None => return Ok(()),
        };
        let opened = self.folders.add(Folder::Env, &row.folder);
        opened.map_err(|error| Verdict::new(RunStatus::Failed, ReasonCode::HostFault, format!("the environment: {error}")))
    }

    async fn call_build(&mut self, existing: Option<&str>, output: &Arc<Output>) -> Result<BuiltEnvironment, Verdict> {
        let mut cancelled = self.cancelled.clone();
        let call = self.build_call(output.clone());
        let answer = tokio::select! {
            answer = self.engine.build_env(&self.resolved.plugin, call, &self.question, existing) => answer,
            // Giving up the call ends the programs that the plugin waits for.
            _ = cancelled.at_least(Cancel::Stop) => return Err(Verdict::cancelled()),
        };
        answer.map_err(|error: CallError| Verdict::of_call(&error, Export::BuildEnv))
    }

    fn keep(&mut self, built: &BuiltEnvironment) -> Result<(), StoreError> {
        self.claim = match std::mem::replace(&mut self.claim, Claim::None) {
            Claim::Building(begun) => {
                let environment = begun.mark_ready(&self.host.state, &built.handle, &built.metadata)?;
                Claim::Using { environment, reused: false }
            }
            Claim::Using { mut environment, .. } => {
                environment.renew(&self.host.state, &built.handle, &built.metadata)?;
                Claim::Using { environment, reused: built.reused }
            }
            Claim::None => Claim::None,
        };
        Ok(())
    }

    /// Run the setup lines, in order; the first that fails ends the way.
    pub(super) async fn set_up(&self) -> Result<(), Verdict> {
        let settings = self.question.settings.clone();
        let environment = &settings.environment;
        if environment.setup_disabled {
            return Ok(());
        }
        let evaluation: &[String] = if settings.mode == Mode::Evaluation { &environment.evaluation_commands } else { &[] };
        let setup = environment.setup_commands.iter().map(|line| (ExecutionKind::Setup, line));
        let evaluation = evaluation.iter().map(|line| (ExecutionKind::EvaluationSetup, line));
        let typed = environment.typed_setup_commands.iter().map(|line| (ExecutionKind::Setup, line));
        for (kind, line) in setup.chain(evaluation).chain(typed) {
            self.prepare_with(kind, line, SETUP).await?;
        }
        Ok(())
    }

    /// Run the lines that follow a restored checkpoint, in order; the first that fails ends the way.
    pub(super) async fn resume(&self) -> Result<(), Verdict> {
        let environment = &self.question.settings.environment;
        if environment.setup_disabled {
            return Ok(());
        }
        for line in &environment.resume_commands {
            self.prepare_with(ExecutionKind::Resume, line, RESUME).await?;
        }
        Ok(())
    }

    /// Run one line in the shell, as an execution of its own with its own log.
    async fn prepare_with(&self, kind: ExecutionKind, line: &str, deadline: Duration) -> Result<(), Verdict> {
        let index = self.ledger.number();
        let label = format!("{kind}-{index}");
        let settings = &self.question.settings;
        let execution = Execution {
            kind,
            index,
            argv: self.shell(line),
            variables: settings.variables.clone(),
            working_folder: None,
            stdin: Stdin::Empty,
            stdin_kind: StdinKind::Empty,
            deadline: Some(deadline),
            grace: settings.grace,
            cap: settings.log_limit,
            output: self.output(&label, OutputSource::Execution { kind, index })?,
            label,
            cancelled: self.cancelled.clone(),
            rows: Rows::AtOnce,
        };
        let begun = self.begin(execution).await?;
        let ended = self.follow(begun).await;
        if let Some(problem) = ended.problem {
            return Err(problem);
        }
        let what = if kind == ExecutionKind::Resume { "resume" } else { "setup" };
        let verdict = Verdict::of_ending(&ended.ending, kind, &format!("the {what} command `{line}`"), self.was_cancelled());
        if verdict.status == RunStatus::Succeeded { Ok(()) } else { Err(verdict) }
    }

    /// What runs a line in the shell of the runtime.
    pub(super) fn shell(&self, line: &str) -> Vec<String> {
        let shell = self.question.runtime_settings.get("shell").and_then(|shell| shell.as_str()).unwrap_or("/bin/sh");
        vec![shell.to_owned(), "-c".to_owned(), line.to_owned()]
    }
}

pub(super) fn store_failure(error: &StoreError) -> Verdict {
    Verdict::new(RunStatus::Failed, ReasonCode::HostFault, error.to_string()).with_next_action(error.hint())
}
