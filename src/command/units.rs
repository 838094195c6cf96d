//! Times and sizes as people write them: `30s`, `500ms`; `64K`, `8M`.

use std::str::FromStr;
use std::time::Duration;

/// Nanoseconds.
const TIMES: [(&str, u64); 6] = [
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

const SIZES: [(&str, u64); 4] = [("", 1), ("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30)];

/// Reads a time. A number alone is none: seconds and milliseconds are too easily confused.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    let wrong =
        || format!("write a whole number with its unit, as in {}", "500ms, 30s, 5m, 2h, 1d");
    scaled(text, &TIMES).map(Duration::from_nanos).ok_or_else(wrong)
}

/// Reads a size in bytes; `K`, `M` and `G` are powers of 1,024.
pub(super) fn size(text: &str) -> Result<usize, String> {
    let number = scaled(text, &SIZES).and_then(|size| usize::try_from(size).ok());
    number.ok_or_else(|| "write a whole number of bytes, or as in 64K, 8M, 1G".into())
}

/// Reads the size of a frame, which is told by four bytes.
pub(super) fn length(text: &str) -> Result<u32, String> {
    u32::try_from(size(text)?).map_err(|_| format!("a frame has at most {} bytes", u32::MAX))
}

/// Reads a whole number.
pub(super) fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| "write a whole number that is not negative, and not too large".into())
}

fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let (_, scale) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_need_a_unit() {
        for (text, millis) in
            [("500ms", 500), ("30s", 30_000), ("0s", 0), ("5m", 300_000), ("1d", 86_400_000)]
        {
            assert_eq!(time(text), Ok(Duration::from_millis(millis)));
        }
        assert_eq!(time("50us"), Ok(Duration::from_micros(50)));
        for wrong in
            ["", "30", "s", "1.5s", "-1s", "1 s", "1w", "99999999999999999999s", "999999999d"]
        {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_powers_of_1024() {
        for (text, bytes) in
            [("0", 0), ("1000", 1000), ("64K", 65_536), ("8M", 8 << 20), ("1G", 1 << 30)]
        {
            assert_eq!(size(text), Ok(bytes));
        }
        for wrong in ["", "K", "1k", "1KB", "1.5M", "-1", "99999999999G"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
