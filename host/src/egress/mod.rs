//! Reaches the network: the only way out of this machine, for plugins and for the programs that they start.
//!
//! A connection needs a permit, goes to an address that was checked, and has the name that was granted in its TLS; a request besides is
//! bounded in size and time. There are no redirects followed, no proxies of the environment, no cookies, nothing decoded, and no
//! connection is used for two plugins.
//!
//! Requests of plugins are made with hyper itself: reqwest does not hand on the trailers with which gRPC ends, and cannot speak HTTP/2 in the
//! clear to one server and HTTP/1.1 to the next. Files are fetched with reqwest, which needs neither and can be told the rest of the policy.
//!
//! Never: decides where to (policy does), knows about wasm, keeps secrets, writes the record.
//! Callers: imports, for plugins; run, which makes the client and the proxy; cli, to look at a file of authorities.
//! Read in order: error, limits; address, resolve, dial; tls; headers, outgoing, wire, link, answer, pool, request, client, download; then
//! proxy, for programs.

mod address;
mod answer;
mod client;
mod dial;
mod download;
mod error;
mod headers;
mod limits;
mod link;
mod outgoing;
mod pool;
mod proxy;
mod request;
mod resolve;
mod tls;
mod wire;

pub use address::Forbidden;
pub use answer::Answer;
pub use client::Client;
pub use dial::{Connection, Dialer};
pub use download::Download;
pub use error::{EgressError, Wait};
pub use headers::is_forbidden;
pub use limits::HttpLimits;
pub use outgoing::RequestBody;
pub use proxy::{Begun, Outcome, Password, Proxy, Rules, Wanted, Watcher};
pub use request::{Outbound, empty};
pub use tls::check_authorities;
