//! Amounts that carry their unit.

use std::{fmt, iter::Sum, ops::Add, str::FromStr};

use serde::{Deserialize, Serialize};

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Bytes(pub u64);

impl Bytes {
    /// `n` times 1,024 bytes.
    #[must_use]
    pub const fn kibi(n: u64) -> Self {
        Self(n << 10)
    }

    /// `n` times 1,048,576 bytes.
    #[must_use]
    pub const fn mebi(n: u64) -> Self {
        Self(n << 20)
    }

    /// `n` times 2^30 bytes.
    #[must_use]
    pub const fn gibi(n: u64) -> Self {
        Self(n << 30)
    }

    /// As a length in memory; saturates where `usize` is smaller.
    #[must_use]
    pub fn as_len(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
        let Some((size, unit)) = UNITS.into_iter().find(|(size, _)| self.0 >= *size) else {
            return write!(f, "{} B", self.0);
        };
        let tenths = u128::from(self.0) * 10 / u128::from(size);
        write!(f, "{}.{} {unit}", tenths / 10, tenths % 10)
    }
}

/// So much of the time of processors, exact to a thousandth of one: `1.5` is all that one and a half can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cpus {
    thousandths: u32,
}

/// What is written where a number of processors is expected.
const CPUS: &str = "0.01 to 4096, with at most three digits behind the point";

impl Cpus {
    /// One processor.
    pub const ONE: Self = Self { thousandths: 1_000 };

    /// Less is a command that never comes to its end, and not taken by the kernel.
    const LEAST: u32 = 10;

    /// More than any machine has.
    const MOST: u32 = 4_096_000;

    /// In thousandths of one processor.
    #[must_use]
    pub const fn thousandths(self) -> u32 {
        self.thousandths
    }
}

/// A decimal number. The error says what was expected.
impl FromStr for Cpus {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(part) || part.len() > 3 {
            return Err(CPUS);
        }
        let whole = whole.parse::<u32>().ok().and_then(|whole| whole.checked_mul(1_000));
        let part = format!("{part:0<3}").parse::<u32>().ok();
        let thousandths = whole.zip(part).and_then(|(whole, part)| whole.checked_add(part));
        let thousandths = thousandths.filter(|number| (Self::LEAST..=Self::MOST).contains(number));
        thousandths.map(|thousandths| Self { thousandths }).ok_or(CPUS)
    }
}

impl fmt::Display for Cpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.thousandths / 1_000, format!("{:03}", self.thousandths % 1_000));
        match part.trim_end_matches('0') {
            "" => write!(f, "{whole}"),
            part => write!(f, "{whole}.{part}"),
        }
    }
}

/// An amount of US dollars, exact to a millionth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Usd {
    micros: u64,
}

impl Usd {
    /// Nothing.
    pub const ZERO: Self = Self { micros: 0 };

    /// An amount from millionths of a dollar.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self { micros }
    }

    /// The amount in millionths of a dollar.
    #[must_use]
    pub const fn micros(self) -> u64 {
        self.micros
    }
}

impl Add for Usd {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { micros: self.micros.saturating_add(other.micros) }
    }
}

impl Sum for Usd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (dollars, micros) = (self.micros / 1_000_000, self.micros % 1_000_000);
        if micros % 10_000 == 0 {
            return write!(f, "${dollars}.{:02}", micros / 10_000);
        }
        write!(f, "${dollars}.{micros:06}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_print_with_their_unit() {
        for (bytes, text) in
            [(Bytes(0), "0 B"), (Bytes(1023), "1023 B"), (Bytes::kibi(1), "1.0 KiB"), (Bytes(u64::MAX), "17179869183.9 GiB")]
        {
            assert_eq!(bytes.to_string(), text);
        }
    }

    #[test]
    fn processors_are_counted_in_thousandths_and_written_without_zeros_at_the_end() {
        for (text, thousandths, written) in
            [("0.01", 10, "0.01"), ("0.5", 500, "0.5"), ("1.250", 1_250, "1.25"), ("02", 2_000, "2"), ("4096.000", 4_096_000, "4096")]
        {
            let cpus: Cpus = text.parse().unwrap();
            assert_eq!((cpus.thousandths(), cpus.to_string().as_str()), (thousandths, written));
        }
        for text in ["", "0", "0.0", "0.009", "4096.001", "-1", "+1", ".5", "1.", "1.5555", "1,5", "1e3", "NaN", "inf", " 1", "99999999999"]
        {
            assert_eq!(text.parse::<Cpus>(), Err(CPUS), "{text}");
        }
    }

    #[test]
    fn small_amounts_of_money_are_not_rounded_away() {
        assert_eq!(Usd::from_micros(1_500_000).to_string(), "$1.50");
        assert_eq!(Usd::from_micros(17).to_string(), "$0.000017");
        assert_eq!((Usd::from_micros(u64::MAX) + Usd::from_micros(1)).micros(), u64::MAX);
    }
}
