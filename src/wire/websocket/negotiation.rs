//! Agreeing on permessage-deflate (RFC 7692, section 7.1): [`Deflate`], what one end wants, and
//! [`Terms`], what both have agreed on.

use std::fmt::Write;

use super::extension::{Extension, extensions};

const NAME: &str = "permessage-deflate";
const SERVER_NO_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_BITS: &str = "server_max_window_bits";
const CLIENT_BITS: &str = "client_max_window_bits";

/// How one end of a WebSocket wants to compress, and how the other is to.
///
/// Context takeover makes short messages of one connection smaller, as each refers to those before
/// it; but it costs a compressor of some 300 KiB and a decompressor of some 50 KiB for each
/// connection, and what is sent to many must be compressed for each. So it is off by default: a
/// loop has one of each for all of its connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deflate {
    /// Whether our messages may refer to those before them. `false`.
    pub takeover: bool,
    /// Whether the peer's may. `false`.
    pub peer_takeover: bool,
    /// How far back ours may refer: two to the power of 9 to 15 bytes. 15.
    pub window_bits: u8,
    /// How far back the peer's may refer, if the peer lets us choose. 15.
    pub peer_window_bits: u8,
    /// From 1, fast, to 9, small. 1.
    pub level: u8,
    /// Shorter messages are sent as they are, in bytes: compressing costs more than they. 256.
    pub min: usize,
}

impl Default for Deflate {
    fn default() -> Self {
        Self {
            takeover: false,
            peer_takeover: false,
            window_bits: 15,
            peer_window_bits: 15,
            level: 1,
            min: 256,
        }
    }
}

/// What both ends have agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Whether our messages may refer to those before them.
    pub takeover: bool,
    /// Whether the peer's may.
    pub peer_takeover: bool,
    /// How far back ours may refer: 2^8 to 2^15 bytes. With 8, which our compressor can't do, our
    /// messages are sent as they are.
    pub window_bits: u8,
    /// How far back the peer's may refer.
    pub peer_window_bits: u8,
}

/// The four parameters, as they stand in an offer or an answer.
#[derive(Debug, Default, PartialEq, Eq)]
struct Parameters {
    server_no_takeover: bool,
    client_no_takeover: bool,
    server_bits: Option<u8>,
    /// In an offer without a value: any.
    client_bits: Option<Option<u8>>,
}

impl Deflate {
    /// The answer of a server to what a client offers in its `Sec-WebSocket-Extensions` headers,
    /// and what is agreed on by it; `None` if nothing suitable is offered.
    ///
    /// # Errors
    /// A header is not a list of extensions.
    pub fn accept<'a>(
        &self,
        offers: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Option<(Terms, String)>, &'static str> {
        for header in offers {
            let offers = extensions(header).ok_or("malformed Sec-WebSocket-Extensions")?;
            let mut suitable = offers.iter().filter(|offer| is_deflate(offer));
            if let Some(offer) = suitable.find_map(Parameters::read) {
                return Ok(Some(self.answer(&offer)));
            }
        }
        Ok(None)
    }

    /// An offer can always be met: with less than is offered, and with no compression of ours.
    fn answer(&self, offer: &Parameters) -> (Terms, String) {
        let terms = Terms {
            takeover: self.takeover && !offer.server_no_takeover,
            peer_takeover: self.peer_takeover && !offer.client_no_takeover,
            window_bits: self.window_bits.min(offer.server_bits.unwrap_or(15)),
            peer_window_bits: match offer.client_bits {
                // A client that says nothing of its window has not offered to make it smaller.
                None => 15,
                Some(hint) => self.peer_window_bits.min(hint.unwrap_or(15)),
            },
        };
        let answer = Parameters {
            server_no_takeover: !terms.takeover,
            client_no_takeover: !terms.peer_takeover,
            server_bits: Some(terms.window_bits)
                .filter(|bits| offer.server_bits.is_some() || *bits < 15),
            client_bits: Some(Some(terms.peer_window_bits))
                .filter(|_| terms.peer_window_bits < 15 && offer.client_bits.is_some()),
        };
        (terms, answer.write())
    }

    /// What a client offers, as the value of a `Sec-WebSocket-Extensions` header.
    pub fn offer(&self) -> String {
        let offer = Parameters {
            server_no_takeover: !self.peer_takeover,
            client_no_takeover: !self.takeover,
            server_bits: Some(self.peer_window_bits).filter(|bits| *bits < 15),
            client_bits: Some(Some(self.window_bits).filter(|bits| *bits < 15)),
        };
        offer.write()
    }

    /// What a client has agreed on with a server that answers its [`offer`](Self::offer) so.
    ///
    /// # Errors
    /// The answer is malformed, or names what was not offered.
    pub fn agree<'a>(
        &self,
        answers: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Option<Terms>, &'static str> {
        let mut agreed = None;
        for header in answers {
            for answer in &extensions(header).ok_or("malformed Sec-WebSocket-Extensions")? {
                if !is_deflate(answer) || agreed.is_some() {
                    return Err("the server uses an extension that was not offered");
                }
                agreed = Some(self.agree_to(answer)?);
            }
        }
        Ok(agreed)
    }

    fn agree_to(&self, answer: &Extension<'_>) -> Result<Terms, &'static str> {
        let unusable = "the server answers permessage-deflate with what was not offered";
        let answer = Parameters::read(answer).ok_or(unusable)?;
        let bits = answer.server_bits.unwrap_or(15);
        let own = match answer.client_bits {
            None => self.window_bits,
            Some(bits) => bits.ok_or(unusable)?.min(self.window_bits),
        };
        let takes_over = self.peer_takeover && !answer.server_no_takeover;
        if bits > self.peer_window_bits || !answer.server_no_takeover && !takes_over {
            return Err(unusable);
        }
        Ok(Terms {
            takeover: self.takeover && !answer.client_no_takeover,
            peer_takeover: takes_over,
            window_bits: own,
            peer_window_bits: bits,
        })
    }
}

