//! The environment of a run: claimed, made or found, and set up.

use std::sync::Arc;

use super::{cancel::Cancel, event::OutputSource, execute::Execution, output::Output, story::Story, verdict::Verdict};
use crate::{
    config::Mode,
    engine::{BuiltEnvironment, CallError, Outline},
    names::Export,
    policy::Folder,
    sandbox::Stdin,
    store::{EnvironmentBuild, EnvironmentClaim, EnvironmentRequest, EnvironmentUse, ExecutionKind, ReasonCode, RunStatus, StoreError},
};

/// Time for one setup line, and for one resume line. A setup that hangs must not hold up a run for ever.
const SETUP: std::time::Duration = std::time::Duration::from_hours(2);

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
        let output = self.output("build-env", OutputSource::BuildEnv)?;
        let built = self.call_build(existing.as_deref(), &output).await;
        self.finish_log("build-env", &output, false).await?;
        if self.logs.last().is_some_and(|log| log.bytes.0 == 0) {
            // Most environments need no program to be made; an empty log tells nobody anything.
            self.logs.pop();
            let _ = std::fs::remove_file(self.log_path("build-env"));
        }
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
    pub(super) async fn set_up(&mut self) -> Result<(), Verdict> {
        let settings = self.question.settings.clone();
        let environment = &settings.environment;
        if environment.setup_disabled {
            return Ok(());
        }
        let evaluation: &[String] = if settings.mode == Mode::Evaluation { &environment.evaluation_commands } else { &[] };
        let setup = environment.setup_commands.iter().map(|line| (ExecutionKind::Setup, line));
        let evaluation = evaluation.iter().map(|line| (ExecutionKind::EvaluationSetup, line));
        let typed = environment.typed_setup_commands.iter().map(|line| (ExecutionKind::Setup, line));
        let shell = self.question.runtime_settings.get("shell").and_then(|shell| shell.as_str()).unwrap_or("/bin/sh").to_owned();
        for (kind, line) in setup.chain(evaluation).chain(typed) {
            let execution =
                Execution { kind, argv: vec![shell.clone(), "-c".to_owned(), line.clone()], deadline: Some(SETUP), stdin: Stdin::Empty };
            let ending = self.execute(execution).await?;
            let verdict = Verdict::of_ending(&ending, kind, &format!("the setup command `{line}`"), self.was_cancelled());
            if verdict.status != RunStatus::Succeeded {
                return Err(verdict);
            }
        }
        Ok(())
    }
}

pub(super) fn store_failure(error: &StoreError) -> Verdict {
    Verdict::new(RunStatus::Failed, ReasonCode::HostFault, error.to_string()).with_next_action(error.hint())
}
