//! `worldflux run`.

use std::pin::pin;

use tokio::signal::unix::{SignalKind, signal};

use super::{
    args::RunArgs,
    context::Context,
    detach,
    exit::Exit,
    output::Mark,
    runtime::finding_line,
    watch::{Watch, Watcher},
};
use crate::{
    config::{Environment, RunOverrides, RunSettings},
    engine::Severity,
    run::{Cancel, Canceller, Plan, RunError, RunHandle},
    store::RunStatus,
};

pub(super) async fn run(context: &Context, arguments: &RunArgs) -> Result<Exit, RunError> {
    let settings = RunSettings::resolve(&RunOverrides::from(arguments), &context.environment, &Environment::current_directory()?)?;
    for note in &settings.notes {
        context.output.talk(Mark::Note, note);
    }
    if arguments.dry_run {
        let plan = context.host()?.plan(settings).await?;
        return Ok(show_plan(context, &plan));
    }
    if arguments.detach {
        return detach::detach(context, &settings.run_id).await;
    }
    let host = context.host()?;
    for problem in host.settle()?.problems {
        context.output.talk(Mark::Warning, &problem);
    }
    let watch = match (arguments.events, context.output.json) {
        (true, _) => Watch::Events,
        (false, true) => Watch::Document,
        (false, false) => Watch::Plain,
    };
    let place = settings.output.clone();
    let mut interrupts = signal(SignalKind::interrupt()).ok();
    let mut terminations = signal(SignalKind::terminate()).ok();
    let mut interrupted = false;
    let mut beginning = pin!(host.run(settings));
    let RunHandle { id: _, mut events, canceller, running } = loop {
        tokio::select! {
            begun = &mut beginning => break begun?,
            () = received(&mut interrupts) => {
                if interrupted {
                    return Ok(Exit::Interrupted);
                }
                context.output.talk(Mark::Note, "ending the run once it has begun; press Ctrl-C again to leave at once");
                interrupted = true;
            }
            () = received(&mut terminations) => return Ok(Exit::Interrupted),
        }
    };
    if interrupted {
        canceller.ask(Cancel::Stop);
    }
    let mut watcher = Watcher::new(context.output, watch);
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some(event) => watcher.see(event),
                None => break,
            },
            () = received(&mut interrupts) => {
                ask_to_end(context, &canceller, interrupted);
                interrupted = true;
            }
            () = received(&mut terminations) => canceller.ask(Cancel::Stop),
        }
    }
    let manifest = running.manifest().await?;
    watcher.close(&manifest, &place);
    let exit = Exit::of_manifest(&manifest);
    if interrupted && manifest.status == RunStatus::Cancelled {
        return Ok(Exit::Interrupted);
    }
    let code = manifest.ending.as_ref().and_then(|ending| ending.kind.exit_code());
    Ok(match code {
        Some(code) if arguments.passthrough => Exit::Passed(u8::try_from(code).unwrap_or(1)),
        _ => exit,
    })
}

/// Once asks for the end, twice ends it.
fn ask_to_end(context: &Context, canceller: &Canceller, again: bool) {
    if again {
        context.output.talk(Mark::Note, "ending the command by force");
        canceller.ask(Cancel::Kill);
        return;
    }
    context.output.talk(Mark::Note, "asking the command to end; press Ctrl-C again to end it by force");
    canceller.ask(Cancel::Stop);
}

async fn received(signal: &mut Option<tokio::signal::unix::Signal>) {
    let seen = match signal {
        Some(signal) => signal.recv().await,
        None => None,
    };
    if seen.is_none() {
        std::future::pending::<()>().await;
    }
}

fn show_plan(context: &Context, plan: &Plan) -> Exit {
    let blocked = plan.findings.iter().any(|finding| finding.severity == Severity::Error);
    let exit = if blocked { Exit::Blocked } else { Exit::Ok };
    if context.output.json {
        context.output.document(plan);
        return exit;
    }
    for finding in &plan.findings {
        context.output.line(&finding_line(&plan.runtime, finding));
    }
    if blocked {
        return exit;
    }
    for resource in &plan.resources {
        let price = resource
            .price_per_hour_micros
            .map_or_else(|| "price not known".to_owned(), |price| format!("{} an hour", crate::names::Usd::from_micros(price)));
        let there = if plan.environment_exists { ", there already" } else { "" };
        context.output.line(&format!("would make: {} {} `{}` ({price}{there})", resource.count, resource.kind, resource.name));
    }
    for step in &plan.steps {
        context.output.line(&format!("would do: {step}"));
    }
    context.output.line(&format!("would run: {}", plan.command.join(" ")));
    let price = plan.price_in_all_usd.map_or_else(|| "not known".to_owned(), |price| format!("${price:.2}"));
    context.output.line(&format!("price in all: {price}"));
    exit
}
