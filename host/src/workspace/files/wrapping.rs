//! Compression around a file.

use std::io::{self, Read, Write as _};

use super::{Wrapping, error::Trouble};
use crate::names::Bytes;

/// The largest window of a Zstandard file, as a power of two. Stops a file of a few bytes from asking for gigabytes.
const WINDOW: u32 = 27;

/// What is inside, of at most `cap`. What follows the end of the compression, other than more of it, is an error.
pub(super) fn unwrap(content: &[u8], wrapping: Wrapping, cap: Bytes) -> Result<Vec<u8>, Trouble> {
    match wrapping {
        Wrapping::None => bounded(content, cap),
        Wrapping::Gzip => bounded(flate2::read::MultiGzDecoder::new(content), cap),
        Wrapping::Bzip2 => bounded(bzip2::read::MultiBzDecoder::new(content), cap),
        Wrapping::Zstd => {
            let mut decoder = zstd::Decoder::with_buffer(content).map_err(|error| broken(&error))?;
            decoder.window_log_max(WINDOW).map_err(|error| broken(&error))?;
            bounded(decoder, cap)
        }
    }
}

/// `content`, compressed. The same content always gives the same bytes.
pub(super) fn wrap(content: Vec<u8>, wrapping: Wrapping) -> Result<Vec<u8>, Trouble> {
    let failed = |error: io::Error| Trouble::new(format!("it cannot be compressed: {error}"));
    match wrapping {
        Wrapping::None => Ok(content),
        Wrapping::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::default());
            encoder.write_all(&content).and_then(|()| encoder.finish()).map_err(failed)
        }
        Wrapping::Bzip2 => {
            let mut encoder = bzip2::write::BzEncoder::new(vec![], bzip2::Compression::best());
            encoder.write_all(&content).and_then(|()| encoder.finish()).map_err(failed)
        }
        Wrapping::Zstd => zstd::encode_all(&*content, 0).map_err(failed),
    }
}

fn bounded(source: impl Read, cap: Bytes) -> Result<Vec<u8>, Trouble> {
    let mut inside = Vec::new();
    source.take(cap.0.saturating_add(1)).read_to_end(&mut inside).map_err(|error| broken(&error))?;
    if inside.len() > cap.as_len() { Err(Trouble::limit(cap.to_string())) } else { Ok(inside) }
}

fn broken(error: &io::Error) -> Trouble {
    Trouble::new(format!("its compression is broken: {error}"))
}
