//! A content in a patch that is no text, as `git diff --binary` writes it: deflated (RFC 1950), in lines of 85 digits.

use std::io::{self, Write};

use flate2::{Compression, write::ZlibEncoder};

/// Bytes of one line.
const LINE: usize = 52;

const DIGITS: &[u8; 85] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";

/// Write one half of a binary patch: `kind` says what the bytes are that `pour` gives, which are `length`.
pub(super) fn write_half<W: Write, E: From<io::Error>>(
    out: &mut W,
    kind: &str,
    length: u64,
    pour: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> Result<(), E> {
    writeln!(out, "{kind} {length}")?;
    let mut encoder = ZlibEncoder::new(Digits { out, line: Vec::with_capacity(LINE) }, Compression::default());
    pour(&mut encoder)?;
    encoder.finish()?.finish()?;
    Ok(writeln!(out)?)
}

/// How long the bytes are once deflated.
pub(super) fn deflated(content: &[u8]) -> io::Result<u64> {
    let mut encoder = ZlibEncoder::new(Counted(0), Compression::default());
    encoder.write_all(content)?;
    Ok(encoder.finish()?.0)
}

struct Counted(u64);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes bytes as lines of digits.
struct Digits<'o, W: Write> {
    out: &'o mut W,
    line: Vec<u8>,
}

impl<W: Write> Digits<'_, W> {
    fn line(&mut self) -> io::Result<()> {
        let length = u8::try_from(self.line.len()).unwrap_or(0);
        let mut text = vec![if length <= 26 { b'A' + length - 1 } else { b'a' + length - 27 }];
        for group in self.line.chunks(4) {
            let mut four = [0; 4];
            four.iter_mut().zip(group).for_each(|(place, byte)| *place = *byte);
            let mut number = u32::from_be_bytes(four);
            let mut digits = [b'0'; 5];
            for digit in digits.iter_mut().rev() {
                *digit = DIGITS.get((number % 85) as usize).copied().unwrap_or(b'0');
                number /= 85;
            }
            text.extend_from_slice(&digits);
        }
        text.push(b'\n');
        self.line.clear();
        self.out.write_all(&text)
    }

    fn finish(mut self) -> io::Result<()> {
        if self.line.is_empty() { Ok(()) } else { self.line() }
    }
}

impl<W: Write> Write for Digits<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(LINE - self.line.len());
        self.line.extend_from_slice(bytes.get(..taken).unwrap_or_default());
        if self.line.len() == LINE {
            self.line()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
