//! `worldflux kill`.

use super::{args::KillArgs, context::Context, exit::Exit, output::Mark};
use crate::{
    run::RunError,
    store::{Control, Delivery},
};

pub(super) fn kill(context: &Context, arguments: &KillArgs) -> Result<Exit, RunError> {
    let host = context.host()?;
    host.settle()?;
    let row = host.state().resolve_run(arguments.run.as_str())?;
    let control = if arguments.force { Control::Kill } else { Control::Stop };
    let delivery = host.state().send_control(&row.id, control)?;
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
