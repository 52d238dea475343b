//! Takes secrets out of what was said, byte for byte: each becomes as many `*`, so that nothing else moves.

use std::{borrow::Cow, fmt, ops::Range};

use base64::{
    Engine,
    prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use memchr::memmem::Finder;
use serde_json::Value;

use super::value::{SHORTEST, SecretValue};

/// Finds the values of secrets, in every form in which an honest program or server repeats them, and hides them.
///
/// The forms: as it is, as in a URL, as in a JSON string, and in base64 wherever it begins in it. Whoever wants to smuggle a value out can
/// write it backwards; this is against the echo and the log line.
#[derive(Clone, Default)]
pub struct Scrubber {
    needles: Vec<Needle>,
}

/// One text to look for.
#[derive(Clone)]
pub(super) struct Needle {
    finder: Finder<'static>,
    /// For every prefix of the text the length of the longest shorter one that also ends it (Knuth, Morris and Pratt).
    borders: Vec<usize>,
}

impl Scrubber {
    /// Hide this value.
    pub fn hide(&mut self, value: &SecretValue) {
        self.hide_text(value.reveal());
    }

    /// Hide this value as the password of `user` too: `user:value` in base64, letter for letter.
    pub fn hide_password(&mut self, user: &str, value: &SecretValue) {
        self.hide(value);
        let pair = zeroize::Zeroizing::new(format!("{user}:{}", value.reveal()));
        self.add(BASE64_STANDARD_NO_PAD.encode(pair.as_bytes()).as_bytes());
    }

    /// Hide the parts of a value of several, `ID:SECRET:TOKEN`, each for itself too, but for the first, which is no secret.
    pub fn hide_parts(&mut self, value: &SecretValue) {
        self.hide(value);
        let parts = value.reveal().splitn(3, ':').skip(1);
        parts.filter(|part| part.len() >= SHORTEST).for_each(|part| self.hide_text(part));
    }

    /// Whether there is nothing to hide.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.needles.is_empty()
    }

    /// Hide what is in `bytes`. Whether anything was.
    pub fn slice(&self, bytes: &mut [u8]) -> bool {
        let found = self.find(bytes);
        cover(bytes, &found);
        !found.is_empty()
    }

    /// The same bytes, not copied where nothing was in them.
    #[must_use]
    pub fn bytes(&self, bytes: Bytes) -> Bytes {
        let found = self.find(&bytes);
        if found.is_empty() {
            return bytes;
        }
        let mut copy = bytes.to_vec();
        cover(&mut copy, &found);
        copy.into()
    }

    /// The same text, not copied where nothing was in it.
    #[must_use]
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let found = self.find(text.as_bytes());
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut changed = text.as_bytes().to_vec();
        cover(&mut changed, &found);
        // Every form is whole characters, and what takes their place is too.
        Cow::Owned(String::from_utf8_lossy(&changed).into_owned())
    }

    /// Hide what is in `text`.
    pub fn string(&self, text: &mut String) {
        if let Cow::Owned(changed) = self.text(text) {
            *text = changed;
        }
    }

    /// Hide what is in the values of headers, or of trailers. Whether anything was.
    pub fn headers(&self, headers: &mut HeaderMap) -> bool {
        let mut any = false;
        for value in headers.values_mut().filter(|value| !self.find(value.as_bytes()).is_empty()) {
            let mut bytes = value.as_bytes().to_vec();
            any |= self.slice(&mut bytes);
            *value = HeaderValue::from_bytes(&bytes).unwrap_or(HeaderValue::from_static("***"));
        }
        any
    }

    pub(super) fn needles(&self) -> &[Needle] {
        &self.needles
    }

    /// Where there is something to hide.
    pub(super) fn find(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        self.needles.iter().flat_map(|needle| needle.find(bytes)).collect()
    }

    fn hide_text(&mut self, text: &str) {
        self.add(text.as_bytes());
        for form in [percent(text, false), percent(text, true), json(text)] {
            self.add(&form);
        }
        for form in base64_forms(&BASE64_STANDARD_NO_PAD, text).into_iter().chain(base64_forms(&BASE64_URL_SAFE_NO_PAD, text)) {
            self.add(&form);
        }
    }

    fn add(&mut self, form: &[u8]) {
        if !self.needles.iter().any(|needle| needle.text() == form) {
            self.needles.push(Needle::new(form));
        }
    }
}

