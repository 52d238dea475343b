//! The way out of a child's network: a proxy that lets it reach the hosts that were named, and nothing else.
//!
//! It speaks what every program knows: `CONNECT host:port` for a tunnel, and `GET http://host/` for plain HTTP where that was named. The
//! host is read by the one parser of the policy, looked up and connected to by the [`Dialer`](super::Dialer), never by the child. In a
//! tunnel the first message has to be the beginning of a TLS connection to the very host that the tunnel leads to: else one named host
//! that many share would be a way to all of them. What is said inside of the encryption is between the child and that host.
//!
//! Never: reads what goes through a tunnel beyond its first message, keeps a connection for another child, knows what a record is.
//! Callers: imports, for every child that may reach hosts by name.
//! Read in order: limits, password, watcher, rules, server, answer, tunnel with hello, forward, meter.

mod answer;
mod forward;
mod hello;
mod limits;
mod meter;
mod password;
mod rules;
mod server;
mod tunnel;
mod watcher;

pub use password::Password;
pub use rules::Rules;
pub use server::Proxy;
pub use watcher::{Begun, Outcome, Wanted, Watcher};
