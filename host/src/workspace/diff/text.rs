//! Whether a content is text, and which.

/// How much of a content tells whether it is text.
const LOOKED_AT: usize = 8 << 10;

/// How a text was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// UTF-8 (RFC 3629).
    Utf8,
    /// Windows code page 1252, of which ISO 8859-1 text is a part.
    Windows1252,
}

/// A content as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The text.
    pub text: String,
    /// How it was written.
    pub encoding: Encoding,
}

/// Whether a content is no text: a NUL, or more than 30 % control characters other than tab, line feed and carriage return, in its first
/// 8 KiB. The empty content is text.
#[must_use]
pub fn is_binary(content: &[u8]) -> bool {
    let beginning = content.get(..LOOKED_AT).unwrap_or(content);
    let control = beginning.iter().filter(|byte| matches!(byte, 0..=8 | 11 | 12 | 14..=31 | 127)).count();
    beginning.contains(&0) || control * 10 > beginning.len() * 3
}

/// A content as text, where it is UTF-8 or, since everything else was written by older programs, Windows-1252. `None` where it is binary, or
/// has a byte that Windows-1252 does not have either.
#[must_use]
pub fn decode_text(content: &[u8]) -> Option<Decoded> {
    if is_binary(content) {
        return None;
    }
    if let Ok(text) = std::str::from_utf8(content) {
        return Some(Decoded { text: text.to_owned(), encoding: Encoding::Utf8 });
    }
    let text = content.iter().map(|byte| windows_1252(*byte)).collect::<Option<String>>()?;
    Some(Decoded { text, encoding: Encoding::Windows1252 })
}

/// The characters of 0x80 to 0x9f; a NUL stands for none.
const UPPER: [char; 32] = [
    '€', '\0', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\0', 'Ž', '\0', '\0', '‘', '’', '“', '”', '•', '–', '—', '˜', '™',
    'š', '›', 'œ', '\0', 'ž', 'Ÿ',
];

fn windows_1252(byte: u8) -> Option<char> {
    match byte {
        0x80..=0x9f => UPPER.get(usize::from(byte - 0x80)).copied().filter(|character| *character != '\0'),
        byte => Some(char::from(byte)),
    }
}
