//! Durations as people write them.

use std::time::Duration;

/// What is written where a duration is expected.
pub(super) const EXPECTED: &str = "a duration with its unit, such as `90s`, `2h 30m` or `1d`";

/// The units, largest first, in nanoseconds.
const UNITS: [(&str, u128); 5] =
    [("d", 86_400_000_000_000), ("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000)];

/// The longest duration, so that no sum with a point in time overflows anywhere: 3,650 days.
const LONGEST: u128 = 3650 * 86_400_000_000_000;

/// A duration such as `90s`, `2h 30m`, `1.5h` or `250ms`: numbers with their units, the largest unit first, each at most once. Zero is
/// `0s`. The error says what was expected.
pub fn parse_duration(text: &str) -> Result<Duration, &'static str> {
    let mut rest = text.trim();
    let mut units = UNITS.iter();
    let mut total: u128 = 0;
    loop {
        let number = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
        let (digits, after) = rest.split_at_checked(number).ok_or(EXPECTED)?;
        let after = after.trim_start();
        let letters = after.len() - after.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let (name, after) = after.split_at_checked(letters).ok_or(EXPECTED)?;
        // The iterator goes on from the last unit, so a unit that came before, or a larger one, is not found.
        let (_, unit) = units.find(|(unit, _)| *unit == name).ok_or(EXPECTED)?;
        total = total.checked_add(scaled(digits, *unit).ok_or(EXPECTED)?).filter(|total| *total <= LONGEST).ok_or("at most `3650d`")?;
        rest = after.trim_start();
        if rest.is_empty() {
            break;
        }
    }
    let nanoseconds = u32::try_from(total % 1_000_000_000).map_err(|_| EXPECTED)?;
    Ok(Duration::new(u64::try_from(total / 1_000_000_000).map_err(|_| EXPECTED)?, nanoseconds))
}

/// The duration as [`parse_duration`] reads it, to the millisecond.
#[must_use]
pub fn show_duration(duration: Duration) -> String {
    let mut rest = duration.as_millis() * 1_000_000;
    let mut parts = Vec::new();
    for (name, unit) in UNITS {
        if rest >= unit {
            parts.push(format!("{}{name}", rest / unit));
            rest %= unit;
        }
    }
    if parts.is_empty() { "0s".into() } else { parts.join(" ") }
}

/// A decimal number of units, in nanoseconds; saturates, since what is too long is refused anyway.
fn scaled(digits: &str, unit: u128) -> Option<u128> {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) || fraction.len() > 9 {
        return None;
    }
    let whole = whole.parse::<u128>().unwrap_or(u128::MAX).saturating_mul(unit);
    let parts = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    Some(whole.saturating_add(fraction.parse::<u128>().ok()?.saturating_mul(unit) / parts))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, millis) in [
            ("90s", 90_000),
            ("2h 30m", 9_000_000),
            ("2h30m", 9_000_000),
            (" 1d ", 86_400_000),
            ("1.5h", 5_400_000),
            ("0.3s", 300),
            ("0.3 s", 300),
            ("250ms", 250),
            ("1m 1ms", 60_001),
            ("0s", 0),
            ("3650d", 315_360_000_000),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "",
            " ",
            "0",
            "90",
            "abc",
            "s",
            "-1s",
            "+1s",
            "1 hour",
            "1H",
            "1s 1s",
            "30m 2h",
            "1..5s",
            ".5s",
            "1.s",
            "1e3s",
            "１s",
            "1s,",
            "nan",
            "1.0000000001s",
        ] {
            assert_eq!(parse_duration(text), Err(EXPECTED), "{text:?}");
        }
        for text in ["3651d", "99999999999999999999999999999999999999999999d", "3650d 1ms"] {
            assert_eq!(parse_duration(text), Err("at most `3650d`"), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_duration_is_read_back_as_it_was_shown(millis in 0..=315_360_000_000_u64) {
            let duration = Duration::from_millis(millis);
            prop_assert_eq!(parse_duration(&show_duration(duration)), Ok(duration));
        }

        #[test]
        fn no_text_breaks_the_reader(text in "\\PC{0,20}", near in "[0-9. dhms]{0,30}") {
            let _ = parse_duration(&text);
            let _ = parse_duration(&near);
        }
    }
}
