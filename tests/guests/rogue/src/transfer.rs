//! Has files fetched, from where and to where it may not.
//!
//! `download:URL`, and then, each after a `|`: `to=PATH` (else `/output/file`), `most=N`, `sha256=DIGITS`, `header=NAME: VALUE`.

use crate::{
    processes::report,
    wit::worldflux::runtime::{
        transfer::{self, DownloadRequest},
        types::Variable,
    },
};

pub fn download(value: &str) -> String {
    let mut parts = value.split('|');
    let mut request = DownloadRequest {
        url: parts.next().unwrap_or_default().into(),
        headers: vec![],
        to: "/output/file".into(),
        most: None,
        sha256: None,
        details: vec![],
    };
    for part in parts {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        match name {
            "to" => request.to = value.into(),
            "most" => request.most = value.parse().ok(),
            "sha256" => request.sha256 = Some(value.into()),
            "header" => {
                let (name, value) = value.split_once(": ").unwrap_or((value, ""));
                request.headers.push(Variable { name: name.into(), value: value.into() });
            }
            _ => return format!("failed: `{name}` is unknown"),
        }
    }
    match transfer::download(&request) {
        Ok(file) => format!("ok: {} {} {}", file.size, file.sha256, file.content_type.unwrap_or_default()),
        Err(failure) => report("", Err::<(), _>(failure)),
    }
}
