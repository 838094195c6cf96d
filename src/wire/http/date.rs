//! [`HttpDate`]: a time as HTTP writes it.

use std::fmt;

/// A time as HTTP writes it: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, 5.6.7). It comes in from
/// outside, as seconds since 1970; `Effects::wall` tells them.
///
/// ```
/// use overt::wire::http::HttpDate;
///
/// let date = HttpDate::at(784_111_777);
/// assert_eq!(date.as_str(), "Sun, 06 Nov 1994 08:49:37 GMT");
/// assert_eq!(HttpDate::read(b"Sunday, 06-Nov-94 08:49:37 GMT"), Some(784_111_777));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct HttpDate {
    /// The whole field, so that it is sent by one copy.
    line: [u8; 37],
}

const DAYS: [&[u8; 3]; 7] = [b"Thu", b"Fri", b"Sat", b"Sun", b"Mon", b"Tue", b"Wed"];
const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];
/// The last second of the year 9999: later ones have no text.
const SECONDS_MAX: u64 = 253_402_300_799;

impl HttpDate {
    /// So many seconds after the beginning of 1970, in UTC.
    pub fn at(seconds: u64) -> Self {
        let seconds = seconds.min(SECONDS_MAX);
        let (days, second) = (seconds / 86_400, seconds % 86_400);
        let (year, month, day) = date_of(days);
        let name = |names: &[&'static [u8; 3]], at: u64| names.get(at as usize).copied();
        let mut line = *b"date: Thu, 01 Jan 1970 00:00:00 GMT\r\n";
        let mut put = |at: usize, text: &[u8]| {
            if let Some(place) = line.get_mut(at..at + text.len()) {
                place.copy_from_slice(text);
            }
        };
        put(6, name(&DAYS, days % 7).unwrap_or(b"Thu"));
        put(11, &two(day));
        put(14, name(&MONTHS, month - 1).unwrap_or(b"Jan"));
        put(18, &two(year / 100));
        put(20, &two(year % 100));
        put(23, &two(second / 3600));
        put(26, &two(second / 60 % 60));
        put(29, &two(second % 60));
        Self { line }
    }

    /// The text, of 29 characters.
    pub fn as_str(&self) -> &str {
        let text = self.line.get(6..35).unwrap_or_default();
        std::str::from_utf8(text).unwrap_or_default()
    }

    /// The field `date` of a head of HTTP/1, end of line included.
    pub(crate) fn line(&self) -> &[u8] {
        &self.line
    }

    /// The seconds since 1970 that a text means, in any of the three forms that must be understood;
    /// `None` if it is none, or is before 1970.
    pub fn read(text: &[u8]) -> Option<u64> {
        let parts = |byte: &u8| matches!(byte, b' ' | b',' | b'-' | b':');
        let mut parts = text.split(parts).filter(|part| !part.is_empty());
        let _weekday = parts.next()?;
        let second = parts.next()?;
        let (year, month, day, time) = match number(second) {
            Some(day) => {
                let (month, year) = (month(parts.next()?)?, parts.next()?);
                let year = match (number(year)?, year.len()) {
                    (short @ 70.., 2) => 1900 + short,
                    (short, 2) => 2000 + short,
                    (long, 4) => long,
                    _ => return None,
                };
                let time = time(&mut parts)?;
                parts.next().filter(|zone| *zone == b"GMT")?;
                (year, month, day, time)
            }
            None => {
                let (month, day) = (month(second)?, number(parts.next()?)?);
                let time = time(&mut parts)?;
                (number(parts.next()?)?, month, day, time)
            }
        };
        if parts.next().is_some() || !(1970..=9999).contains(&year) {
            return None;
        }
        let days = days_before(year, month, day);
        // A day that its month doesn't have would come back as another.
        (date_of(days) == (year, month, day)).then_some(days * 86_400 + time)
    }
}

fn two(number: u64) -> [u8; 2] {
    [b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8]
}

fn number(digits: &[u8]) -> Option<u64> {
    if digits.len() > 4 { None } else { super::text::number(digits) }
}

fn month(name: &[u8]) -> Option<u64> {
    MONTHS.iter().position(|month| *month == name).map(|at| at as u64 + 1)
}

fn time<'a>(parts: &mut impl Iterator<Item = &'a [u8]>) -> Option<u64> {
    let mut part = |max| parts.next().and_then(number).filter(|number| *number <= max);
    let (hours, minutes) = (part(23)?, part(59)?);
    // 60 is a leap second.
    Some(hours * 3600 + minutes * 60 + part(60)?)
}

/// Year, month and day, so many days after the beginning of 1970. Years are counted from March, so
/// that the day that comes and goes is their last.
fn date_of(days: u64) -> (u64, u64, u64) {
    let days = days + TO_1970;
    let (era, day) = (days / ERA, days % ERA);
    let year = (day - day / 1_460 + day / 36_524 - day / (ERA - 1)) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let year = year + 400 * era + u64::from(month >= 10);
    (year, if month < 10 { month + 3 } else { month - 9 }, day)
}

/// Undoes [`date_of`].
fn days_before(year: u64, month: u64, day: u64) -> u64 {
    let year = year - u64::from(month <= 2);
    let month = if month > 2 { month - 3 } else { month + 9 };
    let (era, year) = (year / 400, year % 400);
    let days = 365 * year + year / 4 - year / 100 + (153 * month + 2) / 5 + day;
    (era * ERA + days).saturating_sub(TO_1970 + 1)
}

/// Days in 400 years.
const ERA: u64 = 146_097;
/// Days from the first of March of the year 0 to the beginning of 1970.
const TO_1970: u64 = 719_468;

impl fmt::Display for HttpDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for HttpDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_times_have_known_texts() {
        for (seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (951_868_799, "Tue, 29 Feb 2000 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (SECONDS_MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (u64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(HttpDate::at(seconds).as_str(), text);
            assert_eq!(HttpDate::read(text.as_bytes()), Some(seconds.min(SECONDS_MAX)));
        }
        assert_eq!(HttpDate::at(0).line(), b"date: Thu, 01 Jan 1970 00:00:00 GMT\r\n");
    }

    #[test]
    fn every_day_for_four_centuries_comes_back() {
        for days in 0..=ERA {
            let (year, month, day) = date_of(days);
            assert_eq!(days_before(year, month, day), days);
            assert!((1..=12).contains(&month) && (1..=31).contains(&day));
        }
    }

    #[test]
    fn the_older_forms_are_read_as_well() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(HttpDate::read(text.as_bytes()), Some(784_111_777), "{text}");
        }
        assert_eq!(HttpDate::read(b"Monday, 06-Nov-23 08:49:37 GMT"), Some(1_699_260_577));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "now",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "Sun, 00 Jan 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, 06 Nov 1969 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT and more",
            "Sun, 006 Nov 99999 08:49:37 GMT",
        ] {
            assert_eq!(HttpDate::read(text.as_bytes()), None, "{text}");
        }
    }
}