fn is_deflate(extension: &Extension<'_>) -> bool {
    extension.name.eq_ignore_ascii_case(NAME)
}

impl Parameters {
    /// `None` if a parameter is unknown, comes twice, or has a value that it can't have.
    fn read(extension: &Extension<'_>) -> Option<Self> {
        let mut found = Self::default();
        for (name, value) in &extension.parameters {
            let is_new = match (*name, *value) {
                (SERVER_NO_TAKEOVER, None) => {
                    !std::mem::replace(&mut found.server_no_takeover, true)
                }
                (CLIENT_NO_TAKEOVER, None) => {
                    !std::mem::replace(&mut found.client_no_takeover, true)
                }
                (SERVER_BITS, Some(value)) => found.server_bits.replace(bits(value)?).is_none(),
                (CLIENT_BITS, None) => found.client_bits.replace(None).is_none(),
                (CLIENT_BITS, Some(value)) => {
                    found.client_bits.replace(Some(bits(value)?)).is_none()
                }
                _ => false,
            };
            if !is_new {
                return None;
            }
        }
        Some(found)
    }

    fn write(&self) -> String {
        let mut text = NAME.to_owned();
        let mut put = |set: bool, name: &str, value: Option<u8>| {
            // Writing to a string can't fail.
            let _ = match value {
                Some(value) if set => write!(text, "; {name}={value}"),
                _ if set => write!(text, "; {name}"),
                _ => Ok(()),
            };
        };
        put(self.server_no_takeover, SERVER_NO_TAKEOVER, None);
        put(self.client_no_takeover, CLIENT_NO_TAKEOVER, None);
        put(self.server_bits.is_some(), SERVER_BITS, self.server_bits);
        put(self.client_bits.is_some(), CLIENT_BITS, self.client_bits.flatten());
        text
    }
}

