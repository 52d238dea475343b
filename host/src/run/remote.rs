//! Following an execution that is elsewhere: ask, as often as the last answer said, until it has ended.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::{cancel::Cancel, execute::Execution, story::Story};
use crate::{
    engine::{CallError, Phase},
    names::{Bytes, Cause, Channel, EndKind, Ending, Export, Failure, Moment},
};

/// How long a backend may be out of reach, or not know, before the execution counts as lost.
const PATIENCE: Duration = Duration::from_mins(15);

/// How long after an unanswered poll the next one is made, at first; it doubles up to the longest.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_mins(1);

/// The longest that a backend may ask to be left alone. Stops one that says a day from making a run look dead.
const MOST_ASKED: Duration = Duration::from_mins(5);

/// How long after the end was asked for the next poll is made.
const AFTER_END: Duration = Duration::from_millis(250);

/// How long a backend may take to end an execution that it was asked to end, beyond the grace.
const END: Duration = Duration::from_mins(2);

/// What is known while it goes on.
struct Watch {
    cursor: String,
    wrote: [u64; 2],
    kept: [u64; 2],
    retry: Duration,
    unknown_since: Option<Instant>,
    /// Since when, as the user was told.
    told_unknown: Option<Moment>,
    asked_to_end: Option<(EndKind, Instant)>,
}

impl Story {
    /// Poll until the execution has ended, or nothing is known of it any more.
    pub(super) async fn follow_remote(&self, handle: &str, first: Duration, execution: &mut Execution) -> Ending {
        let started_at = Moment::now();
        let deadline = execution.deadline.map(|deadline| Instant::now() + deadline);
        let execution = &*execution;
        let mut next = Instant::now() + first;
        let mut watch = Watch::new();
        loop {
            self.wait_for_poll(next, deadline, handle, execution, &mut watch).await;
            let answer = self.poll_once(handle, deadline, execution, &mut watch).await;
            let (after, ended) = match answer {
                Ok(Some((after, ended))) => (after, ended),
                // It was given up for the end that somebody wants; how that goes is asked soon.
                Ok(None) => {
                    next = Instant::now() + AFTER_END;
                    continue;
                }
                Err(error) => (watch.missed(&error), Err(error.to_string())),
            };
            match ended {
                Ok(Some(ending)) => {
                    self.tell_found(&mut watch).await;
                    return watch.close(ending);
                }
                Ok(None) => self.tell_found(&mut watch).await,
                Err(why) if watch.is_lost(execution.grace) => return watch.close(lost(started_at, &why)),
                Err(why) => self.tell_unknown(&mut watch, &why).await,
            }
            next = Instant::now() + after;
        }
    }

    /// Wait for the next poll; ask for the end where the deadline or the user comes first.
    async fn wait_for_poll(&self, next: Instant, deadline: Option<Instant>, handle: &str, execution: &Execution, watch: &mut Watch) {
        let kind = tokio::select! {
            () = sleep_until(next) => return,
            kind = end_wanted(deadline, execution, watch) => kind,
        };
        self.end_remote(kind, handle, execution, watch).await;
    }

    async fn end_remote(&self, kind: EndKind, handle: &str, execution: &Execution, watch: &mut Watch) {
        watch.asked_to_end = Some((kind, Instant::now()));
        self.ask_plugin_to_kill(handle, execution.grace).await;
    }

    /// Say once that nobody knows, and since when.
    async fn tell_unknown(&self, watch: &mut Watch, why: &str) {
        if watch.told_unknown.is_none() {
            let since = *watch.told_unknown.insert(Moment::now());
            self.note(format!("what runs elsewhere is unknown since {since}: {why}; it is asked for again")).await;
        }
    }

    async fn tell_found(&self, watch: &mut Watch) {
        watch.unknown_since = None;
        if let Some(since) = watch.told_unknown.take() {
            self.note(format!("what runs elsewhere is known again; it was unknown since {since}")).await;
        }
    }

