//! Requests to the outside, one at a time, as far as the user's grants go.
//!
//! ```no_run
//! # use worldflux_plugin::{Failure, http::{Request, Retry}};
//! # fn ask() -> Result<(), Failure> {
//! let answer = Request::get("https://api.example.org/v1/account").send_patiently(&Retry::default())?;
//! let account: serde_json::Value = answer.checked("reading the account")?.json()?;
//! # Ok(()) }
//! ```
//!
//! A secret has no place here: the host puts it into the request, where the grant binds it to the destination. A redirect is an answer like any
//! other. What a request may not reach fails with [`Cause::Denied`](crate::Cause::Denied). Outside of a component, as in a unit test, every
//! request fails.
//!
//! Never: follows a redirect, keeps a cookie, decodes a compressed answer, repeats a request whose work could be done twice.
//! Callers: plugins.
//! Read in order: request, response, body, failures, retry, events, multipart, date, url; wire speaks `wasi:http`.

mod body;
mod date;
mod events;
mod failures;
mod multipart;
mod request;
mod response;
mod retry;
mod url;
#[cfg(target_family = "wasm")]
mod wire;
#[cfg(not(target_family = "wasm"))]
#[path = "nowhere.rs"]
mod wire;

pub use body::{Body, Piece};
pub use date::{parse_date, parse_timestamp};
pub use events::{Event, Events};
pub use multipart::Multipart;
pub use request::{Content, Request};
pub use response::Response;
pub use retry::Retry;
pub use url::{encode, host_of};
