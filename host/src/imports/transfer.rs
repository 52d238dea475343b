//! `worldflux:runtime/transfer`: files that the host fetches for a plugin.

use std::{
    fs::File,
    io::Write as _,
    sync::Arc,
    time::{Duration, Instant as Clock},
};

use bytes::Bytes as Buffer;
use http::{HeaderName, HeaderValue, Request, StatusCode, Uri, header};
use serde_json::json;
use tokio::{sync::mpsc, task::spawn_blocking, time::Instant};

use super::{
    bindings::worldflux::runtime::{transfer as wit, types as wire},
    call::{Call, Folders, Listener, Talk},
    convert::to_wire_failure,
    gate::{Gate, Refusal},
    growth::Growth,
    http::{check_own_headers, put_secrets},
};
use crate::{
    egress::{Client, Download, EgressError, Outbound, empty},
    names::{Bytes, Cause, Digest, Digester, Failure},
    policy::{self, Access, Denial, Permit, SendRequest, WantedRequest},
    secrets::{Held, ScrubStream, Scrubber},
    workspace::{GuestPath, RelativePath},
};

/// Pieces of a file that wait for the disk. Stops a fast server from filling the memory of the host; then it has to wait.
const WAITING: usize = 16;

/// How often the user is told how far it is.
const TOLD: Duration = Duration::from_millis(200);

/// The context of this interface in one call.
pub(super) struct TransferContext {
    gate: Arc<Gate>,
    client: Arc<Client>,
    held: Arc<Held>,
    folders: Arc<Folders>,
    listener: Arc<dyn Listener>,
    deadline: Instant,
}

/// A file that arrived.
struct Arrived {
    size: u64,
    sha256: Digest,
    content_type: Option<String>,
}

/// What may be fetched, and where it goes.
struct Order {
    request: Request<crate::egress::RequestBody>,
    to: GuestPath,
    most: u64,
    sha256: Option<Digest>,
}

impl TransferContext {
    pub(super) fn new(gate: Arc<Gate>, call: &Call) -> Self {
        let Call { client, secrets, folders, listener, deadline, .. } = call;
        Self {
            gate,
            client: client.clone(),
            held: secrets.clone(),
            folders: folders.clone(),
            listener: listener.clone(),
            deadline: *deadline,
        }
    }

    async fn fetch(&self, asked: wit::DownloadRequest) -> Result<Arrived, Failure> {
        let decision = self.decide(&asked);
        let to = asked.to.clone();
        let action = match &decision {
            Ok((permit, _)) => json!({ "url": permit.action().url(), "to": to, "secrets": secrets(permit.action()) }),
            // The query can hold what must not be written down.
            Err(_) => json!({ "url": asked.url.split(['?', '#']).next(), "to": to }),
        };
        let (decision, order) = match decision {
            Ok((permit, order)) => (Ok(permit), Some(order)),
            Err(refusal) => (Err(refusal), None),
        };
        let effect = async |permit| match order {
            Some(order) => self.carry_out(permit, order).await,
            None => Err(Failure::new(Cause::Other, "nothing was ordered")),
        };
        let told = |arrived: &Arrived| json!({ "bytes": arrived.size, "sha256": arrived.sha256 });
        self.gate.pass("transfer.download", action, decision, effect, told).await
    }

