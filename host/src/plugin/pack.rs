//! How a `plugin.toml` travels inside a component: in one custom section, whatever language the component was written in.
//!
//! The build script uses this file too, so it needs nothing but the standard library.

use std::fmt;

/// The name of the custom section.
const SECTION: &str = "worldflux:plugin";

/// The longest `plugin.toml`, in bytes. It is read before anything is known about the file, and a person has to read it too.
const LONGEST: usize = 64 << 10;

/// What a binary begins with, then version and layer: a component has layer 1, a core module layer 0 (WebAssembly component model, `Binary.md`).
const MAGIC: &[u8; 4] = b"\0asm";
const COMPONENT: [u8; 4] = [0x0d, 0x00, 0x01, 0x00];

/// The number of a custom section, the same in modules and components.
const CUSTOM: u8 = 0;

/// Why a component cannot be packed or unpacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PackError {
    /// The bytes are not WebAssembly.
    NotWasm,
    /// The bytes are a core module, not a component.
    CoreModule,
    /// The bytes are a component in a format that this host does not know.
    UnknownFormat {
        /// Version and layer, as they stand there.
        found: [u8; 4],
    },
    /// The bytes end in the middle, or a length in them is wrong.
    Damaged {
        /// Where, counted in bytes from the beginning.
        at: usize,
    },
    /// There are two `plugin.toml` in it. Which one would be true?
    Twice,
    /// The `plugin.toml` is too long.
    TooLong {
        /// Bytes that it has.
        bytes: usize,
    },
    /// The `plugin.toml` in it is not UTF-8.
    NotText,
}

impl fmt::Display for PackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotWasm => f.write_str("this is not WebAssembly"),
            Self::CoreModule => f.write_str("this is a core module, not a component"),
            Self::UnknownFormat { found } => write!(f, "this is WebAssembly of an unknown format ({:08x})", u32::from_be_bytes(*found)),
            Self::Damaged { at } => write!(f, "the component is damaged at byte {at}"),
            Self::Twice => f.write_str("the component has two plugin.toml inside"),
            Self::TooLong { bytes } => write!(f, "the plugin.toml has {bytes} bytes, at most {LONGEST} are taken"),
            Self::NotText => f.write_str("the plugin.toml inside is not UTF-8"),
        }
    }
}

impl std::error::Error for PackError {}

/// The component with `toml` inside, at its end, instead of what was inside before. The same arguments give the same bytes.
pub fn pack(component: &[u8], toml: &str) -> Result<Vec<u8>, PackError> {
    if toml.len() > LONGEST {
        return Err(PackError::TooLong { bytes: toml.len() });
    }
    let mut packed = component.get(..8).unwrap_or_default().to_vec();
    let mut seen = false;
    for section in Sections::of(component)? {
        let section = section?;
        if section.text.is_none() {
            packed.extend_from_slice(section.whole);
        } else if std::mem::replace(&mut seen, true) {
            return Err(PackError::Twice);
        }
    }
    packed.push(CUSTOM);
    let mut name = Vec::new();
    write_length(&mut name, SECTION.len());
    name.extend_from_slice(SECTION.as_bytes());
    write_length(&mut packed, name.len() + toml.len());
    packed.extend_from_slice(&name);
    packed.extend_from_slice(toml.as_bytes());
    Ok(packed)
}

/// The `plugin.toml` inside a component; `None` where there is none.
///
/// Only the sections of the component itself are looked at: one in a component inside it means nothing.
pub fn unpack(component: &[u8]) -> Result<Option<&str>, PackError> {
    let mut found = None;
    for section in Sections::of(component)? {
        let Some(text) = section?.text else { continue };
        if found.is_some() {
            return Err(PackError::Twice);
        }
        if text.len() > LONGEST {
            return Err(PackError::TooLong { bytes: text.len() });
        }
        found = Some(std::str::from_utf8(text).map_err(|_| PackError::NotText)?);
    }
    Ok(found)
}

