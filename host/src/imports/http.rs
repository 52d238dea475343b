//! `wasi:http/outgoing-handler`: refused until there is a policy for it.

use std::{future::Future, sync::Arc};

use serde_json::json;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::gate::Gate;
use crate::policy::Denial;

type Answer = Result<(http::Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>), Error>;

/// Refuses every request, and writes down what was asked.
pub(super) struct Refusal(pub(super) Arc<Gate>);

impl WasiHttpHooks for Refusal {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Answer> + Send> {
        let authority = request.uri().authority().map_or("", |authority| authority.as_str());
        // The path and the query of a request can hold what must not be written down.
        let action = json!({ "method": request.method().as_str(), "authority": authority });
        let denial = Denial {
            plugin: self.0.rights().plugin.to_string(),
            action: format!("reach `{}`", authority.escape_debug()),
            rule: "this version of the host has no HTTP for plugins".into(),
            cure: String::new(),
        };
        self.0.refuse("wasi:http/outgoing-handler.handle", action, denial);
        Box::new(async { Err(Error::HttpRequestDenied) })
    }
}