    /// Whether the request and the place of the file are allowed.
    fn decide(&self, asked: &wit::DownloadRequest) -> Result<(Permit<SendRequest>, Order), Refusal> {
        let rights = self.gate.rights();
        let bad_url = |error: String| Failure::invalid("url", asked.url.split('?').next().unwrap_or_default(), error);
        let uri: Uri = asked.url.parse().map_err(|error: http::uri::InvalidUri| bad_url(format!("a URL ({error})")))?;
        let wanted = WantedRequest {
            scheme: uri.scheme_str().unwrap_or_default(),
            authority: uri.authority().map_or("", |authority| authority.as_str()),
            method: "GET",
            path: uri.path(),
        };
        let permit = policy::send_request(rights, &wanted)?;
        let mut request = Request::get(uri).body(empty()).map_err(|error| bad_url(error.to_string()))?;
        for variable in &asked.headers {
            let name =
                HeaderName::try_from(&variable.name).map_err(|_| Failure::invalid("headers", &variable.name, "the name of a header"))?;
            let value = HeaderValue::try_from(&variable.value);
            let value = value.map_err(|_| Failure::invalid("headers", &variable.name, "a header whose value has no control characters"))?;
            request.headers_mut().append(name, value);
        }
        check_own_headers(rights.plugin.as_str(), permit.action(), &request)?;
        let to: GuestPath =
            asked.to.parse().map_err(|error| Failure::invalid("to", &asked.to, format!("a guest path of a file ({error})")))?;
        let access = policy::open_folder(rights, to.folder()).map(|permit| permit.into_action().access);
        if access != Some(Access::Write) {
            return Err(Refusal::Denied(no_write(rights.plugin.as_str(), &to, policy::use_path(rights, &asked.to).err())));
        }
        let digest = |text: &String| {
            let digest = format!("sha256:{text}").parse::<Digest>();
            digest.map_err(|_| Failure::invalid("sha256", text, "64 hexadecimal digits"))
        };
        let sha256 = asked.sha256.as_ref().map(digest).transpose()?;
        let written = self.gate.usage().limits().written;
        Ok((permit, Order { request, to, most: asked.most.unwrap_or(u64::MAX).min(written.0), sha256 }))
    }

    async fn carry_out(&self, permit: Permit<SendRequest>, order: Order) -> Result<Arrived, Failure> {
        let url = permit.action().url();
        let left = self.deadline.saturating_duration_since(Instant::now());
        let limits = crate::egress::HttpLimits { response_body: Bytes(order.most), whole: left, ..*self.client.limits() };
        let request = Outbound::new(permit, order.request, limits).map_err(|error| Failure::from(&error))?;
        let mut download = self.request(request).await.map_err(|error| Failure::from(&error))?;
        let scrubber = self.held.scrubber();
        if download.status() != StatusCode::OK {
            return Err(not_there(&url, &download, scrubber));
        }
        let content_type = download.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = content_type.map(|text| scrubber.text(text).into_owned());
        let (size, sha256) = self.keep(&mut download, &url, &order.to, order.sha256).await?;
        Ok(Arrived { size, sha256, content_type })
    }

    async fn request(&self, mut request: Outbound) -> Result<Download, EgressError> {
        let brokered = put_secrets(&self.held, &mut request).await?;
        let download = self.client.fetch(request).await?;
        if let Some(brokered) = brokered {
            brokered.check(download.headers())?;
        }
        Ok(download)
    }

    /// Write what comes, without the secrets of the run, into the file, while the next piece comes.
    async fn keep(&self, download: &mut Download, url: &str, to: &GuestPath, expected: Option<Digest>) -> Result<(u64, Digest), Failure> {
        let invalid = |expected: &str| Failure::invalid("to", to, expected);
        let inside = to.inside().cloned().ok_or_else(|| invalid("a file in the folder"))?;
        if self.folders.root(to.folder()).is_none() {
            return Err(invalid("a path below a folder of the run; this one has no such folder"));
        }
        self.gate.usage().make(inside.names().count()).map_err(|exceeded| Failure::new(Cause::Quota, exceeded.to_string()))?;
        let (pieces, queue) = mpsc::channel(WAITING);
        let (folders, usage, folder) = (self.folders.clone(), self.gate.usage().clone(), to.folder());
        let other = format!("{url} is not what was expected: its SHA-256");
        let check = move |found: Digest| match expected {
            Some(expected) if expected != found => {
                Err(Failure::new(Cause::Conflict, format!("{other} is {found}, and should be {expected}")))
            }
            _ => Ok(()),
        };
        let writing = spawn_blocking(move || write(&folders, folder, &inside, &usage, queue, check));
        let (label, total) = (to.to_string(), download.size());
        let (mut done, mut told) = (0, Clock::now());
        let mut scrub = ScrubStream::new(self.held.scrubber().clone());
        let outcome = loop {
            match download.next().await {
                Ok(Some(piece)) => {
                    done += piece.len() as u64;
                    let piece = scrub.push(piece);
                    // The writer has ended only where it failed, and says why.
                    if pieces.send(Piece::Some(piece)).await.is_err() {
                        break Ok(());
                    }
                }
                Ok(None) => {
                    let _ = pieces.send(Piece::Some(scrub.finish())).await;
                    let _ = pieces.send(Piece::End).await;
                    break Ok(());
                }
                Err(error) => break Err(Failure::from(&error)),
            }
            if told.elapsed() >= TOLD {
                told = Clock::now();
                self.listener.hear(Talk::Progress { label: label.clone(), done, total, unit: "bytes".into() });
            }
        };
        drop(pieces);
        let written = writing.await.unwrap_or_else(|error| Err(Failure::new(Cause::Other, format!("the file was not written: {error}"))));
        outcome.and(written)
    }
}

