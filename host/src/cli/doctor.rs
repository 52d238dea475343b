//! `worldflux doctor`: this machine, this program, every runtime.

use super::{context::Context, entry::LONG_VERSION, exit::Exit, output::Mark, runtime};
use crate::{
    config::Environment,
    engine::{Finding, Severity},
    policy::Level,
    run::{Doctored, Health, PROBES, RunError},
    sandbox::Proof,
};

/// Under which name the host's own findings stand.
const HOST: &str = "worldflux";

pub(super) async fn doctor(context: &Context) -> Result<Exit, RunError> {
    let mut health = Health::new();
    let host = match context.host_that_starts(PROBES) {
        Ok(host) => host,
        // A state directory that cannot be used is the finding that a person looks for.
        Err(error) => {
            let finding = Finding::of_host(Severity::Error, "state", error.to_string(), error.hint());
            health.insert(HOST.to_owned(), Doctored { findings: vec![finding] });
            return Ok(runtime::report(context, &health));
        }
    };
    health = host.doctor_all().await;
    let info = |check: &str, message: String| Finding::of_host(Severity::Info, check, message, None);
    let mut findings = vec![
        info("version", LONG_VERSION.replace('\n', ", ")),
        info("state", format!("{}", host.state().layout().root().display())),
        info("config", format!("{}", context.folders()?.config.display())),
    ];
    let proof = host.proof().await;
    findings.push(sandbox(&proof));
    findings.push(memory(host.launcher().bounds_trees()));
    findings.push(processors(host.launcher().bounds_processors()));
    findings.push(match host.settle() {
        Ok(reaped) if reaped.problems.is_empty() => info("runs", format!("{} abandoned runs were settled", reaped.runs.len())),
        Ok(reaped) => Finding::of_host(Severity::Warning, "runs", reaped.problems.join("; "), Some("worldflux reap".into())),
        Err(error) => Finding::of_host(Severity::Error, "runs", error.to_string(), error.hint()),
    });
    if Environment::current_directory().is_err() {
        let remedy = Some("change to a folder that exists".into());
        findings.push(Finding::of_host(Severity::Error, "folder", "the current directory does not exist any more", remedy));
    }
    let exit = runtime::report(context, &[(HOST.to_owned(), Doctored { findings })].into_iter().chain(health).collect());
    if exit != Exit::Ok && !context.output.json {
        context.output.talk(Mark::Note, "a line that begins with `error:` blocks runs");
    }
    Ok(exit)
}

/// What confines strict commands here. Own commands run all the same, so that a machine that confines nothing is no error.
fn sandbox(proof: &Proof) -> Finding {
    let held = proof.canaries.iter().filter(|canary| canary.holds()).count();
    let known = format!("level `{}`: {held} of {} attacks and uses went as they must", proof.level, proof.canaries.len());
    if proof.why.is_empty() {
        return Finding::of_host(Severity::Info, "sandbox", known, None);
    }
    let severity = if proof.level == Level::None { Severity::Warning } else { Severity::Info };
    Finding::of_host(severity, "sandbox", format!("{known}; no higher, because {}", proof.why), Some(proof.fix.clone()))
}

/// For whom a limit on the memory of confined programs holds.
fn memory(is_for_all: bool) -> Finding {
    if is_for_all {
        return Finding::of_host(Severity::Info, "memory", "a limit on memory holds for all processes of a program together", None);
    }
    let message = "a limit on memory holds for each process of a program, not for all of them: this user may make no cgroup here";
    Finding::of_host(Severity::Info, "memory", message, Some("systemd-run --user --scope worldflux ...".into()))
}

/// Whether a limit on the processors of confined programs holds.
fn processors(is_kept: bool) -> Finding {
    if is_kept {
        return Finding::of_host(Severity::Info, "cpus", "a limit on processors holds for all processes of a program together", None);
    }
    let message = "a limit on processors does not hold: this user may make no cgroup for them here, and nothing else bounds them";
    Finding::of_host(Severity::Info, "cpus", message, Some("systemd-run --user --scope -p CPUWeight=100 worldflux ...".into()))
}
