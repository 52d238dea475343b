//! What happens when a plugin hands over a request.

use std::{
    borrow::Cow,
    future::Future,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use http::{HeaderName, Request, Response};
use http_body_util::BodyExt as _;
use serde::Serialize;
use serde_json::{Value, json};
use wasmtime_wasi_http::{Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpHooks};

use super::{body::Recorded, brokered::put_secrets, code, exchange::Exchange, scrubbed::Scrubbed};
use crate::{
    egress::{self, Client, EgressError, Outbound},
    imports::{gate::Gate, usage::Turn},
    names::{Cause, Digest, Failure},
    policy::{self, Denial, EndpointName, Host, Permit, SecretName, SendRequest, WantedRequest},
    secrets::Held,
};

const IMPORT: &str = "wasi:http/outgoing-handler.handle";

/// Characters of a path or a name that are written down.
const SHOWN: usize = 2_048;

type Answer = Result<(Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>), Error>;

/// The context of this interface in one call.
pub(in crate::imports) struct HttpContext {
    gate: Arc<Gate>,
    client: Arc<Client>,
    held: Arc<Held>,
    /// Requests whose end is not written down yet.
    open: Vec<Weak<Exchange>>,
    denied: Arc<Mutex<Option<Failure>>>,
}

/// A request that was written down and may be sent.
struct Sending {
    gate: Arc<Gate>,
    client: Arc<Client>,
    held: Arc<Held>,
    exchange: Arc<Exchange>,
    plugin: Digest,
    denied: Arc<Mutex<Option<Failure>>>,
}

impl HttpContext {
    pub(in crate::imports) const fn new(
        gate: Arc<Gate>,
        client: Arc<Client>,
        held: Arc<Held>,
        denied: Arc<Mutex<Option<Failure>>>,
    ) -> Self {
        Self { gate, client, held, open: Vec::new(), denied }
    }

    /// Write down that the requests which have not ended have been given up. Called once the export has ended.
    pub(in crate::imports) fn close(&mut self) {
        for exchange in self.open.drain(..).filter_map(|exchange| exchange.upgrade()) {
            exchange.give_up();
        }
    }

    /// Decide, and write down what was asked.
    fn admit<B>(&mut self, request: &Request<B>) -> Result<(Permit<SendRequest>, Arc<Exchange>), Failure> {
        let uri = request.uri();
        let wanted = WantedRequest {
            scheme: uri.scheme_str().unwrap_or_default(),
            authority: uri.authority().map_or("", |authority| authority.as_str()),
            method: request.method().as_str(),
            path: uri.path(),
        };
        self.gate.admit()?;
        let decision = policy::send_request(self.gate.rights(), &wanted).and_then(|permit| {
            check_own_headers(self.gate.rights().plugin.as_str(), permit.action(), request)?;
            Ok(permit)
        });
        let permit = decision.map_err(|refusal| self.gate.refused(IMPORT, as_typed(&wanted), refusal))?;
        let open = self.gate.open(IMPORT, Asked::new(permit.action()), &permit)?;
        let exchange = Arc::new(Exchange::new(open));
        self.open.retain(|exchange| exchange.strong_count() > 0);
        self.open.push(Arc::downgrade(&exchange));
        Ok((permit, exchange))
    }
}

impl WasiHttpHooks for HttpContext {
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        egress::is_forbidden(name)
    }

    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::new(egress::is_forbidden)
    }

    fn is_supported_scheme(&mut self, _: &http::uri::Scheme) -> bool {
        // Policy says which there are, and the record that another one was tried.
        true
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Answer> + Send> {
        let (permit, exchange) = match self.admit(&request) {
            Ok(admitted) => admitted,
            Err(failure) => {
                let code = code::of_refusal(&failure);
                remember(&self.denied, &failure);
                return Box::new(async { Err(code) });
            }
        };
        let RequestOptions { connect_timeout, first_byte_timeout, between_bytes_timeout } = options.unwrap_or_default();
        let SendRequest { host, port, at, .. } = permit.action();
        let name = EndpointName { host: host.clone(), port: *port };
        let own = *self.client.limits();
        let own = if self.client.socket(&name, at.as_deref()).is_some() { own.of_this_machine() } else { own };
        let limits = own.within(connect_timeout, first_byte_timeout, between_bytes_timeout);
        let (gate, client, plugin) = (self.gate.clone(), self.client.clone(), self.gate.rights().digest);
        let sending = Sending { gate, client, held: self.held.clone(), exchange, plugin, denied: self.denied.clone() };
        let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
        let turn = self.gate.usage().turn();
        Box::new(sending.answer(turn, Outbound::new(permit, request, limits), limits.connect))
    }
}

