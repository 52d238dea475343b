//! What happens to a session around its commands, told to the client.

use std::sync::Arc;

use bytes::Bytes;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::mpsc;

use super::{data::Data, message::write_notification, server::Server};
use crate::{
    engine::{Finding, Severity},
    imports::{Talk, TalkLevel},
    names::{Channel, RunId},
    run::{Event, OutputSource, Step},
};

/// The notification.
pub(super) const EVENT: &str = "session.event";

/// Something that happened while a session was opened or closed.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct EventParameters {
    /// The session.
    session: RunId,
    /// The number of the event: 0 is the first, and none is left out.
    sequence: u64,
    /// What.
    #[serde(flatten)]
    what: Happened,
}

/// What happened.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum Happened {
    /// It goes on to this step.
    Step {
        /// Its name.
        step: &'static str,
    },
    /// The plugin's doctor found something.
    Finding {
        /// How bad it is.
        severity: Level,
        /// What it is.
        message: String,
    },
    /// Somebody said something.
    Message {
        /// How important it is.
        level: Level,
        /// What.
        message: String,
    },
    /// How far a long step is.
    Progress {
        /// What is being done.
        label: String,
        /// Work done.
        done: u64,
        /// Work in all, if that is known.
        total: Option<u64>,
        /// What is counted.
        unit: String,
    },
    /// Output of the preparation.
    Output {
        /// Who wrote it: `build-env`, `setup-0`.
        source: String,
        /// Where.
        channel: Channel,
        /// What.
        data: Data,
    },
}

/// How important something is.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Level {
    /// For whoever looks for a mistake.
    Debug,
    /// Worth knowing.
    Info,
    /// Something is not as it should be.
    Warning,
    /// Something did not work.
    Error,
}

/// Go along until nothing happens any more, and tell the client where it wants to hear of it.
pub(super) async fn tell(server: Arc<Server>, session: RunId, mut is_wanted: bool, mut events: mpsc::Receiver<Event>) {
    let mut sequence = 0;
    while let Some(event) = events.recv().await {
        let Some(what) = Happened::of(event).filter(|_| is_wanted) else { continue };
        let mut line = server.outbox.buffer();
        write_notification(&mut line, EVENT, &EventParameters { session: session.clone(), sequence, what });
        sequence += 1;
        is_wanted = server.say(line).await;
    }
}

impl Happened {
    fn of(event: Event) -> Option<Self> {
        Some(match event {
            Event::Step(step) => Self::Step { step: Step::name(step) },
            Event::Finding(Finding { severity, message, .. }) => Self::Finding {
                severity: match severity {
                    Severity::Info => Level::Info,
                    Severity::Warning => Level::Warning,
                    Severity::Error => Level::Error,
                },
                message,
            },
            Event::Note(message) => Self::Message { level: Level::Warning, message },
            Event::Talk(Talk::Line { level, message }) => Self::Message {
                level: match level {
                    TalkLevel::Debug => Level::Debug,
                    TalkLevel::Info => Level::Info,
                    TalkLevel::Warning => Level::Warning,
                    TalkLevel::Error => Level::Error,
                },
                message,
            },
            Event::Talk(Talk::Progress { label, done, total, unit }) => Self::Progress { label, done, total, unit },
            Event::Output { source, channel, bytes } => Self::output(source, channel, bytes),
            // Whoever closes the session has the manifest from the answer.
            Event::Finished(_) => return None,
        })
    }

    fn output(source: OutputSource, channel: Channel, bytes: Bytes) -> Self {
        let source = match source {
            OutputSource::BuildEnv => "build-env".to_owned(),
            OutputSource::Execution { kind, index } => format!("{kind}-{index}"),
        };
        Self::Output { source, channel, data: Data(bytes) }
    }
}
