//! What a close frame carries: a code and a reason (RFC 6455, section 5.5.1), and in the reason
//! maybe a hint when to come back.

use std::time::Duration;

use super::code::CloseCode;
use super::error::WebSocketError;
use super::header::CONTROL_MAX;

/// What a close frame carries: nothing, or a code and a reason.
pub(super) fn read(payload: &[u8]) -> Result<(CloseCode, &str), WebSocketError> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return match payload {
            [] => Ok((CloseCode::NO_STATUS, "")),
            _ => Err(WebSocketError::protocol("half a close code")),
        };
    };
    let code = CloseCode(u16::from_be_bytes(*code));
    if !code.is_sendable() {
        return Err(WebSocketError::protocol("a close code that must not be sent"));
    }
    match std::str::from_utf8(reason) {
        Ok(reason) => Ok((code, reason)),
        Err(_) => Err(WebSocketError::invalid("a close reason that is not UTF-8")),
    }
}

/// The payload of a close frame, built in place.
pub(super) struct ClosePayload {
    bytes: [u8; CONTROL_MAX],
    len: usize,
}

impl ClosePayload {
    /// As much of `reason` as fits, cut between two characters. A code that must not be sent
    /// becomes no code at all.
    pub(super) fn new(code: CloseCode, reason: &str) -> Self {
        let mut payload = Self { bytes: [0; CONTROL_MAX], len: 0 };
        if code.is_sendable() {
            let fits = |end: &usize| reason.is_char_boundary(*end);
            let end = (0..=reason.len().min(CONTROL_MAX - 2)).rev().find(fits).unwrap_or(0);
            payload.put(&code.0.to_be_bytes());
            payload.put(reason.get(..end).unwrap_or_default().as_bytes());
        }
        payload
    }

    fn put(&mut self, bytes: &[u8]) {
        let end = self.len + bytes.len();
        if let Some(room) = self.bytes.get_mut(self.len..end) {
            room.copy_from_slice(bytes);
            self.len = end;
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// What stands before the number in a reason with a hint.
const HINT: &str = "retry-after-ms=";

/// A close reason that asks to come back after `wait`: `server restarts; retry-after-ms=1500`. The
/// RFC knows no such hint; this is how overt writes and reads it.
pub fn reason_with_retry(what: &str, wait: Duration) -> String {
    format!("{what}; {HINT}{}", wait.as_millis())
}

/// The hint in a close reason, if there is one. At most an hour: a peer has no say beyond that.
pub fn retry_after(reason: &str) -> Option<Duration> {
    const MAX: Duration = Duration::from_secs(3600);
    let (_, rest) = reason.split_once(HINT)?;
    let digits = rest.find(|char: char| !char.is_ascii_digit()).unwrap_or(rest.len());
    let number = rest.get(..digits)?.parse().ok()?;
    Some(Duration::from_millis(number).min(MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_must_not_be_sent_are_refused_and_not_sent() {
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, u16::MAX] {
            assert!(read(&code.to_be_bytes()).is_err(), "{code}");
            assert!(ClosePayload::new(CloseCode(code), "why").bytes().is_empty(), "{code}");
        }
        for code in [1000, 1003, 1007, 1011, 1012, 1014, 3000, 3999, 4000, 4999] {
            let payload = ClosePayload::new(CloseCode(code), "why");
            assert_eq!(read(payload.bytes()), Ok((CloseCode(code), "why")));
        }
        assert_eq!(read(b""), Ok((CloseCode::NO_STATUS, "")));
        assert!(read(b"\x03").is_err());
        assert_eq!(read(b"\x03\xe8\xff").unwrap_err().code, CloseCode::INVALID_DATA);
    }

    #[test]
    fn a_long_reason_is_cut_between_two_characters() {
        let reason = "ä".repeat(100);
        let payload = ClosePayload::new(CloseCode::NORMAL, &reason);
        let (_, cut) = read(payload.bytes()).unwrap();
        assert_eq!(cut, "ä".repeat(61));
    }

    #[test]
    fn a_hint_comes_back_and_is_bounded() {
        let wait = Duration::from_millis(1500);
        assert_eq!(retry_after(&reason_with_retry("restart", wait)), Some(wait));
        assert_eq!(retry_after("retry-after-ms=7, please"), Some(Duration::from_millis(7)));
        assert_eq!(retry_after("retry-after-ms=99999999999"), Some(Duration::from_secs(3600)));
        for none in ["", "later", "retry-after-ms=", "retry-after-ms=99999999999999999999999"] {
            assert_eq!(retry_after(none), None, "{none}");
        }
    }
}
