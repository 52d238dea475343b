//! Sizes as people write them.

use super::Bytes;

/// What is written where a size is expected.
pub const SIZE: &str = "a size with its unit, such as `512KiB`, `64MiB` or `10GB`";

const UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("kB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// A size such as `64MiB`: a whole number and its unit. The error says what was expected.
pub fn parse_size(text: &str) -> Result<Bytes, &'static str> {
    let text = text.trim();
    let border = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at_checked(border).ok_or(SIZE)?;
    let unit = unit.trim_start();
    let (_, factor) = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).ok_or(SIZE)?;
    if number.is_empty() {
        return Err(SIZE);
    }
    let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(*factor));
    bytes.map(Bytes).ok_or("at most 16777215TiB")
}

/// A size as [`parse_size`] reads it back, in the largest unit in which it is whole: `8GiB`.
#[must_use]
pub fn write_size(size: Bytes) -> String {
    const WHOLE: [(u64, &str); 4] = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = WHOLE.into_iter().find(|(unit, _)| size.0 >= *unit && size.0.is_multiple_of(*unit));
    unit.map_or_else(|| format!("{}B", size.0), |(unit, name)| format!("{}{name}", size.0 / unit))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_are_read_with_their_unit() {
        for (text, bytes) in [
            ("0B", 0),
            ("64MiB", 64 << 20),
            ("64 mib", 64 << 20),
            ("10GB", 10_000_000_000),
            ("1kb", 1000),
            ("16777215TiB", 16_777_215 << 40),
        ] {
            assert_eq!(parse_size(text), Ok(Bytes(bytes)), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "64", "MiB", "-1MiB", "1.5GiB", "64M", "1 XB", "0x10B", "９B"] {
            assert_eq!(parse_size(text), Err(SIZE), "{text:?}");
        }
        for text in ["16777216TiB", "99999999999999999999B"] {
            assert_eq!(parse_size(text), Err("at most 16777215TiB"), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_number_of_bytes_is_read_back(bytes: u64) {
            prop_assert_eq!(parse_size(&format!("{bytes}B")), Ok(Bytes(bytes)));
            prop_assert_eq!(parse_size(&write_size(Bytes(bytes))), Ok(Bytes(bytes)));
        }
    }
}
