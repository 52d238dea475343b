//! What can be asked for: one type for each method, and the table of all.

use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt as _};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;

use super::{asset, error::ServeError, execution, files, info, parameters, server::Server, session, snapshot};

/// Something that can be asked for.
pub(super) trait Method: 'static {
    /// Its name: a noun, a dot, a verb.
    const NAME: &'static str;
    /// What it does, in a sentence or two.
    const SUMMARY: &'static str;
    /// When it is begun.
    const ORDER: Order = Order::Any;
    /// What it takes.
    type Parameters: DeserializeOwned + JsonSchema + Send + 'static;
    /// What it answers.
    type Answer: Serialize + JsonSchema + Send + 'static;

    /// Do it.
    fn call(server: Arc<Server>, parameters: Self::Parameters) -> impl Future<Output = Result<Done<Self::Answer>, ServeError>> + Send;
}

/// When a request is begun. Answers come whenever there are any; who waits for one thing before the next waits for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Beside all others.
    Any,
    /// Before any request that comes after it: input of a command comes in the order in which it was sent, also where nobody waits for the
    /// answers.
    InTurn,
    /// The same, and done also where nothing more is begun: it is what makes others end.
    AtOnce,
}

/// What a method answers.
pub(super) struct Done<T> {
    value: T,
    then: Option<BoxFuture<'static, ()>>,
    turn: Option<OwnedSemaphorePermit>,
}

/// The same, as JSON.
pub(super) struct Answered {
    pub(super) json: Vec<u8>,
    /// What is to happen once the answer is on its way: a client hears of an execution before it hears from it.
    pub(super) then: Option<BoxFuture<'static, ()>>,
    /// Held until the answer is on its way.
    #[expect(dead_code, reason = "to be held is all it is for")]
    turn: Option<OwnedSemaphorePermit>,
}

/// A line of the table.
pub(super) struct Entry {
    pub(super) name: &'static str,
    pub(super) summary: &'static str,
    pub(super) order: Order,
    pub(super) parameters: fn(&mut SchemaGenerator) -> Schema,
    pub(super) answer: fn(&mut SchemaGenerator) -> Schema,
    pub(super) call: fn(Arc<Server>, Value) -> BoxFuture<'static, Result<Answered, ServeError>>,
}

/// Every method, sorted by name.
pub(super) const METHODS: &[Entry] = &[
    Entry::of::<asset::ForTests>(),
    Entry::of::<asset::Materialize>(),
    Entry::of::<asset::Resolve>(),
    Entry::of::<execution::Acknowledge>(),
    Entry::of::<execution::CloseStdin>(),
    Entry::of::<execution::Kill>(),
    Entry::of::<execution::Run>(),
    Entry::of::<execution::Start>(),
    Entry::of::<execution::State>(),
    Entry::of::<execution::Wait>(),
    Entry::of::<execution::Write>(),
    Entry::of::<info::Info>(),
    Entry::of::<session::Close>(),
    Entry::of::<session::Info>(),
    Entry::of::<session::List>(),
    Entry::of::<session::Open>(),
    Entry::of::<session::Stop>(),
    Entry::of::<snapshot::Compare>(),
    Entry::of::<snapshot::Export>(),
    Entry::of::<snapshot::Patch>(),
    Entry::of::<snapshot::Take>(),
    Entry::of::<snapshot::Update>(),
    Entry::of::<snapshot::Checkpoint>(),
    Entry::of::<files::Read>(),
    Entry::of::<snapshot::Reset>(),
    Entry::of::<snapshot::Restore>(),
    Entry::of::<files::Unpack>(),
    Entry::of::<files::Write>(),
];

impl Entry {
    const fn of<M: Method>() -> Self {
        Self {
            name: M::NAME,
            summary: M::SUMMARY,
            order: M::ORDER,
            parameters: |generator| generator.subschema_for::<M::Parameters>(),
            answer: |generator| generator.subschema_for::<M::Answer>(),
            call: |server, parameters| call::<M>(server, parameters).boxed(),
        }
    }

    /// The method of this name.
    pub(super) fn named(name: &str) -> Result<&'static Self, ServeError> {
        METHODS.iter().find(|entry| entry.name == name).ok_or_else(|| ServeError::NoMethod {
            method: name.to_owned(),
            meant: crate::names::nearest(name, METHODS.iter().map(|entry| entry.name)),
        })
    }
}

async fn call<M: Method>(server: Arc<Server>, parameters: Value) -> Result<Answered, ServeError> {
    let parameters = parameters::read::<M>(parameters)?;
    let done = M::call(server, parameters).await?;
    // An answer is made of texts, numbers and maps with text keys, so writing it into memory cannot fail.
    let json = serde_json::to_vec(&done.value).map_err(|_| ServeError::Broken(M::NAME))?;
    Ok(Answered { json, then: done.then, turn: done.turn })
}

impl<T> Done<T> {
    /// And then let this happen, beside everything else.
    pub(super) fn then(value: T, next: impl Future<Output = ()> + Send + 'static) -> Self {
        Self { value, then: Some(next.boxed()), turn: None }
    }

    /// An answer that takes much memory, until it is on its way.
    pub(super) const fn holding(value: T, turn: Option<OwnedSemaphorePermit>) -> Self {
        Self { value, then: None, turn }
    }
}

impl<T> From<T> for Done<T> {
    fn from(value: T) -> Self {
        Self { value, then: None, turn: None }
    }
}
