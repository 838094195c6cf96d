//! The key of a handshake and the answer to it (RFC 6455, sections 4.1 and 4.2.2), by which the two
//! ends make sure that both mean WebSocket.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// What every server of the protocol knows.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A client's `Sec-WebSocket-Key`, from 16 bytes that nobody can guess.
pub fn request_key(nonce: [u8; 16]) -> String {
    STANDARD.encode(nonce)
}

/// The `Sec-WebSocket-Accept` that answers a key; `None` if that is no key.
pub fn accept_key(key: &[u8]) -> Option<String> {
    let mut nonce = [0; 18];
    let is_key = key.len() == 24 && STANDARD.decode_slice(key, &mut nonce) == Ok(16);
    is_key.then(|| STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc() {
        let accept = accept_key(b"dGhlIHNhbXBsZSBub25jZQ==").unwrap();
        assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(request_key(*b"the sample nonce"), "dGhlIHNhbXBsZSBub25jZQ==");
    }

    #[test]
    fn what_is_not_16_bytes_is_no_key() {
        let long = request_key([7; 16]).replace("==", "Bw==");
        for key in ["", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZ!==", &long] {
            assert_eq!(accept_key(key.as_bytes()), None, "{key}");
        }
    }
}
