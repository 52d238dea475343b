//! The two ways in which servers write a moment.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A date of HTTP in its one form that is still written: `Tue, 15 Nov 1994 08:12:31 GMT` (RFC 9110, 5.6.7).
#[must_use]
pub fn parse_date(text: &str) -> Option<SystemTime> {
    let mut words = text.trim().split_once(", ")?.1.split(' ');
    let day = words.next()?.parse().ok()?;
    let name = words.next()?;
    let month = MONTHS.iter().position(|month| *month == name)? + 1;
    let year = words.next()?.parse().ok()?;
    let time = words.next()?;
    let seconds = time_of_day(time)?;
    (words.next() == Some("GMT") && words.next().is_none()).then_some(())?;
    moment(year, u64::try_from(month).ok()?, day, seconds)
}

/// A timestamp such as `2026-01-31T23:59:59.123456Z` or with `+01:00` (RFC 3339), with its fraction to the nanosecond.
#[must_use]
pub fn parse_timestamp(text: &str) -> Option<SystemTime> {
    let (date, time) = text.trim().split_once(['T', 't', ' '])?;
    let mut parts = date.split('-');
    let (year, month, day) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    parts.next().is_none().then_some(())?;
    let zone = time.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = time.split_at_checked(zone)?;
    let (whole, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let whole = moment(year, month, day, time_of_day(whole)?)?;
    let nanos = format!("{:0<9}", fraction.get(..fraction.len().min(9))?);
    let moment = whole + Duration::from_nanos(nanos.parse().ok()?);
    match zone.split_at_checked(1)? {
        ("Z" | "z", "") => Some(moment),
        ("+", away) => moment.checked_sub(Duration::from_secs(offset(away)?)),
        ("-", away) => moment.checked_add(Duration::from_secs(offset(away)?)),
        _ => None,
    }
}

fn offset(text: &str) -> Option<u64> {
    let (hours, minutes) = text.split_once(':')?;
    Some(hours.parse::<u64>().ok()? * 3600 + minutes.parse::<u64>().ok()? * 60)
}

fn time_of_day(text: &str) -> Option<u64> {
    let mut parts = text.split(':').map(|part| part.parse::<u64>().ok());
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    (parts.next().is_none() && hours < 24 && minutes < 60 && seconds <= 60).then_some(hours * 3600 + minutes * 60 + seconds)
}

/// Days are counted as if years began in March, so that the day of a leap year is the last one.
fn moment(year: u64, month: u64, day: u64, seconds: u64) -> Option<SystemTime> {
    if !(1970..10_000).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    // From the first of March of the year 0 to the beginning of 1970.
    let days = days.checked_sub(719_468)?;
    UNIX_EPOCH.checked_add(Duration::from_secs(days * 86_400 + seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In milliseconds.
    fn unix(moment: Option<SystemTime>) -> u128 {
        moment.unwrap().duration_since(UNIX_EPOCH).unwrap().as_millis()
    }

    #[test]
    fn a_date_of_http_is_read() {
        assert_eq!(unix(parse_date("Thu, 01 Jan 1970 00:00:00 GMT")), 0);
        assert_eq!(unix(parse_date("Tue, 15 Nov 1994 08:12:31 GMT")), 784_887_151_000);
        assert_eq!(unix(parse_date("Thu, 29 Feb 2024 23:59:59 GMT")), 1_709_251_199_000);
        for wrong in ["", "15 Nov 1994", "Tue, 15 Now 1994 08:12:31 GMT", "Tue, 15 Nov 1994 08:12:31 CET", "Tue, 15 Nov 1994 24:12:31 GMT"]
        {
            assert_eq!(parse_date(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_timestamp_is_read_with_its_fraction_and_its_zone() {
        assert_eq!(unix(parse_timestamp("2022-04-26T22:13:06.25Z")), 1_651_011_186_250);
        assert_eq!(unix(parse_timestamp("2022-04-27T00:13:06+02:00")), 1_651_011_186_000);
        assert_eq!(unix(parse_timestamp("2022-04-26T20:13:06.1234567890-02:00")), 1_651_011_186_123);
        for wrong in ["", "2022-04-26", "2022-04-26T22:13Z", "2022-13-26T22:13:06Z", "2022-04-26T22:13:06", "2022-04-26T22:13:06.xZ"] {
            assert_eq!(parse_timestamp(wrong), None, "{wrong}");
        }
    }
}