/// 8 to 15, without leading zeros.
fn bits(value: &str) -> Option<u8> {
    let digits = value.bytes().all(|byte| byte.is_ascii_digit()) && !value.starts_with('0');
    value.parse().ok().filter(|bits| digits && (8..=15).contains(bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(options: &Deflate, offer: &str) -> Option<(Terms, String)> {
        options.accept([offer.as_bytes()]).unwrap()
    }

    const GENEROUS: Deflate = Deflate {
        takeover: true,
        peer_takeover: true,
        window_bits: 15,
        peer_window_bits: 15,
        level: 1,
        min: 0,
    };

    #[test]
    fn by_default_nothing_is_taken_over() {
        let offer = "permessage-deflate; client_max_window_bits";
        let (terms, answer) = accept(&Deflate::default(), offer).unwrap();
        assert!(!terms.takeover && !terms.peer_takeover);
        assert_eq!((terms.window_bits, terms.peer_window_bits), (15, 15));
        let want = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
        assert_eq!(answer, want);
    }

    #[test]
    fn a_server_keeps_to_what_is_offered() {
        let offer = "permessage-deflate; server_max_window_bits=10; server_no_context_takeover";
        let (terms, answer) = accept(&GENEROUS, offer).unwrap();
        assert_eq!((terms.takeover, terms.peer_takeover), (false, true));
        assert_eq!((terms.window_bits, terms.peer_window_bits), (10, 15));
        assert!(answer.ends_with("server_no_context_takeover; server_max_window_bits=10"));
        // Who doesn't offer to make its window smaller is not asked to.
        let small = Deflate { peer_window_bits: 9, ..GENEROUS };
        let (terms, answer) = accept(&small, "permessage-deflate").unwrap();
        assert_eq!((terms.peer_window_bits, &*answer), (15, "permessage-deflate"));
        let (terms, answer) = accept(&small, "permessage-deflate; client_max_window_bits").unwrap();
        assert_eq!(terms.peer_window_bits, 9);
        assert_eq!(answer, "permessage-deflate; client_max_window_bits=9");
    }

    #[test]
    fn the_first_suitable_offer_is_taken_and_broken_ones_are_passed_over() {
        let offers = [
            "x-other",
            "permessage-deflate; y",
            "permessage-deflate; server_max_window_bits=7",
            "permessage-deflate; server_max_window_bits",
            "permessage-deflate; client_no_context_takeover=1",
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
            "permessage-deflate; client_max_window_bits=010",
            "permessage-deflate; client_max_window_bits=\"9\"",
        ];
        let (terms, answer) = accept(&GENEROUS, &offers.join(",")).unwrap();
        assert_eq!(terms.peer_window_bits, 9);
        assert_eq!(answer, "permessage-deflate; client_max_window_bits=9");
        assert_eq!(accept(&GENEROUS, "x-other; a=b"), None);
        assert!(GENEROUS.accept([&b"permessage-deflate;;"[..]]).is_err());
    }

    #[test]
    fn both_ends_agree_whatever_they_want() {
        let bits = [9, 12, 15];
        let wanted = |number: usize| Deflate {
            takeover: number & 1 != 0,
            peer_takeover: number & 2 != 0,
            window_bits: bits[number / 4 % 3],
            peer_window_bits: bits[number / 12 % 3],
            ..GENEROUS
        };
        for (client, server) in (0..36).flat_map(|one| (0..36).map(move |other| (one, other))) {
            let (client, server) = (wanted(client), wanted(server));
            let offer = client.offer();
            let (theirs, answer) = accept(&server, &offer).unwrap();
            let ours = client.agree([answer.as_bytes()]).unwrap().unwrap();
            let crossed = Terms {
                takeover: theirs.peer_takeover,
                peer_takeover: theirs.takeover,
                window_bits: theirs.peer_window_bits,
                peer_window_bits: theirs.window_bits,
            };
            assert_eq!(ours, crossed, "{offer} and {answer}");
        }
    }

    #[test]
    fn a_client_refuses_what_it_did_not_offer() {
        let client = Deflate { peer_window_bits: 12, ..Deflate::default() };
        for answer in [
            "x-other",
            "permessage-deflate",
            "permessage-deflate; server_no_context_takeover",
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=13",
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=12; \
             client_max_window_bits",
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=12, \
             permessage-deflate; server_no_context_takeover; server_max_window_bits=12",
        ] {
            assert!(client.agree([answer.as_bytes()]).is_err(), "{answer}");
        }
        assert_eq!(client.agree([]), Ok(None));
        let answer = b"permessage-deflate; server_no_context_takeover; server_max_window_bits=8";
        assert_eq!(client.agree([&answer[..]]).unwrap().unwrap().peer_window_bits, 8);
    }
}