/// What the writer is given.
enum Piece {
    Some(Buffer),
    /// That was all: without it the file is not whole.
    End,
}

fn write(
    folders: &Folders,
    folder: policy::Folder,
    inside: &RelativePath,
    usage: &Arc<super::usage::Usage>,
    mut pieces: mpsc::Receiver<Piece>,
    check: impl FnOnce(Digest) -> Result<(), Failure>,
) -> Result<(u64, Digest), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::new(Cause::Other, format!("the file cannot be written: {error}"));
    let root = folders.root(folder).ok_or_else(|| failed(&"its folder is gone"))?;
    let (replacement, file) = root.replace(inside, 0o666).map_err(|error| failed(&error))?;
    let file = Arc::new(file);
    let mut growth = Growth::of(usage.clone(), file.clone());
    let (mut size, mut digester) = (0_u64, Digester::default());
    while let Some(piece) = pieces.blocking_recv() {
        let Piece::Some(piece) = piece else {
            let sha256 = digester.finish();
            // What stands there stays where this is something else.
            check(sha256)?;
            replacement.commit().map_err(|error| failed(&error))?;
            return Ok((size, sha256));
        };
        size += piece.len() as u64;
        growth.up_to(size).map_err(|exceeded| Failure::new(Cause::Quota, exceeded.to_string()))?;
        digester.update(&piece);
        let mut out: &File = &file;
        out.write_all(&piece).map_err(|error| failed(&error))?;
    }
    Err(failed(&"not all of it arrived"))
}

/// Why an answer holds no file.
fn not_there(url: &str, download: &Download, scrubber: &Scrubber) -> Failure {
    let status = download.status();
    let header = |name| download.headers().get(name).and_then(|value| value.to_str().ok());
    let retry_after = header(header::RETRY_AFTER).and_then(|text| text.parse().ok()).map(Duration::from_secs);
    let cause = match status.as_u16() {
        401 | 403 => Cause::Auth,
        404 | 410 => Cause::NotFound,
        408 | 425 | 429 | 500..=599 => Cause::Unavailable { retry_after },
        _ => Cause::Other,
    };
    let location =
        header(header::LOCATION).map(|to| format!(", and leads to {}, which is not followed", scrubber.text(to))).unwrap_or_default();
    let repeatable = matches!(cause, Cause::Unavailable { .. });
    Failure { repeatable, ..Failure::new(cause, format!("{url} answers {status}{location}")) }
}

fn no_write(plugin: &str, to: &GuestPath, denial: Option<Denial>) -> Denial {
    denial.unwrap_or_else(|| Denial {
        plugin: plugin.to_owned(),
        action: format!("write `{to}`"),
        rule: format!("it may only read {}", to.folder()),
        cure: String::new(),
    })
}

fn secrets(action: &SendRequest) -> Vec<String> {
    action.credentials.iter().map(|credential| credential.secret.to_string()).collect()
}

impl wit::Host for TransferContext {
    async fn download(&mut self, request: wit::DownloadRequest) -> Result<wit::Downloaded, wire::Failure> {
        let arrived = self.fetch(request).await.map_err(to_wire_failure)?;
        let Arrived { size, sha256, content_type } = arrived;
        Ok(wit::Downloaded { size, sha256: sha256.hex(), content_type, details: vec![] })
    }
}
