//! The proxy itself: takes connections, and decides about every request on them.

use std::{
    convert::Infallible,
    io,
    os::fd::OwnedFd,
    sync::{Arc, Mutex, PoisonError},
};

use http::{Method, Request, Response, StatusCode, Uri, header};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::{Duration, Instant, sleep, sleep_until, timeout},
};

use super::{
    answer::{Body, open, refuse, say, who_are_you},
    forward::forward,
    limits::{A_SECOND, AT_ONCE, BURST, FIELDS, HEAD, HEAD_TIME, LAST_BYTES},
    meter::{Meter, Metered, Report},
    password::Password,
    rules::{Allowed, Rules},
    tunnel::Tunnel,
    watcher::{Wanted, Watcher},
};
use crate::{
    egress::{Dialer, EgressError},
    names::Failure,
    policy::{Connect, Denial, Refused, split_port},
};

/// Characters of a host that are told: more than a name can have.
const SHOWN: usize = 300;

/// Time after a connection that could not be taken. Stops the host from trying without a pause.
const BREATH: Duration = Duration::from_millis(10);

/// The proxy of one child.
pub struct Proxy {
    rules: Rules,
    password: Password,
    dialer: Dialer,
    watcher: Arc<dyn Watcher>,
}

impl Proxy {
    /// A proxy that nobody uses yet.
    #[must_use]
    pub fn new(rules: Rules, password: Password, dialer: Dialer, watcher: Arc<dyn Watcher>) -> Self {
        Self { rules, password, dialer, watcher }
    }

    /// Serve everybody who connects to `listener`, which must not block, until `over`. Every connection is at its end when this returns,
    /// and told to the watcher.
    pub async fn serve(self, listener: OwnedFd, over: impl Future<Output = ()>) -> io::Result<()> {
        let listener = TcpListener::from_std(listener.into())?;
        let mut connections = JoinSet::new();
        let accepted = tokio::select! {
            result = Arc::new(self).accept(listener, &mut connections) => result,
            () = over => Ok(()),
        };
        // What the child had still written goes on.
        let _ = timeout(LAST_BYTES, async { while connections.join_next().await.is_some() {} }).await;
        connections.shutdown().await;
        accepted
    }

    async fn accept(self: Arc<Self>, listener: TcpListener, connections: &mut JoinSet<()>) -> io::Result<()> {
        let room = Arc::new(Semaphore::new(AT_ONCE));
        let mut pace = Pace::new();
        loop {
            let Ok(held) = Arc::clone(&room).acquire_owned().await else { return Ok(()) };
            pace.wait().await;
            let Ok((stream, _)) = listener.accept().await else {
                // It was gone before it was taken, or the host has no descriptor left at the moment.
                sleep(BREATH).await;
                continue;
            };
            let this = Arc::clone(&self);
            connections.spawn(async move {
                this.attend(stream).await;
                drop(held);
            });
            while connections.try_join_next().is_some() {}
        }
    }

