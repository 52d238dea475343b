//! Who is told about connections.

use std::time::Duration;

use crate::{names::Bytes, policy::Denial};

/// A connection that a child asks for, in its own words, shortened where they are long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// `CONNECT`, or the method of a plain request.
    pub method: String,
    /// Host and port. Never a path, which can hold what must not be written down.
    pub authority: String,
}

/// How a connection went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Bytes from the child to the host that it named, encryption included.
    pub up: Bytes,
    /// Bytes from there to the child.
    pub down: Bytes,
    /// From when it was allowed to its end.
    pub lasted: Duration,
    /// Why it did not come about, or was broken off. `None` where one of the two ended it.
    pub failed: Option<String>,
}

/// Takes note of every connection.
pub trait Watcher: Send + Sync {
    /// Something was asked for and is refused.
    fn denied(&self, wanted: &Wanted, denial: &Denial);

    /// Something was asked for that nobody can mean.
    fn invalid(&self, wanted: &Wanted, why: &str);

    /// A connection is allowed, and is made next. An error says why it must not be: what cannot be written down does not happen.
    fn begins(&self, wanted: &Wanted) -> Result<Box<dyn Begun>, String>;
}

/// A connection that was begun. Told its end exactly once, also where the child ends in the middle of it.
pub trait Begun: Send + Sync {
    /// It is over.
    fn ended(&mut self, outcome: &Outcome);
}
