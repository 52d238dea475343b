//! Points in time.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// A point in time, in UTC, kept to the millisecond; written as in RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(jiff::Timestamp);

impl Moment {
    /// Now, by the clock on the wall.
    #[must_use]
    pub fn now() -> Self {
        Self::from_unix_millis(jiff::Timestamp::now().as_millisecond())
    }

    /// From milliseconds since 1970-01-01T00:00:00Z; clamped to the years that a timestamp can hold.
    #[must_use]
    pub fn from_unix_millis(millis: i64) -> Self {
        // The range in milliseconds ends with a whole second.
        let clamped = millis.clamp(jiff::Timestamp::MIN.as_second() * 1_000, jiff::Timestamp::MAX.as_second() * 1_000);
        Self(jiff::Timestamp::from_millisecond(clamped).unwrap_or(jiff::Timestamp::UNIX_EPOCH))
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn unix_millis(self) -> i64 {
        self.0.as_millisecond()
    }

    /// Time from `earlier` to here; zero where the clock was set back in between.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.unix_millis() - earlier.unix_millis()).unwrap_or(0))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

impl schemars::JsonSchema for Moment {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Moment".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "format": "date-time",
            "description": "A point in time, UTC (RFC 3339)."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_beyond_the_calendar_is_its_end_and_not_its_beginning() {
        assert_eq!(Moment::from_unix_millis(i64::MAX).to_string(), "9999-12-30T22:00:00.000Z");
        assert!(Moment::from_unix_millis(i64::MIN).to_string().starts_with("-009999-"));
        assert!(Moment::from_unix_millis(i64::MIN) < Moment::from_unix_millis(0));
        assert_eq!(Moment::from_unix_millis(7).unix_millis(), 7);
    }
}
