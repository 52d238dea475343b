//! As much of a URL as a request needs. Who may be reached is decided by the host, which reads the parts on its own.

use crate::Failure;

/// The parts of a URL that travel separately.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parts<'u> {
    pub(super) secure: bool,
    pub(super) authority: &'u str,
    pub(super) path_and_query: String,
}

/// The parts of an absolute URL of scheme `http` or `https`. A fragment is left out.
pub(super) fn split(url: &str) -> Result<Parts<'_>, Failure> {
    let wrong = || Failure::invalid("url", url, "an absolute URL such as `https://example.org/path`");
    let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
    let secure = match scheme.to_ascii_lowercase().as_str() {
        "https" => true,
        "http" => false,
        _ => return Err(wrong()),
    };
    let rest = rest.split('#').next().unwrap_or_default();
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if authority.is_empty() || url.contains(|c: char| c.is_ascii_control() || c == ' ') {
        return Err(wrong());
    }
    let slash = if path.starts_with('/') { "" } else { "/" };
    Ok(Parts { secure, authority, path_and_query: format!("{slash}{path}") })
}

/// The host of a URL in lower case, without its port; `None` where it is no absolute URL of scheme `http` or `https`.
#[must_use]
pub fn host_of(url: &str) -> Option<String> {
    let authority = split(url).ok()?.authority.rsplit('@').next()?;
    let host = if authority.starts_with('[') { authority.split_inclusive(']').next()? } else { authority.split(':').next()? };
    Some(host.to_ascii_lowercase())
}

/// `text` as a part of a path or of a query: everything but letters, digits and `-._~` is percent-encoded (RFC 3986).
#[must_use]
pub fn encode(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut all, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            all.push(char::from(byte));
        } else {
            let digit = |value: u8| char::from(b"0123456789ABCDEF".get(usize::from(value)).copied().unwrap_or(b'0'));
            all.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_an_authority_and_a_path() {
        let parts = split("HTTPS://a.test:8443?x=1#y").unwrap();
        assert_eq!((parts.secure, parts.authority, parts.path_and_query.as_str()), (true, "a.test:8443", "/?x=1"));
        assert_eq!(split("http://a.test/b/c").unwrap().path_and_query, "/b/c");
        for wrong in ["", "a.test/x", "ftp://a.test", "https:///x", "https://a.test/a b", "https://a.test/\n", "data:text/plain,x"] {
            assert!(split(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_host_of_a_url_has_no_port_and_no_user() {
        assert_eq!(host_of("https://A.test:1/x").unwrap(), "a.test");
        assert_eq!(host_of("https://allowed.test@b.test/").unwrap(), "b.test");
        assert_eq!(host_of("https://[::1]:80/").unwrap(), "[::1]");
        assert_eq!(host_of("data:x"), None);
    }

    #[test]
    fn what_is_no_letter_is_encoded() {
        assert_eq!(encode("a-b_c.~ /é"), "a-b_c.~%20%2F%C3%A9");
    }
}
