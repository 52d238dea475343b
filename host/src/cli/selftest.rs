//! `worldflux selftest`: attacks this machine, and says what held.

use serde_json::json;

use super::{args::SelftestArgs, context::Context, exit::Exit, output::Mark};
use crate::{
    check,
    run::RunError,
    sandbox::{Canary, Proof},
};

pub(super) async fn selftest(context: &Context, arguments: &SelftestArgs) -> Result<Exit, RunError> {
    let host = context.host()?;
    let talks = !context.output.json;
    // Found out anew: what was remembered is not what is asked for.
    let launcher = arguments.level.map_or_else(|| host.launcher().clone(), |level| host.launcher().clone().at_most(level));
    let prover = launcher.clone();
    let proof = tokio::task::spawn_blocking(move || prover.prove_again()).await;
    let proof = proof.map_err(|error| RunError::Selftest(error.to_string()))?;
    if talks {
        show_proof(context, &proof);
    }
    let mut attempts = vec![];
    if arguments.hostile {
        let told = |attempt: &check::Attempt| {
            if talks {
                show(context, attempt.held, attempt.case, attempt.tried, &attempt.detail);
            }
        };
        let made = check::attack_all(&launcher, host.state().layout().root(), told).await;
        attempts = made.map_err(|error| RunError::Selftest(error.to_string()))?;
    }
    let failed = attempts.iter().filter(|attempt| !attempt.held).count() + proof.canaries.iter().filter(|canary| !canary.holds()).count();
    let all = attempts.len() + proof.canaries.len();
    if talks {
        context.output.talk(Mark::Note, &format!("{} of {all} went as they must, at level `{}`", all - failed, proof.level));
        if !proof.why.is_empty() {
            context.output.talk(Mark::Warning, &format!("no higher level: {}; {}", proof.why, proof.fix));
        }
    } else {
        context.output.document(&json!({ "proof": proof, "hostile": attempts }));
    }
    Ok(if failed == 0 { Exit::Ok } else { Exit::Failed })
}

fn show_proof(context: &Context, proof: &Proof) {
    for canary in &proof.canaries {
        let Canary { name, tried, detail, .. } = canary;
        show(context, canary.holds(), name, tried, detail);
    }
}

fn show(context: &Context, held: bool, name: &str, tried: &str, detail: &str) {
    let mark = if held { "held" } else { "FAILED" };
    context.output.line(&format!("{mark}: {name}: {tried}: {detail}"));
}