impl Sending {
    async fn answer(self, turn: Turn, request: Result<Outbound, EgressError>, patience: Duration) -> Answer {
        let Some(place) = turn.wait(patience).await else {
            let most = self.gate.usage().limits().requests;
            let failure = Failure::new(Cause::Quota, format!("{most} requests of this run go on already, which is the most at once"));
            self.exchange.fail(&failure);
            return Err(Error::ConnectionLimitReached);
        };
        let response = match request {
            Ok(request) => self.exchange(request).await,
            Err(error) => Err(error),
        };
        match response {
            Ok(response) => {
                *self.denied.lock().unwrap_or_else(PoisonError::into_inner) = None;
                self.exchange.answered(response.status());
                let response = response.map(|body| Recorded::new(body, self.exchange, place).boxed_unsync());
                Ok((response, Box::new(async { Ok(()) })))
            }
            Err(error) => {
                let failure = Failure::from(&error);
                remember(&self.denied, &failure);
                self.exchange.fail(&failure);
                Err(code::of_egress(&error))
            }
        }
    }

    async fn exchange(&self, mut request: Outbound) -> Result<Response<Scrubbed>, EgressError> {
        let brokered = put_secrets(&self.held, &mut request).await?;
        let mut response = self.client.send(self.plugin, request).await?;
        if let Some(brokered) = brokered {
            brokered.check(response.headers())?;
        }
        self.held.scrubber().headers(response.headers_mut());
        Ok(response.map(|body| Scrubbed::new(body, self.held.scrubber())))
    }
}

/// A header into which the host puts a secret is the host's alone: nobody has to find out what a server does with two.
pub(in crate::imports) fn check_own_headers<B>(plugin: &str, action: &SendRequest, request: &Request<B>) -> Result<(), Denial> {
    for credential in &action.credentials {
        let taken = credential.scheme.headers().into_iter().find(|name| request.headers().contains_key(*name));
        let Some(name) = taken else { continue };
        return Err(Denial {
            plugin: plugin.to_owned(),
            action: format!("set header `{name}` of {} {}", action.method.name(), action.url()),
            rule: format!("the host puts secret `{}` there", credential.secret),
            cure: String::new(),
        });
    }
    Ok(())
}

/// The plugin is told only that it was denied, and not what would allow it: whoever made the call is told from here.
fn remember(denied: &Mutex<Option<Failure>>, failure: &Failure) {
    if matches!(failure.cause, Cause::Denied { .. }) {
        *denied.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure.clone());
    }
}

// The query can hold what must not be written down, and so can the headers.

/// What is written down of a request that is allowed, in the order of the alphabet, as all actions are.
#[derive(Serialize)]
struct Asked<'a> {
    host: Cow<'a, str>,
    method: &'static str,
    path: &'a str,
    port: u16,
    scheme: &'static str,
    secrets: Vec<&'a SecretName>,
}

impl<'a> Asked<'a> {
    fn new(action: &'a SendRequest) -> Self {
        let SendRequest { scheme, host, port, method, path, credentials, .. } = action;
        let host = match host {
            Host::Name(name) => name.into(),
            Host::V4(_) | Host::V6(_) => host.to_string().into(),
        };
        let secrets = credentials.iter().map(|credential| &credential.secret).collect();
        Self { host, method: method.name(), path: shown(path), port: port.number(), scheme: scheme.name(), secrets }
    }
}

fn as_typed(wanted: &WantedRequest<'_>) -> Value {
    let WantedRequest { scheme, authority, method, path } = wanted;
    json!({ "method": shown(method), "scheme": scheme, "authority": shown(authority), "path": shown(path) })
}

/// As much of a text as is written down.
fn shown(text: &str) -> &str {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => text.get(..end).unwrap_or(text),
        None => text,
    }
}
