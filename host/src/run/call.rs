//! The calls of a run, each with what its export may reach.

use std::sync::Arc;

use tokio::{sync::mpsc, time::Instant};

use super::{event::Event, installer::Configured, secrets, story::Story, verdict::Verdict};
use crate::{
    engine::{self, CallError, Finding, Outline, Severity},
    imports::{Call, CommandLaunch, Listener, Talk},
    names::Export,
    policy::Profile,
    sandbox::Sink,
    store::{ReasonCode, RunStatus},
};

/// Passes on what a plugin says. A watcher that is behind misses lines, never the run its time; the record has them all.
struct Watched(mpsc::Sender<Event>);

impl Listener for Watched {
    fn hear(&self, talk: Talk) {
        let _ = self.0.try_send(Event::Talk(talk));
    }
}

impl Story {
    /// A call of `export`.
    pub(super) fn call(&self, export: Export) -> Call {
        let wanted = self.question.settings.sandbox;
        let configured = Configured::new(&self.host.environment, &self.resolved.rights, export, wanted);
        Call {
            export,
            rights: self.host.rights_left(&self.resolved.file, &self.resolved.rights),
            record: self.record.clone(),
            listener: Arc::new(Watched(self.events.clone())),
            folders: Arc::new(self.folders.clone()),
            children: self.children.clone(),
            secrets: self.held.clone(),
            client: self.client.clone(),
            command: None,
            program_output: None,
            base_variables: Arc::new(configured.variables),
            machine_reads: Arc::new(configured.reads),
            profile: wanted,
            reach: self.reach.clone(),
            deadline: Instant::now() + engine::patience(export),
        }
    }

    /// What the user's command sees of the machine.
    pub(super) fn profile(&self) -> Profile {
        self.resolved.rights.profile(self.question.settings.sandbox)
    }

    /// The call of `build-env`, whose programs are watched.
    pub(super) fn build_call(&self, output: Arc<dyn Sink>) -> Call {
        Call { program_output: Some(output), ..self.call(Export::BuildEnv) }
    }

    /// The call of `start`, which can launch one command.
    pub(super) fn start_call(call: Call, command: Arc<CommandLaunch>) -> Call {
        Call { command: Some(command), ..call }
    }

    /// What the plugin's doctor says, and the host about the secrets that the plugin asks for.
    pub(super) async fn examine(&self) -> Result<Vec<Finding>, CallError> {
        let mut findings = self.engine.doctor(&self.resolved.plugin, self.call(Export::Doctor), &self.question.runtime_settings).await?;
        findings.extend(secrets::findings(&self.resolved.rights, &self.held));
        Ok(secrets::hidden(findings, &self.held))
    }

    /// A finding of severity error blocks the run, and so does a doctor that does not answer.
    pub(super) async fn check_findings(&self, findings: Result<Vec<Finding>, CallError>) -> Result<(), Verdict> {
        let findings = findings.map_err(|error| Verdict::of_call(&error, Export::Doctor))?;
        for finding in &findings {
            let _ = self.events.send(Event::Finding(finding.clone())).await;
        }
        let Some(error) = findings.iter().find(|finding| finding.severity == Severity::Error) else { return Ok(()) };
        let verdict = Verdict::new(RunStatus::Blocked, ReasonCode::DoctorError, format!("{}: {}", error.check, error.message));
        Err(verdict.with_next_action(error.remedy.clone().unwrap_or_default()))
    }

    /// What the plugin would make.
    pub(super) async fn plan(&self) -> Result<Outline, Verdict> {
        let call = self.call(Export::Plan);
        let outline = self.engine.plan(&self.resolved.plugin, call, &self.question).await;
        outline.map_err(|error| Verdict::of_call(&error, Export::Plan))
    }
}