/// One section at the top of a component.
struct Section<'a> {
    /// All of it, with its number and length.
    whole: &'a [u8],
    /// What is in it, if it is ours.
    text: Option<&'a [u8]>,
}

/// Walks the sections at the top of a component. Ends after the first error.
struct Sections<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Sections<'a> {
    fn of(bytes: &'a [u8]) -> Result<Self, PackError> {
        let Some((magic, rest)) = bytes.split_first_chunk::<4>() else { return Err(PackError::NotWasm) };
        if magic != MAGIC {
            return Err(PackError::NotWasm);
        }
        match rest.first_chunk::<4>() {
            Some(&COMPONENT) => Ok(Self { bytes, at: 8 }),
            Some([_, _, 0, 0]) => Err(PackError::CoreModule),
            Some(&found) => Err(PackError::UnknownFormat { found }),
            None => Err(PackError::Damaged { at: bytes.len() }),
        }
    }

    fn section(&mut self) -> Result<Section<'a>, PackError> {
        let start = self.at;
        let number = self.advance(1)?;
        let length = self.length()?;
        let content = self.advance(length)?;
        let whole = self.bytes.get(start..self.at).ok_or(PackError::Damaged { at: start })?;
        if number != [CUSTOM] {
            return Ok(Section { whole, text: None });
        }
        let mut inside = Sections { bytes: content, at: 0 };
        let damaged = |_| PackError::Damaged { at: start };
        let name_length = inside.length().map_err(damaged)?;
        let name = inside.advance(name_length).map_err(damaged)?;
        let text = (name == SECTION.as_bytes()).then(|| content.get(inside.at..).unwrap_or_default());
        Ok(Section { whole, text })
    }

    fn advance(&mut self, count: usize) -> Result<&'a [u8], PackError> {
        let damaged = PackError::Damaged { at: self.at };
        let end = self.at.checked_add(count).ok_or_else(|| damaged.clone())?;
        let taken = self.bytes.get(self.at..end).ok_or(damaged)?;
        self.at = end;
        Ok(taken)
    }

    /// An unsigned LEB128 number of at most 32 bits.
    fn length(&mut self) -> Result<usize, PackError> {
        let damaged = PackError::Damaged { at: self.at };
        let mut value = 0_u64;
        for shift in [0, 7, 14, 21, 28] {
            let &[byte] = self.advance(1)? else { return Err(damaged) };
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return u32::try_from(value).ok().and_then(|value| usize::try_from(value).ok()).ok_or(damaged);
            }
        }
        Err(damaged)
    }
}

impl<'a> Iterator for Sections<'a> {
    type Item = Result<Section<'a>, PackError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let section = self.section();
        if section.is_err() {
            self.at = self.bytes.len();
        }
        Some(section)
    }
}

