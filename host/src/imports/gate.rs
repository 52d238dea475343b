//! The choke point: every effect that a plugin asks for goes through here.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use serde::Serialize;
use serde_json::{Value, json};

use super::usage::Usage;
use crate::{
    names::{Cause, Export, Failure},
    policy::{Denial, Permit, Rights},
    store::{self, Record, StoreError, Ticket},
};

/// Why something that was asked for is not tried.
pub(super) use crate::policy::Refused as Refusal;

/// Authorizes, records, lets through.
pub struct Gate {
    export: Export,
    rights: Arc<Rights>,
    record: Arc<Record>,
    usage: Arc<Usage>,
    calls: AtomicU64,
}

impl Gate {
    /// The gate of one call.
    #[must_use]
    pub const fn new(export: Export, rights: Arc<Rights>, record: Arc<Record>, usage: Arc<Usage>) -> Self {
        Self { export, rights, record, usage, calls: AtomicU64::new(0) }
    }

    /// The export that runs.
    pub(super) const fn export(&self) -> Export {
        self.export
    }

    /// Who asks.
    pub(super) fn rights(&self) -> &Rights {
        &self.rights
    }

    /// What the run has used up.
    pub(super) const fn usage(&self) -> &Arc<Usage> {
        &self.usage
    }

    /// Record what was asked; with a permit, let `effect` happen and record what came of it. Where the call is over before the effect is,
    /// the record says so.
    ///
    /// `action` describes what was asked, without secrets and values of variables. `told` describes an answer in the same way.
    pub(super) async fn pass<A, T, E>(
        &self,
        import: &'static str,
        action: Value,
        decision: Result<Permit<A>, Refusal>,
        effect: impl FnOnce(Permit<A>) -> E,
        told: impl FnOnce(&T) -> Value,
    ) -> Result<T, Failure>
    where
        E: Future<Output = Result<T, Failure>>,
    {
        self.admit()?;
        let pause = self.usage.pause();
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        let permit = match decision {
            Ok(permit) => permit,
            Err(refusal) => return Err(self.refused(import, action, refusal)),
        };
        let open = self.open(import, action, &permit)?;
        let answer = effect(permit).await;
        open.end(match &answer {
            Ok(answer) => json!({ "ok": told(answer) }),
            Err(failure) => json!({ "failed": failure }),
        })?;
        answer
    }

    /// Record what was asked and is allowed: the first half of [`Gate::pass`], for an effect whose end comes later than its answer.
    pub(super) fn open<A>(&self, import: &'static str, action: impl Serialize, _: &Permit<A>) -> Result<Open, Failure> {
        let ticket = self.record.intent(self.asked(import, action)).map_err(unrecorded)?;
        Ok(Open { record: self.record.clone(), ticket: Some(ticket) })
    }

    /// Record what was asked and is not tried, and tell why not.
    pub(super) fn refused(&self, import: &'static str, action: Value, refusal: Refusal) -> Failure {
        let asked = self.asked(import, action);
        let (recorded, failure) = match refusal {
            Refusal::Denied(denial) => (self.record.denied(asked, denial.clone()), denial.into()),
            Refusal::Invalid(failure) => {
                let ticket = self.record.intent(asked);
                (ticket.and_then(|ticket| self.record.result(ticket, json!({ "failed": failure }))), failure)
            }
        };
        recorded.map_or_else(unrecorded, |()| failure)
    }

    /// Record something that needs no permit, since it only touches what the plugin was given before.
    pub(super) fn tell<T>(&self, import: &'static str, action: Value, effect: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
        self.admit()?;
        let ticket = self.record.intent(self.asked(import, action)).map_err(unrecorded)?;
        let answer = effect();
        let outcome = answer.as_ref().map_or_else(|failure| json!({ "failed": failure }), |_| json!({ "ok": "done" }));
        self.record.result(ticket, outcome).map_err(unrecorded)?;
        answer
    }

    /// Record something that is refused whatever the grants say.
    pub(super) fn refuse(&self, import: &'static str, action: Value, denial: Denial) -> Failure {
        if self.calls.fetch_add(1, Ordering::Relaxed) < self.usage.limits().calls
            && let Err(error) = self.record.denied(self.asked(import, action), denial.clone())
        {
            return unrecorded(error);
        }
        denial.into()
    }

    /// One more host call, if there may be one.
    pub(super) fn admit(&self) -> Result<(), Failure> {
        let most = self.usage.limits().calls;
        if self.calls.fetch_add(1, Ordering::Relaxed) < most {
            return Ok(());
        }
        let message = format!("plugin `{}` made more than {most} host calls in one `{}`", self.rights.plugin, self.export);
        Err(Failure::new(Cause::Quota, message))
    }

    fn asked<A>(&self, import: &str, action: A) -> store::Call<A> {
        store::Call { export: Some(self.export), import: import.to_owned(), action }
    }
}

/// An effect that was begun. Dropped with its ticket where the call is over before it: at its deadline, or because nobody waits any more.
pub(super) struct Open {
    record: Arc<Record>,
    ticket: Option<Ticket>,
}

impl Open {
    /// What came of it.
    pub(super) fn end(mut self, outcome: impl Serialize) -> Result<(), Failure> {
        self.ticket.take().map_or(Ok(()), |ticket| self.record.result(ticket, outcome).map_err(unrecorded))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            // Nobody is left to be told that this cannot be written; the intent stands there without an end then.
            let _ = self.record.result(ticket, json!({ "abandoned": "the call was over before this was" }));
        }
    }
}

/// What cannot be written down does not happen.
#[expect(clippy::needless_pass_by_value, reason = "it is handed over by `map_err`")]
fn unrecorded(error: StoreError) -> Failure {
    let cause = if matches!(error, StoreError::RecordFull { .. }) { Cause::Quota } else { Cause::Other };
    Failure::new(cause, format!("the run's record cannot be written: {error}"))
}
