//! Text is UTF-8, and is checked as it arrives: a peer whose message can't become text any more is
//! told so at once, not when the message has ended (RFC 6455, section 8.1).

use simdutf8::{basic, compat};

use super::error::WebSocketError;

const NOT_TEXT: &str = "text that is not UTF-8";

/// A whole message.
#[inline]
pub(super) fn whole(bytes: &[u8]) -> Result<&str, WebSocketError> {
    basic::from_utf8(bytes).map_err(|_| WebSocketError::invalid(NOT_TEXT))
}

/// Checks the beginning of a message, of which the first `checked` bytes are known to be text.
/// Tells how many are known now: all but a character that may still be completed.
pub(super) fn check(bytes: &[u8], checked: usize) -> Result<usize, WebSocketError> {
    match compat::from_utf8(bytes.get(checked..).unwrap_or_default()) {
        Ok(_) => Ok(bytes.len()),
        Err(error) if error.error_len().is_none() => Ok(checked + error.valid_up_to()),
        Err(_) => Err(WebSocketError::invalid(NOT_TEXT)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_may_come_in_pieces_but_not_one_that_can_be_none() {
        let text = "κόσμε 𝄞".as_bytes();
        let mut checked = 0;
        for end in 0..=text.len() {
            checked = check(&text[..end], checked).unwrap();
            assert!(end - checked < 4);
        }
        assert_eq!(checked, text.len());
        // Each is refused at the first byte that is one too many.
        for (good, bad) in [
            (&b"\xf4"[..], 0x90),
            (b"\xed", 0xa0),
            (b"\xe0", 0x80),
            (b"\xf0", 0x8f),
            (b"\xc3", b'a'),
            (b"", 0xc0),
            (b"", 0xf5),
            (b"abc", 0xff),
        ] {
            let checked = check(good, 0).unwrap();
            assert!(check(&[good, &[bad]].concat(), checked).is_err(), "{good:02x?} {bad:02x}");
        }
    }
}
