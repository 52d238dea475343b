//! Sends requests, as odd as they can be made.
//!
//! `http:METHOD SCHEME://AUTHORITY/PATH`, and then, each after a `|`: `header=NAME: VALUE`, `body=TEXT`, `hex=BYTES`, `fill=LENGTH`, `length=N`,
//! `trailer=NAME: VALUE`, `first=MS`, `between=MS`, `connect=MS`, `times=N`, `at-once=N`, `unread`, `unfinished`. What came of it is one line.

use crate::wit::wasi::{
    http::{
        outgoing_handler,
        types::{
            ErrorCode, Fields, FutureIncomingResponse, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest,
            RequestOptions, Scheme, http_error_code,
        },
    },
    io::streams::StreamError,
};

/// Bytes of a body that are reported.
const SHOWN: usize = 600;

#[derive(Default, Clone)]
struct Wanted<'a> {
    method: &'a str,
    scheme: &'a str,
    authority: &'a str,
    path: &'a str,
    headers: Vec<(&'a str, &'a str)>,
    trailers: Vec<(&'a str, &'a str)>,
    body: Option<Vec<u8>>,
    times: [Option<u64>; 3],
    unread: bool,
    unfinished: bool,
}

pub fn http(value: &str) -> String {
    let mut parts = value.split('|');
    let line = parts.next().unwrap_or_default();
    let Some((method, url)) = line.split_once(' ') else { return "failed: no method".into() };
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let mut wanted = Wanted { method, scheme, authority, path, ..Wanted::default() };
    let (mut times, mut at_once) = (1_u32, 1_usize);
    for part in parts {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let pair = || value.split_once(": ").unwrap_or((value, ""));
        let number = || value.parse::<u64>().unwrap_or(0);
        match name {
            "header" => wanted.headers.push(pair()),
            "trailer" => wanted.trailers.push(pair()),
            "length" => wanted.headers.push(("content-length", value)),
            "body" => wanted.body = Some(value.into()),
            "hex" => wanted.body = Some(bytes(value)),
            "fill" => wanted.body = Some(vec![b'x'; number() as usize]),
            "connect" => wanted.times[0] = Some(number()),
            "first" => wanted.times[1] = Some(number()),
            "between" => wanted.times[2] = Some(number()),
            "times" => times = number() as u32,
            "at-once" => at_once = number() as usize,
            "unread" => wanted.unread = true,
            "unfinished" => wanted.unfinished = true,
            _ => return format!("failed: `{name}` is unknown"),
        }
    }
    if at_once > 1 {
        return many(&wanted, at_once);
    }
    for _ in 1..times {
        let said = once(&wanted);
        if !said.starts_with("ok: ") {
            return said;
        }
    }
    once(&wanted)
}

fn once(wanted: &Wanted) -> String {
    match begin(wanted).and_then(|future| end(wanted, &future)) {
        Ok(said) => format!("ok: {said}"),
        Err(said) => said,
    }
}

/// All of them are begun before the first answer is looked at.
fn many(wanted: &Wanted, count: usize) -> String {
    let begun: Vec<_> = (0..count).map(|_| begin(wanted)).collect();
    let mut said: Vec<String> = Vec::new();
    for future in begun {
        said.push(match future.and_then(|future| end(wanted, &future)) {
            Ok(_) => "ok".into(),
            Err(said) => said,
        });
    }
    let fine = said.iter().filter(|said| *said == "ok").count();
    let rest = said.iter().find(|said| *said != "ok").cloned().unwrap_or_default();
    format!("ok: {fine} of {count} {rest}")
}