/// Writes an unsigned LEB128 number.
fn write_length(into: &mut Vec<u8>, mut value: usize) {
    loop {
        let low = u8::try_from(value & 0x7f).unwrap_or_default();
        value >>= 7;
        if value == 0 {
            into.push(low);
            return;
        }
        into.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn component(sections: &[(u8, &[u8])]) -> Vec<u8> {
        let mut bytes = [&MAGIC[..], &COMPONENT].concat();
        for (number, content) in sections {
            bytes.push(*number);
            write_length(&mut bytes, content.len());
            bytes.extend_from_slice(content);
        }
        bytes
    }

    fn ours(content: &[u8]) -> Vec<u8> {
        [&[16], SECTION.as_bytes(), content].concat()
    }

    #[test]
    fn what_is_packed_comes_out_again_and_replaces_what_was_there() {
        let bare = component(&[(1, b"abc"), (0, b"\x04name"), (4, &[0; 300])]);
        assert_eq!(unpack(&bare), Ok(None));
        let once = pack(&bare, "[plugin]").unwrap();
        assert_eq!(unpack(&once), Ok(Some("[plugin]")));
        assert!(once.starts_with(&bare));
        assert_eq!(pack(&once, "other"), pack(&bare, "other"));
        assert_eq!(unpack(&pack(&bare, "").unwrap()), Ok(Some("")));
    }

    #[test]
    fn a_component_of_a_real_tool_stays_valid() {
        let real = wat::parse_str("(component (core module (func)) (component))").unwrap();
        let packed = pack(&real, "[plugin]\nname = 'x'\n").unwrap();
        wasmparser::Validator::new().validate_all(&packed).unwrap();
        assert_eq!(unpack(&packed), Ok(Some("[plugin]\nname = 'x'\n")));
    }

    #[test]
    fn a_section_inside_an_inner_component_means_nothing() {
        let inner = component(&[(0, &ours(b"inner"))]);
        assert_eq!(unpack(&component(&[(4, &inner)])), Ok(None));
    }

    #[test]
    fn two_sections_are_refused() {
        let twice = component(&[(0, &ours(b"a")), (0, &ours(b"b"))]);
        assert_eq!(unpack(&twice), Err(PackError::Twice));
        assert_eq!(pack(&twice, "c"), Err(PackError::Twice));
    }

    #[test]
    fn what_is_no_component_is_told_apart() {
        assert_eq!(unpack(b""), Err(PackError::NotWasm));
        assert_eq!(unpack(b"#!/bin/sh\n"), Err(PackError::NotWasm));
        assert_eq!(unpack(&wat::parse_str("(module)").unwrap()), Err(PackError::CoreModule));
        assert_eq!(unpack(b"\0asm\x0e\0\x01\0"), Err(PackError::UnknownFormat { found: [0x0e, 0, 1, 0] }));
        assert_eq!(unpack(b"\0asm\x0d"), Err(PackError::Damaged { at: 5 }));
    }

    /// MA01
    #[test]
    fn a_text_that_is_too_long_or_no_text_is_refused() {
        let long = "x".repeat(LONGEST + 1);
        assert_eq!(pack(&component(&[]), &long), Err(PackError::TooLong { bytes: LONGEST + 1 }));
        assert_eq!(unpack(&component(&[(0, &ours(long.as_bytes()))])), Err(PackError::TooLong { bytes: LONGEST + 1 }));
        assert_eq!(unpack(&component(&[(0, &ours(b"\xff"))])), Err(PackError::NotText));
        assert!(pack(&component(&[]), &long[1..]).is_ok());
    }

    #[test]
    fn every_shortened_component_is_refused_or_ends_between_two_sections() {
        let whole = pack(&component(&[(1, b"abc"), (0, b"\x04name")]), "[plugin]").unwrap();
        for length in 0..whole.len() {
            let cut = &whole[..length];
            assert!(unpack(cut).is_err() || matches!(length, 8 | 13 | 20), "{length}");
        }
    }

    #[test]
    fn a_length_beyond_32_bits_is_refused() {
        for length in [&b"\x80\x80\x80\x80\x10"[..], b"\x80\x80\x80\x80\x80\x01", b"\xff\xff\xff\xff\x0f", b"\x80"] {
            let bytes = [&MAGIC[..], &COMPONENT, &[0], length, b"x"].concat();
            assert!(matches!(unpack(&bytes), Err(PackError::Damaged { .. })), "{length:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = unpack(&bytes);
            let after = [&MAGIC[..], &COMPONENT, &bytes].concat();
            if let Ok(packed) = pack(&after, "text") {
                prop_assert_eq!(unpack(&packed), Ok(Some("text")));
            }
        }

        #[test]
        fn a_changed_byte_never_makes_it_panic(at in 0_usize..64, byte in any::<u8>(), text in "\\PC{0,40}") {
            let mut packed = pack(&component(&[(1, b"abc"), (0, b"\x04name")]), &text).unwrap();
            let place = at % packed.len();
            packed[place] = byte;
            let _ = unpack(&packed);
            let _ = pack(&packed, "x");
        }
    }
}