/// Whoever prints it sees how much is hidden.
impl fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scrubber({} forms)", self.needles.len())
    }
}

impl Needle {
    fn new(text: &[u8]) -> Self {
        let mut borders = Vec::with_capacity(text.len());
        let mut border = 0;
        for (at, byte) in text.iter().enumerate() {
            while border > 0 && text.get(border) != Some(byte) {
                border = borders.get(border - 1).copied().unwrap_or(0);
            }
            if at > 0 && text.get(border) == Some(byte) {
                border += 1;
            }
            borders.push(border);
        }
        Self { finder: Finder::new(text).into_owned(), borders }
    }

    pub(super) fn text(&self) -> &[u8] {
        self.finder.needle()
    }

    /// Every place where it is, also where two of them share bytes.
    fn find(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        let length = self.text().len();
        // Two of them are never nearer to each other than this.
        let step = length - self.borders.last().copied().unwrap_or(0);
        let mut found = vec![];
        let mut from = 0;
        while let Some(at) = bytes.get(from..).and_then(|rest| self.finder.find(rest)) {
            found.push(from + at..from + at + length);
            from += at + step;
        }
        found
    }

    /// How much of the beginning of it the bytes end with, `state` being how much those before did. Never all of it.
    pub(super) fn begun(&self, state: usize, bytes: &[u8]) -> usize {
        let text = self.text();
        // What lies further back than its length cannot be the beginning of it.
        let (mut state, recent) = match bytes.len().checked_sub(text.len()) {
            Some(older) => (0, bytes.get(older..).unwrap_or(bytes)),
            None => (state, bytes),
        };
        let shorter = |state: usize| state.checked_sub(1).and_then(|last| self.borders.get(last)).copied().unwrap_or(0);
        for byte in recent {
            while state > 0 && text.get(state) != Some(byte) {
                state = shorter(state);
            }
            if text.get(state) == Some(byte) {
                state += 1;
            }
            if state == text.len() {
                state = shorter(state);
            }
        }
        state
    }
}

pub(super) fn cover(bytes: &mut [u8], found: &[Range<usize>]) {
    for range in found {
        if let Some(part) = bytes.get_mut(range.clone()) {
            part.fill(b'*');
        }
    }
}

/// As in a URL (RFC 3986): everything but letters, digits and `-._~` as `%` and its code.
fn percent(text: &str, small: bool) -> Vec<u8> {
    text.bytes().fold(vec![], |mut form, byte| {
        match byte {
            byte if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => form.push(byte),
            byte if small => form.extend(format!("%{byte:02x}").bytes()),
            byte => form.extend(format!("%{byte:02X}").bytes()),
        }
        form
    })
}

/// As in a JSON string, without its quotes.
fn json(text: &str) -> Vec<u8> {
    let quoted = Value::String(text.to_owned()).to_string();
    quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or(text).as_bytes().to_vec()
}

/// In base64, as it looks behind a multiple of three bytes, behind one more and behind two more, without the letters at either end that also
/// depend on what stands beside it.
fn base64_forms(alphabet: &impl Engine, text: &str) -> Vec<Vec<u8>> {
    let form = |before: usize| {
        let padded = zeroize::Zeroizing::new([&vec![0; before][..], text.as_bytes()].concat());
        let letters = alphabet.encode(&*padded).into_bytes();
        let first = (before * 8).div_ceil(6);
        let end = padded.len() * 8 / 6;
        letters.get(first..end).unwrap_or_default().to_vec()
    };
    (0..3).map(form).collect()
}

#[cfg(test)]
mod tests {
    use base64::prelude::BASE64_STANDARD;
    use proptest::prelude::*;

    use super::*;

    fn scrubber(values: &[&str]) -> Scrubber {
        let mut scrubber = Scrubber::default();
        for value in values {
            scrubber.hide(&SecretValue::new(&"x".parse().unwrap(), (*value).into()).unwrap());
        }
        scrubber
    }

    /// SE03, SE04
    #[test]
    fn a_secret_is_hidden_in_every_form_in_which_a_server_repeats_it() {
        let secret = "s3cr&t \"quöted\"/+";
        let scrubber = scrubber(&[secret]);
        let json_form = serde_json::to_string(&serde_json::json!({ "authorization": format!("Bearer {secret}") })).unwrap();
        for text in [
            secret.to_owned(),
            format!("x{secret}y{secret}"),
            json_form,
            "a=s3cr%26t%20%22qu%C3%B6ted%22%2F%2B&b".to_owned(),
            "a=s3cr%26t%20%22qu%c3%b6ted%22%2f%2b&b".to_owned(),
        ] {
            let hidden = scrubber.text(&text);
            assert_eq!(hidden.len(), text.len(), "{hidden}");
            assert!(!hidden.contains("s3cr") && !hidden.contains("ted"), "{hidden}");
        }
    }