fn begin(wanted: &Wanted) -> Result<FutureIncomingResponse, String> {
    let invalid = |what: &str| format!("invalid: {what}");
    let fields = Fields::new();
    for (name, value) in &wanted.headers {
        let value = value.replace("%0d", "\r");
        fields.append(name, value.as_bytes()).map_err(|error| invalid(&format!("header {name}: {error:?}")))?;
    }
    let request = OutgoingRequest::new(fields);
    let method = match wanted.method {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "CONNECT" => Method::Connect,
        "OPTIONS" => Method::Options,
        other => Method::Other(other.into()),
    };
    request.set_method(&method).map_err(|()| invalid("method"))?;
    let scheme = match wanted.scheme {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.into()),
    };
    request.set_scheme(Some(&scheme)).map_err(|()| invalid("scheme"))?;
    request.set_authority(Some(wanted.authority)).map_err(|()| invalid("authority"))?;
    let path = if wanted.path.is_empty() { "/" } else { wanted.path };
    request.set_path_with_query(Some(path)).map_err(|()| invalid("path"))?;
    let options = RequestOptions::new();
    let nanos = |at: usize| wanted.times[at].map(|millis| millis * 1_000_000);
    let _ = options.set_connect_timeout(nanos(0));
    let _ = options.set_first_byte_timeout(nanos(1));
    let _ = options.set_between_bytes_timeout(nanos(2));
    let body = match &wanted.body {
        Some(_) => Some(request.body().map_err(|()| invalid("body"))?),
        None => None,
    };
    let future = outgoing_handler::handle(request, Some(options)).map_err(|code| denied(&code))?;
    if let (Some(body), Some(bytes)) = (body, &wanted.body) {
        send(wanted, body, bytes)?;
    }
    Ok(future)
}

fn send(wanted: &Wanted, body: OutgoingBody, bytes: &[u8]) -> Result<(), String> {
    if let Ok(stream) = body.write() {
        for piece in bytes.chunks(4096) {
            // A host that wants no more of it says why in the answer.
            if stream.blocking_write_and_flush(piece).is_err() {
                break;
            }
        }
    }
    if wanted.unfinished {
        return Ok(());
    }
    let trailers = match wanted.trailers.as_slice() {
        [] => None,
        trailers => {
            let fields = Fields::new();
            for (name, value) in trailers {
                fields.append(name, value.as_bytes()).map_err(|error| format!("invalid: trailer {name}: {error:?}"))?;
            }
            Some(fields)
        }
    };
    OutgoingBody::finish(body, trailers).map_err(|code| denied(&code))
}

fn end(wanted: &Wanted, future: &FutureIncomingResponse) -> Result<String, String> {
    future.subscribe().block();
    let response = match future.get() {
        Some(Ok(Ok(response))) => response,
        Some(Ok(Err(code))) => return Err(denied(&code)),
        _ => return Err("failed: no answer".into()),
    };
    let status = response.status();
    let headers = shown(&response.headers().entries());
    if wanted.unread {
        return Ok(format!("{status} unread"));
    }
    let (length, body, trailers) = read(&response)?;
    Ok(format!("{status} headers={headers} length={length} body={body} trailers={trailers}"))
}

fn read(response: &IncomingResponse) -> Result<(u64, String, String), String> {
    let body = response.consume().map_err(|()| "failed: no body".to_owned())?;
    let (mut length, mut kept) = (0_u64, Vec::new());
    let stream = body.stream().map_err(|()| "failed: no stream".to_owned())?;
    loop {
        match stream.blocking_read(1 << 20) {
            Ok(bytes) => {
                length += bytes.len() as u64;
                kept.extend(bytes.into_iter().take(SHOWN.saturating_sub(kept.len())));
            }
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(error)) => {
                let text = error.to_debug_string();
                return Err(match http_error_code(&error) {
                    Some(code) => format!("broken off after {length}: {code:?}"),
                    None => format!("broken off after {length} without a code: {text}"),
                });
            }
        }
    }
    drop(stream);
    let future = IncomingBody::finish(body);
    future.subscribe().block();
    let trailers = match future.get() {
        Some(Ok(Ok(Some(fields)))) => shown(&fields.entries()),
        Some(Ok(Err(code))) => return Err(format!("broken off after {length}: {code:?}")),
        _ => "-".into(),
    };
    Ok((length, String::from_utf8_lossy(&kept).replace(char::is_control, "."), trailers))
}

fn denied(code: &ErrorCode) -> String {
    format!("denied: {code:?}")
}

fn shown(entries: &[(String, Vec<u8>)]) -> String {
    let lines: Vec<_> = entries.iter().map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value))).collect();
    let text = format!("[{}]", lines.join(", "));
    text.chars().take(2_000).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).filter_map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).ok()).collect()
}
