//! [`Heard`]: what clients say.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

use crate::service::rooms::{Bookmark, Epoch};

/// A message of a client. What it holds beyond this is passed over.
#[derive(Debug, serde::Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Heard<'a> {
    /// Who it is. The first message.
    Hello {
        #[serde(borrow)]
        name: Option<Cow<'a, str>>,
        key: Option<Written<Secret>>,
        client: Option<Written<Secret>>,
        seen: Option<Seen>,
    },
    Join {
        #[serde(borrow)]
        room: Cow<'a, str>,
        seen: Option<Seen>,
        #[serde(default)]
        latest: usize,
    },
    Leave {
        #[serde(borrow)]
        room: Cow<'a, str>,
    },
    Say {
        #[serde(borrow)]
        room: Cow<'a, str>,
        #[serde(borrow)]
        text: Cow<'a, str>,
        seq: Option<u64>,
        #[serde(borrow)]
        key: Option<Cow<'a, str>>,
    },
    History {
        #[serde(borrow)]
        room: Cow<'a, str>,
        after: u64,
        max: Option<usize>,
    },
    Who {
        #[serde(borrow)]
        room: Cow<'a, str>,
    },
    Rooms,
    Ping {
        #[serde(default)]
        id: u64,
    },
}

impl Heard<'_> {
    /// The room that it is about, and which post.
    pub(super) fn about(&self) -> (Option<&str>, Option<u64>) {
        match self {
            Self::Say { room, seq, .. } => (Some(room), *seq),
            Self::Join { room, .. }
            | Self::Leave { room }
            | Self::History { room, .. }
            | Self::Who { room } => (Some(room), None),
            Self::Hello { .. } | Self::Rooms | Self::Ping { .. } => (None, None),
        }
    }
}

/// How far a client has come in a room.
#[derive(Clone, Copy, Debug, serde::Deserialize)]
pub(super) struct Seen {
    epoch: Written<Epoch>,
    offset: u64,
}

impl From<Seen> for Bookmark {
    fn from(Seen { epoch, offset }: Seen) -> Self {
        Self { epoch: epoch.0, offset }
    }
}

/// 128 bits, as 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Secret(pub(super) u128);

impl FromStr for Secret {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_hex = text.len() == 32 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        let number = u128::from_str_radix(text, 16).ok().filter(|_| is_hex);
        number.map(Self).ok_or("32 hexadecimal digits")
    }
}

/// Something that is written as a string.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written<T>(pub(super) T);

impl<'de, T: FromStr> Deserialize<'de> for Written<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T>(PhantomData<T>);

        impl<T: FromStr> Visitor<'_> for Reader<T> {
            type Value = Written<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string of hexadecimal digits")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Written<T>, E> {
                let parsed = text.parse().map(Written);
                parsed.map_err(|_| E::custom("not the right number of hexadecimal digits"))
            }
        }
        deserializer.deserialize_str(Reader(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(text: &str) -> Result<Heard<'_>, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn messages_are_read_and_what_is_unknown_in_them_is_passed_over() {
        let hello = heard(
            r#"{"name":"ann","type":"hello","key":"000102030405060708090a0b0c0d0e0f","more":[1]}"#,
        );
        let Ok(Heard::Hello { name, key, client: None, seen: None }) = hello else {
            panic!("{hello:?}")
        };
        assert_eq!(name.as_deref(), Some("ann"));
        assert_eq!(key.unwrap().0, Secret(0x0001_0203_0405_0607_0809_0a0b_0c0d_0e0f));
        let join = r#"{"type":"join","room":"a","seen":{"epoch":"00000000000000ff","offset":7}}"#;
        let Ok(Heard::Join { seen: Some(seen), latest: 0, .. }) = heard(join) else { panic!() };
        assert_eq!(Bookmark::from(seen), Bookmark { epoch: Epoch(255), offset: 7 });
        let say = heard(r#"{"type":"say","room":"a","text":"\"\u00e9\"","seq":1}"#);
        let Ok(Heard::Say { text, seq: Some(1), key: None, .. }) = say else { panic!("{say:?}") };
        assert_eq!(text, "\"é\"");
        assert!(matches!(heard(r#"{"type":"rooms"}"#), Ok(Heard::Rooms)));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for wrong in [
            "",
            "1",
            "[]",
            "{}",
            r#"{"type":"shout"}"#,
            r#"{"type":"join"}"#,
            r#"{"type":"join","room":7}"#,
            r#"{"type":"join","room":"a","latest":-1}"#,
            r#"{"type":"join","room":"a","seen":{"epoch":7,"offset":7}}"#,
            r#"{"type":"hello","key":"123"}"#,
            r#"{"type":"hello","key":"+00102030405060708090a0b0c0d0e0f"}"#,
            r#"{"type":"rooms"} "#.repeat(2).as_str(),
        ] {
            assert!(heard(wrong).is_err(), "{wrong}");
        }
    }
}
