//! How archives are compressed.

use std::io::{self, BufRead, Read, Write};

use serde::{Deserialize, Serialize};

/// How archives are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip (RFC 1952).
    Gz,
    /// bzip2.
    Bz2,
    /// xz.
    Xz,
    /// Zstandard (RFC 8878).
    Zstd,
}

/// Memory that unpacking xz may take. A file asks for up to 4 GiB; level 9 needs 65 MiB.
const XZ_MEMORY: u64 = 128 << 20;

/// The level of xz, and of Zstandard: what their programs do when nobody says a level.
const XZ_LEVEL: u32 = 6;
const ZSTD_LEVEL: i32 = 3;

impl Compression {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::None, Self::Gz, Self::Bz2, Self::Xz, Self::Zstd];

    /// The name, as it is written in settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gz => "gz",
            Self::Bz2 => "bz2",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
        }
    }

    /// The end of the name of an archive.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::None => ".tar",
            Self::Gz => ".tar.gz",
            Self::Bz2 => ".tar.bz2",
            Self::Xz => ".tar.xz",
            Self::Zstd => ".tar.zst",
        }
    }

    /// What a file is compressed with, by its first bytes.
    pub(super) fn of(beginning: &[u8]) -> Self {
        match beginning {
            [0x1f, 0x8b, ..] => Self::Gz,
            [b'B', b'Z', b'h', ..] => Self::Bz2,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::None,
        }
    }

    /// What is inside of `source`.
    pub(super) fn unpacked<'r>(self, source: impl BufRead + 'r) -> io::Result<Box<dyn Read + 'r>> {
        Ok(match self {
            Self::None => Box::new(source),
            Self::Gz => Box::new(flate2::bufread::MultiGzDecoder::new(source)),
            Self::Bz2 => Box::new(bzip2::bufread::MultiBzDecoder::new(source)),
            Self::Xz => {
                let stream = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, liblzma::stream::CONCATENATED)?;
                Box::new(liblzma::bufread::XzDecoder::new_stream(source, stream))
            }
            Self::Zstd => Box::new(zstd::Decoder::with_buffer(source)?),
        })
    }
}

/// Compresses what is written to it. The same bytes give the same archive: no time and no name is in any of the formats.
pub(super) enum Packer<W: Write> {
    None(W),
    Gz(flate2::write::GzEncoder<W>),
    Bz2(bzip2::write::BzEncoder<W>),
    Xz(liblzma::write::XzEncoder<W>),
    Zstd(zstd::Encoder<'static, W>),
}

impl<W: Write> Packer<W> {
    pub(super) fn new(compression: Compression, out: W) -> io::Result<Self> {
        Ok(match compression {
            Compression::None => Self::None(out),
            Compression::Gz => Self::Gz(flate2::GzBuilder::new().write(out, flate2::Compression::default())),
            Compression::Bz2 => Self::Bz2(bzip2::write::BzEncoder::new(out, bzip2::Compression::best())),
            Compression::Xz => Self::Xz(liblzma::write::XzEncoder::new(out, XZ_LEVEL)),
            Compression::Zstd => {
                let mut encoder = zstd::Encoder::new(out, ZSTD_LEVEL)?;
                encoder.include_checksum(true)?;
                Self::Zstd(encoder)
            }
        })
    }

    pub(super) fn finish(self) -> io::Result<()> {
        let mut out = match self {
            Self::None(out) => out,
            Self::Gz(encoder) => encoder.finish()?,
            Self::Bz2(encoder) => encoder.finish()?,
            Self::Xz(encoder) => encoder.finish()?,
            Self::Zstd(encoder) => encoder.finish()?,
        };
        out.flush()
    }
}

impl<W: Write> Write for Packer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::None(out) => out.write(bytes),
            Self::Gz(encoder) => encoder.write(bytes),
            Self::Bz2(encoder) => encoder.write(bytes),
            Self::Xz(encoder) => encoder.write(bytes),
            Self::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::None(out) => out.flush(),
            Self::Gz(encoder) => encoder.flush(),
            Self::Bz2(encoder) => encoder.flush(),
            Self::Xz(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
        }
    }
}