    /// One connection of the child: any number of plain requests, or one tunnel.
    async fn attend(self: Arc<Self>, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let granted: Arc<Mutex<Option<Tunnel>>> = Arc::default();
        let service = service_fn(|request| {
            let (this, granted) = (Arc::clone(&self), Arc::clone(&granted));
            async move { Ok::<_, Infallible>(this.answer(request, &granted).await) }
        });
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME).max_headers(FIELDS).max_buf_size(HEAD.as_len());
        builder.half_close(true);
        if let Err(error) = builder.serve_connection(TokioIo::new(stream), service).with_upgrades().await
            && error.is_parse()
        {
            // The library has answered already. A head that came too slowly looks like a connection that waits for its next request.
            let wanted = Wanted { method: String::new(), authority: String::new() };
            self.watcher.invalid(&wanted, &format!("the request cannot be read: {error}"));
        }
        let tunnel = granted.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(tunnel) = tunnel {
            tunnel.run().await;
        }
    }

    /// Decide about one request.
    async fn answer(&self, mut request: Request<Incoming>, granted: &Mutex<Option<Tunnel>>) -> Response<Body> {
        let wanted = wanted(request.method(), request.uri());
        let password = request.headers_mut().remove(header::PROXY_AUTHORIZATION);
        if !password.is_some_and(|given| self.password.opens(given.as_bytes())) {
            self.watcher.denied(&wanted, &stranger(&wanted));
            return who_are_you();
        }
        let is_tunnel = request.method() == Method::CONNECT;
        let (allowed, port) = match self.allow(is_tunnel, request.uri()) {
            Ok(allowed) => allowed,
            Err(refused) => return self.refuse(&wanted, &refused),
        };
        let begun = match self.watcher.begins(&wanted) {
            Ok(begun) => begun,
            Err(why) => return say(StatusCode::SERVICE_UNAVAILABLE, &why),
        };
        let meter = Meter::new();
        let report = Report::new(begun, Arc::clone(&meter));
        let Allowed { permit, host, is_plain } = allowed;
        let there = match self.dialer.connect(permit).await {
            Ok(there) => Metered::new(there, Arc::clone(&meter)),
            Err(error) => {
                report.fail(error.to_string());
                return unreachable(&error);
            }
        };
        if is_tunnel {
            let begins = hyper::upgrade::on(&mut request);
            let only = (!is_plain).then_some(host);
            *granted.lock().unwrap_or_else(PoisonError::into_inner) = Some(Tunnel { begins, there, only, meter, report });
            return open();
        }
        let authority = if port == 80 { host.to_string() } else { format!("{host}:{port}") };
        forward(request, &authority, there, meter, report).await
    }

    fn allow(&self, is_tunnel: bool, uri: &Uri) -> Result<(Allowed, u16), Refused> {
        let invalid = |value: &str, expected: &str| Refused::Invalid(Failure::invalid("request", value, expected));
        // Its parts are read by the policy alone. This is the text as it came.
        let authority = uri.authority().map(http::uri::Authority::as_str);
        let Some(authority) = authority else {
            return Err(invalid(uri.path(), "`CONNECT host:port`, or a request with a whole URL: this is a proxy"));
        };
        let (host, port) = split_port(authority);
        let port = match (is_tunnel, uri.scheme_str(), port) {
            (true, None, Some(port)) => port,
            (true, ..) => return Err(invalid(authority, "a host and a port after `CONNECT`")),
            (false, Some("http"), port) => port.unwrap_or("80"),
            (false, scheme, _) => return Err(invalid(scheme.unwrap_or_default(), "`http`; anything encrypted goes through `CONNECT`")),
        };
        let allowed = self.rules.allow(host, port)?;
        if !is_tunnel && !allowed.is_plain {
            return Err(self.rules.only_encrypted(&allowed.host, port));
        }
        let Connect { port, .. } = allowed.permit.action();
        let port = port.number();
        Ok((allowed, port))
    }

    fn refuse(&self, wanted: &Wanted, refused: &Refused) -> Response<Body> {
        match refused {
            Refused::Denied(denial) => self.watcher.denied(wanted, denial),
            Refused::Invalid(failure) => self.watcher.invalid(wanted, &failure.message),
        }
        refuse(refused)
    }
}

/// What is told of a request: never its path, and of a user name in it only that there is one.
fn wanted(method: &Method, uri: &Uri) -> Wanted {
    let authority = uri.authority().map_or("", http::uri::Authority::as_str);
    let authority = authority.rsplit_once('@').map_or_else(|| authority.to_owned(), |(_, host)| format!("...@{host}"));
    Wanted { method: method.as_str().chars().take(32).collect(), authority: authority.chars().take(SHOWN).collect() }
}

/// A program that has not the password of this child.
fn stranger(wanted: &Wanted) -> Denial {
    Denial {
        plugin: String::new(),
        action: format!("reach `{}`", wanted.authority),
        rule: "it did not give the password of this proxy".into(),
        cure: String::new(),
    }
}

/// Why there is no connection to a host that is allowed.
fn unreachable(error: &EgressError) -> Response<Body> {
    let status = match error {
        EgressError::Forbidden { .. } => StatusCode::FORBIDDEN,
        EgressError::TooLong { .. } => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::BAD_GATEWAY,
    };
    let hint = error.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
    say(status, &format!("{error}{hint}"))
}

/// Time for one connection, if they come evenly.
const EACH: Duration = Duration::from_millis(1_000 / A_SECOND);

/// Time in which none came is a credit, up to a burst.
fn oldest() -> Instant {
    let now = Instant::now();
    now.checked_sub(EACH * BURST).unwrap_or(now)
}

/// How fast connections are taken.
struct Pace {
    /// When the next one would be due if they came evenly.
    due: Instant,
}

impl Pace {
    /// With the whole credit.
    fn new() -> Self {
        Self { due: oldest() }
    }

    async fn wait(&mut self) {
        self.due = self.due.max(oldest()) + EACH;
        sleep_until(self.due).await;
    }
}
