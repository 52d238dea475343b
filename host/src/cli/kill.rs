//! `worldflux kill`.

use std::time::{Duration, Instant};

use super::{args::KillArgs, context::Context, exit::Exit, output::Mark};
use crate::{
    names::RunId,
    run::RunError,
    store::{Control, Delivery, State},
};

/// How long a host that leads a run may take to listen.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn kill(context: &Context, arguments: &KillArgs) -> Result<Exit, RunError> {
    let host = context.host()?;
    host.settle()?;
    let row = host.state().resolve_run(arguments.run.as_str())?;
    let control = if arguments.force { Control::Kill } else { Control::Stop };
    let delivery = send(host.state(), &row.id, control)?;
    if context.output.json {
        context.output.document(&serde_json::json!({ "run": row.id, "delivered": delivery == Delivery::Delivered }));
    } else {
        let text = match delivery {
            Delivery::Delivered => format!("run `{}` was asked to end", row.id),
            Delivery::NotRunning => format!("run `{}` is over already: {}", row.id, row.status),
        };
        context.output.talk(Mark::Note, &text);
    }
    Ok(Exit::Ok)
}

/// Ask the host of a run, which may be about to begin to listen.
fn send(state: &State, run: &RunId, control: Control) -> Result<Delivery, RunError> {
    let until = Instant::now() + PATIENCE;
    loop {
        let delivery = state.send_control(run, control)?;
        let is_asked = delivery == Delivery::Delivered || state.run(run)?.status.is_final() || !state.is_led(run)?;
        if is_asked || Instant::now() >= until {
            return Ok(delivery);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
