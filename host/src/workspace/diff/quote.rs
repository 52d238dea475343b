//! Names in a patch, as git writes them (git-diff(1), `core.quotePath`).

/// `prefix` and the name, in quotes and with escapes where a plain one would be misunderstood.
pub(super) fn quoted(prefix: &str, name: &[u8]) -> Vec<u8> {
    let plain = |byte: &u8| (0x20..0x7f).contains(byte) && !matches!(byte, b'"' | b'\\');
    // Git leaves blanks as they are, and then `patch` cannot tell where a name ends; in quotes both can.
    if name.iter().all(|byte| plain(byte) && *byte != b' ') {
        return [prefix.as_bytes(), name].concat();
    }
    let mut text = vec![b'"'];
    text.extend_from_slice(prefix.as_bytes());
    for &byte in name {
        let letter = match byte {
            0x07 => b'a',
            0x08 => b'b',
            b'\t' => b't',
            b'\n' => b'n',
            0x0b => b'v',
            0x0c => b'f',
            b'\r' => b'r',
            b'"' | b'\\' => byte,
            _ if plain(&byte) => {
                text.push(byte);
                continue;
            }
            _ => {
                text.extend_from_slice(format!("\\{byte:03o}").as_bytes());
                continue;
            }
        };
        text.extend_from_slice(&[b'\\', letter]);
    }
    text.push(b'"');
    text
}
