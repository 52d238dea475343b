//! Text inside of a JSON string, written fast.
//!
//! Events carry all output of a command, and a serializer that looks at one byte after the other takes longer for it than its digest does.

/// Bytes that are looked at together. A multiple of 8.
const BLOCK: usize = 32;

/// Append `text` to `line` as the inside of a JSON string, byte for byte as `serde_json` writes it.
pub(crate) fn append_quoted(line: &mut Vec<u8>, text: &str) {
    line.reserve(text.len() + text.len() / 8 + BLOCK);
    let mut rest = text.as_bytes();
    while let Some(block) = rest.first_chunk::<BLOCK>() {
        // All of it first, and what must not be there is taken back: one copy of a fixed length is faster than one of the right length.
        line.extend_from_slice(block);
        let Some(clean) = first_special(block) else {
            rest = rest.get(BLOCK..).unwrap_or_default();
            continue;
        };
        line.truncate(line.len() - (BLOCK - clean));
        if let Some((special, after)) = rest.get(clean..).and_then(<[u8]>::split_first) {
            push(line, *special);
            rest = after;
        }
    }
    for byte in rest {
        push(line, *byte);
    }
}

const fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// Where the first byte stands that cannot stand there as it is.
fn first_special(block: &[u8; BLOCK]) -> Option<usize> {
    // Without a branch for each byte, so that the compiler compares many at once.
    let marks = block.map(|byte| if is_special(byte) { u8::MAX } else { 0 });
    let words = marks.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word));
    let found = words.enumerate().find(|(_, word)| *word != 0);
    found.map(|(index, word)| index * 8 + word.trailing_zeros() as usize / 8)
}

fn push(line: &mut Vec<u8>, byte: u8) {
    let letter = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        0x00..0x20 => {
            let digit = if byte & 0xf < 10 { b'0' + (byte & 0xf) } else { b'a' - 10 + (byte & 0xf) };
            line.extend_from_slice(&[b'\\', b'u', b'0', b'0', b'0' + (byte >> 4), digit]);
            return;
        }
        _ => {
            line.push(byte);
            return;
        }
    };
    line.extend_from_slice(&[b'\\', letter]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(text: &str) -> String {
        let mut line = vec![b'"'];
        append_quoted(&mut line, text);
        line.push(b'"');
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn every_byte_at_every_place_of_a_block_is_as_serde_json_writes_it() {
        for code in 0..0x800_u32 {
            let Some(letter) = char::from_u32(code) else { continue };
            for place in 0..2 * BLOCK + 3 {
                for after in [0, 1, BLOCK] {
                    let text = format!("{}{letter}{}", "x".repeat(place), "y".repeat(after));
                    assert_eq!(written(&text), serde_json::to_string(&text).unwrap());
                }
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_is_as_serde_json_writes_it(text in ".{0,200}", control in "[\0-\u{1f}\"\\\\a]{0,100}") {
            for text in [format!("{text}{control}{text}"), control] {
                prop_assert_eq!(written(&text), serde_json::to_string(&text).unwrap());
            }
        }
    }
}
