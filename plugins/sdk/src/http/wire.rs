//! `wasi:http/outgoing-handler`: waits by polling, so that every wait has its end.

use std::{
    fs,
    io::Read as _,
    time::{Duration, Instant},
};

use super::{
    body::{Body, Piece},
    failures,
    request::{Content, Request},
    response::Head,
    url,
};
use crate::{
    AtPath as _, Cause, Failure,
    bindings::wasi::{
        clocks::monotonic_clock,
        http::{
            outgoing_handler,
            types::{
                self as http, ErrorCode, Fields, FutureTrailers, HeaderError, IncomingBody, Method, OutgoingBody, OutgoingRequest,
                RequestOptions, Scheme,
            },
        },
        io::{
            poll::{self, Pollable},
            streams::{InputStream, OutputStream, StreamError},
        },
    },
};

/// Bytes of a file that are read at once while it is sent.
const PIECE: usize = 64 << 10;

/// What is known of a request when something goes wrong.
struct Asked {
    words: String,
    host: String,
    idempotent: bool,
    until: Instant,
}

impl Asked {
    fn failure(&self, code: ErrorCode) -> Failure {
        failures::of(code, &self.words, &self.host, self.idempotent)
    }

    /// Wait until `ready`, and no longer than `until`.
    fn wait(&self, ready: &Pollable) -> Result<(), Failure> {
        if wait(ready, self.until) {
            return Ok(());
        }
        Err(self.failure(ErrorCode::HttpResponseTimeout))
    }
}

/// Send a request, and wait for the head of its answer.
pub(super) fn send(request: &Request, until: Instant) -> Result<Head, Failure> {
    let parts = url::split(&request.url)?;
    let host = url::host_of(&request.url).unwrap_or_default();
    let asked = Asked { words: request.words(), host, idempotent: request.is_idempotent(), until };

    let outgoing = OutgoingRequest::new(headers(request)?);
    let unusable = |field: &str| Failure::invalid(format!("request.{field}"), &request.url, "something that can be sent");
    outgoing.set_method(&method(&request.method)).map_err(|()| unusable("method"))?;
    outgoing.set_scheme(Some(&if parts.secure { Scheme::Https } else { Scheme::Http })).map_err(|()| unusable("url"))?;
    outgoing.set_authority(Some(parts.authority)).map_err(|()| unusable("url"))?;
    outgoing.set_path_with_query(Some(&parts.path_and_query)).map_err(|()| unusable("url"))?;
    let body = outgoing.body().map_err(|()| unusable("body"))?;

    let answer = outgoing_handler::handle(outgoing, Some(options(request, until))).map_err(|code| asked.failure(code))?;
    // A server may answer before it has read all, and then reads no more: the answer tells why, so it comes first.
    let sent = write(&request.content, body, &asked);
    asked.wait(&answer.subscribe())?;
    let response = match answer.get() {
        Some(Ok(Ok(response))) => response,
        Some(Ok(Err(code))) => {
            return Err(sent.err().filter(|_| matches!(code, ErrorCode::InternalError(None))).unwrap_or_else(|| asked.failure(code)));
        }
        Some(Err(())) | None => return Err(asked.failure(ErrorCode::InternalError(None))),
    };
    let text = |(name, value): (String, Vec<u8>)| (name, String::from_utf8_lossy(&value).into_owned());
    let headers = response.headers().entries().into_iter().map(text).collect();
    let status = response.status();
    let incoming = response.consume().map_err(|()| asked.failure(ErrorCode::InternalError(None)))?;
    let stream = incoming.stream().map_err(|()| asked.failure(ErrorCode::InternalError(None)))?;
    Ok((status, headers, Body::from_wire(Incoming { stream, body: incoming, asked })))
}

fn headers(request: &Request) -> Result<Fields, Failure> {
    let fields = Fields::new();
    // Some servers take a body of unknown length for one that is there.
    let length = request.length().map(|length| ("content-length".to_owned(), length.to_string()));
    for (name, value) in request.headers.iter().chain(&length) {
        fields.append(name, value.as_bytes()).map_err(|error| {
            let expected = match error {
                HeaderError::Forbidden => "a header that a plugin may set",
                HeaderError::InvalidSyntax | HeaderError::Immutable => "the name of a header, with a value of one line",
            };
            Failure::invalid("request.header", name, expected)
        })?;
    }
    Ok(fields)
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}