    /// One poll: its output is logged, its cursor stored, and its phase told. An `Err` inside is a phase that nobody knows. `None` is a poll that
    /// was given up because the end is wanted: a backend that does not answer must not keep it waiting.
    async fn poll_once(
        &self,
        handle: &str,
        deadline: Option<Instant>,
        execution: &Execution,
        watch: &mut Watch,
    ) -> Result<Option<(Duration, Result<Option<Ending>, String>)>, CallError> {
        let environment = self.environment.as_deref().unwrap_or_default();
        let call = self.call(Export::Poll);
        let poll = self.engine.poll(&self.resolved.plugin, call, &self.question, environment, handle, &watch.cursor);
        let seen = tokio::select! {
            seen = poll => seen?,
            kind = end_wanted(deadline, execution, watch) => {
                self.end_remote(kind, handle, execution, watch).await;
                return Ok(None);
            }
        };
        for (channel, bytes) in seen.output {
            let kept = watch.keep(channel, bytes, execution.cap);
            if !kept.is_empty() {
                execution.output.take_remote(channel, kept).await;
            }
        }
        watch.cursor = seen.next;
        let _ = self.host.state.execution_read_to(&self.question.settings.run_id, execution.index, &watch.cursor);
        let phase = match seen.phase {
            Phase::Ended(ending) => Ok(Some(ending)),
            Phase::Pending | Phase::Running => Ok(None),
            Phase::Unknown => {
                watch.unknown_since.get_or_insert_with(Instant::now);
                Err(seen.evidence)
            }
        };
        watch.retry = FIRST_RETRY;
        Ok(Some((seen.ask_again_after, phase)))
    }
}

/// Answers once the deadline has passed or the user wants the end, and that was not asked for yet.
async fn end_wanted(deadline: Option<Instant>, execution: &Execution, watch: &Watch) -> EndKind {
    if watch.asked_to_end.is_some() {
        return std::future::pending().await;
    }
    let mut cancelled = execution.cancelled.clone();
    let deadline = async {
        match deadline {
            Some(deadline) => sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = deadline => EndKind::TimedOut,
        _ = cancelled.at_least(Cancel::Stop) => EndKind::Killed,
    }
}

impl Watch {
    const fn new() -> Self {
        Self {
            cursor: String::new(),
            wrote: [0; 2],
            kept: [0; 2],
            retry: FIRST_RETRY,
            unknown_since: None,
            told_unknown: None,
            asked_to_end: None,
        }
    }

    /// Count new output and cut it at the cap.
    fn keep(&mut self, channel: Channel, mut bytes: Vec<u8>, cap: Bytes) -> Vec<u8> {
        let ([wrote_out, wrote_err], [kept_out, kept_err]) = (&mut self.wrote, &mut self.kept);
        let (wrote, kept) = match channel {
            Channel::Stdout => (wrote_out, kept_out),
            Channel::Stderr => (wrote_err, kept_err),
        };
        *wrote += bytes.len() as u64;
        bytes.truncate(usize::try_from(cap.0.saturating_sub(*kept)).unwrap_or(usize::MAX));
        *kept += bytes.len() as u64;
        bytes
    }

    /// A poll was not answered: how long to wait for the next one. As long as the backend asked for, where it did.
    fn missed(&mut self, error: &CallError) -> Duration {
        self.unknown_since.get_or_insert_with(Instant::now);
        let wait = self.retry;
        self.retry = (wait * 2).min(LONGEST_RETRY);
        match error {
            CallError::Refused(Failure { cause: Cause::Unavailable { retry_after: Some(asked) }, .. }) => (*asked).clamp(wait, MOST_ASKED),
            _ => wait,
        }
    }

    fn is_lost(&self, grace: Duration) -> bool {
        let out_of_reach = self.unknown_since.is_some_and(|since| since.elapsed() > PATIENCE);
        out_of_reach || self.asked_to_end.is_some_and(|(_, at)| at.elapsed() > grace + END)
    }

    /// The ending with what the host knows better: what it read, and that it asked for the end.
    fn close(&self, mut ending: Ending) -> Ending {
        if let Some((kind, _)) = self.asked_to_end
            && !matches!(ending.kind, EndKind::Exited { code: 0 } | EndKind::Preempted | EndKind::Lost)
        {
            ending.kind = kind;
        }
        let [stdout, stderr] = self.wrote;
        ending.stdout_bytes = ending.stdout_bytes.max(Bytes(stdout));
        ending.stderr_bytes = ending.stderr_bytes.max(Bytes(stderr));
        ending.truncated |= self.wrote != self.kept;
        ending
    }
}

fn lost(started_at: Moment, why: &str) -> Ending {
    Ending {
        kind: EndKind::Lost,
        evidence: format!("the backend did not answer any more: {why}"),
        started_at: Some(started_at),
        ended_at: None,
        stdout_bytes: Bytes(0),
        stderr_bytes: Bytes(0),
        truncated: false,
    }
}