    #[test]
    fn a_password_is_hidden_in_the_header_that_carries_it_whoever_the_user_is() {
        let mut scrubber = scrubber(&["correct-horse"]);
        for user in ["", "a", "me", "ada", "ada.lovelace"] {
            let header = BASE64_STANDARD.encode(format!("{user}:correct-horse"));
            let hidden = scrubber.text(&header).into_owned();
            let shown = hidden.bytes().filter(|byte| *byte != b'*').count();
            assert!(shown <= (user.len() + 1).div_ceil(3) * 4 + 4, "{hidden}");
            assert!(hidden.matches('*').count() >= 15, "{hidden}");
        }
        scrubber.hide_password("ada", &SecretValue::new(&"x".parse().unwrap(), b"correct-horse".to_vec()).unwrap());
        let hidden = scrubber.text("Basic YWRhOmNvcnJlY3QtaG9yc2U=").into_owned();
        assert_eq!(hidden, format!("Basic {}=", "*".repeat(23)));
    }

    #[test]
    fn each_part_of_a_signing_key_is_hidden_and_its_id_is_not() {
        let mut scrubber = Scrubber::default();
        scrubber.hide_parts(&SecretValue::new(&"x".parse().unwrap(), b"AKIDEXAMPLE:very-secret-key:session-token-x".to_vec()).unwrap());
        let hidden = scrubber.text("AKIDEXAMPLE very-secret-key session-token-x").into_owned();
        assert_eq!(hidden, format!("AKIDEXAMPLE {} {}", "*".repeat(15), "*".repeat(15)));
    }

    #[test]
    fn what_has_no_secret_in_it_is_not_copied() {
        let scrubber = scrubber(&["canary-value"]);
        let bytes = Bytes::from_static(b"nothing of it is here, only canary-valu");
        assert_eq!(scrubber.bytes(bytes.clone()).as_ptr(), bytes.as_ptr());
        assert!(matches!(scrubber.text("nothing"), Cow::Borrowed(_)));
        assert_eq!(format!("{scrubber:?}"), "Scrubber(4 forms)");
    }

    #[test]
    fn headers_are_hidden_in_place() {
        let scrubber = scrubber(&["canary-value"]);
        let mut headers = HeaderMap::new();
        headers.insert("x-echo", HeaderValue::from_static("Bearer canary-value"));
        headers.insert("x-other", HeaderValue::from_static("other"));
        assert!(scrubber.headers(&mut headers) && !scrubber.headers(&mut headers));
        assert_eq!((headers["x-echo"].as_bytes(), headers["x-other"].as_bytes()), (&b"Bearer ************"[..], &b"other"[..]));
    }

    #[test]
    fn secrets_that_share_bytes_are_hidden_whole() {
        let scrubber = scrubber(&["ababab", "bababx", "zababababz"]);
        for (text, hidden) in [("ababababx", "*********"), ("zababababz", "**********"), ("zabababay", "z******ay"), ("xbababx", "x******")]
        {
            assert_eq!(scrubber.text(text), hidden, "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_was_hidden_can_be_found_and_nothing_else_is_changed(
            secret in "[ -~ä]{6,20}", before in ".{0,40}", after in ".{0,40}",
        ) {
            prop_assume!(!secret.trim().is_empty());
            let scrubber = scrubber(&[&secret]);
            let text = format!("{before}{secret}{after}");
            let hidden = scrubber.text(&text);
            prop_assert!(!hidden.contains(&secret) || secret.bytes().all(|byte| byte == b'*'));
            prop_assert_eq!(hidden.len(), text.len());
            for (was, is) in text.bytes().zip(hidden.bytes()) {
                prop_assert!(is == was || is == b'*');
            }
        }

        #[test]
        fn a_text_without_secrets_stays_as_it_is(text in "[a-m ]{0,200}") {
            let scrubber = scrubber(&["nopqrst", "uvwxyz0"]);
            prop_assert!(matches!(scrubber.text(&text), Cow::Borrowed(_)));
        }
    }
}
