//! Outside of a component there is nobody who sends requests.

use std::{convert::Infallible, time::Instant};

use super::{body::Piece, request::Request, response::Head};
use crate::Failure;

/// There is none.
pub(super) struct Incoming(Infallible);

impl Incoming {
    pub(super) fn read(&mut self, _most: usize, _until: Option<Instant>) -> Result<Piece, Failure> {
        match self.0 {}
    }

    pub(super) fn trailers(self) -> Result<Vec<(String, String)>, Failure> {
        match self.0 {}
    }
}

pub(super) fn send(request: &Request, _until: Instant) -> Result<Head, Failure> {
    super::url::split(&request.url)?;
    Err(Failure::other(format!("{}: requests are sent only inside a component that worldflux runs", request.words())))
}
