//! The whole outcome of a command that ran on this machine.

use crate::{Detail, Failure, Outcome, collect, context::Context};

/// The files and numbers of a run whose results lie in `/output` and `/workspace`; free of charge.
pub fn outcome(context: &Context) -> Result<Outcome, Failure> {
    let (artifacts, left_out) = collect::artifacts(context)?;
    let metrics = collect::metrics(context)?;
    let details = if left_out { vec![Detail::new("artifacts-left-out", &true.into())] } else { Vec::new() };
    Ok(Outcome { artifacts, metrics, details, ..Outcome::free() })
}