/// The host has its own limits; one that it does not take is kept here all the same, by waiting no longer.
fn options(request: &Request, until: Instant) -> RequestOptions {
    let options = RequestOptions::new();
    let left = until.saturating_duration_since(Instant::now());
    let within = |longest: Duration| Some(u64::try_from(longest.min(left).as_nanos()).unwrap_or(u64::MAX));
    let _ = options.set_connect_timeout(within(request.connect));
    let _ = options.set_first_byte_timeout(within(request.first_byte));
    let _ = options.set_between_bytes_timeout(within(request.in_all));
    options
}

fn write(content: &[Content], body: OutgoingBody, asked: &Asked) -> Result<(), Failure> {
    if !content.is_empty() {
        let stream = body.write().map_err(|()| asked.failure(ErrorCode::InternalError(None)))?;
        for part in content {
            match part {
                Content::Bytes(bytes) => write_all(&stream, bytes, asked)?,
                Content::File(path) => {
                    let mut file = fs::File::open(path).at(path)?;
                    let mut piece = vec![0; PIECE];
                    loop {
                        let read = file.read(&mut piece).at(path)?;
                        let Some(bytes) = piece.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
                        write_all(&stream, bytes, asked)?;
                    }
                }
            }
        }
        stream.flush().map_err(|error| of_stream(&error, asked))?;
        asked.wait(&stream.subscribe())?;
    }
    OutgoingBody::finish(body, None).map_err(|code| asked.failure(code))
}

fn write_all(stream: &OutputStream, mut bytes: &[u8], asked: &Asked) -> Result<(), Failure> {
    while !bytes.is_empty() {
        let room = stream.check_write().map_err(|error| of_stream(&error, asked))?;
        if room == 0 {
            asked.wait(&stream.subscribe())?;
            continue;
        }
        let (now, later) = bytes.split_at(bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX)));
        stream.write(now).map_err(|error| of_stream(&error, asked))?;
        bytes = later;
    }
    Ok(())
}

fn of_stream(error: &StreamError, asked: &Asked) -> Failure {
    match error {
        StreamError::Closed => asked.failure(ErrorCode::ConnectionTerminated),
        StreamError::LastOperationFailed(error) => {
            let code = http::http_error_code(error).unwrap_or_else(|| ErrorCode::InternalError(Some(error.to_debug_string())));
            asked.failure(code)
        }
    }
}

/// Whether `ready` was ready before `until`.
fn wait(ready: &Pollable, until: Instant) -> bool {
    let left = u64::try_from(until.saturating_duration_since(Instant::now()).as_nanos()).unwrap_or(u64::MAX);
    let clock = monotonic_clock::subscribe_duration(left);
    poll::poll(&[ready, &clock]);
    ready.ready()
}

/// The rest of an answer. The stream stands first: it has to be dropped before its body.
pub(super) struct Incoming {
    stream: InputStream,
    body: IncomingBody,
    asked: Asked,
}

impl Incoming {
    /// Waits until `until`, and no longer than the request may take.
    pub(super) fn read(&mut self, most: usize, until: Option<Instant>) -> Result<Piece, Failure> {
        let until = until.map_or(self.asked.until, |until| until.min(self.asked.until));
        loop {
            match self.stream.read(most as u64) {
                Ok(bytes) if !bytes.is_empty() => return Ok(Piece::Bytes(bytes)),
                Ok(_) => {}
                Err(StreamError::Closed) => return Ok(Piece::End),
                Err(error) => return Err(of_stream(&error, &self.asked)),
            }
            if !wait(&self.stream.subscribe(), until) {
                return Ok(Piece::NotYet);
            }
        }
    }

    pub(super) fn trailers(mut self) -> Result<Vec<(String, String)>, Failure> {
        loop {
            match self.read(PIECE, None)? {
                Piece::Bytes(_) => {}
                Piece::NotYet => {
                    return Err(Failure::new(Cause::TimedOut, format!("{}: the answer did not end in its time", self.asked.words)));
                }
                Piece::End => break,
            }
        }
        let Self { stream, body, asked } = self;
        drop(stream);
        let trailers: FutureTrailers = IncomingBody::finish(body);
        asked.wait(&trailers.subscribe())?;
        let text = |(name, value): (String, Vec<u8>)| (name, String::from_utf8_lossy(&value).into_owned());
        match trailers.get() {
            Some(Ok(Ok(fields))) => Ok(fields.map(|fields| fields.entries().into_iter().map(text).collect()).unwrap_or_default()),
            Some(Ok(Err(code))) => Err(asked.failure(code)),
            Some(Err(())) | None => Err(asked.failure(ErrorCode::InternalError(None))),
        }
    }
}
