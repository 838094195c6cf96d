//! [`Told`]: what clients are told.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::service::rooms::{Epoch, Post};

/// A message to a client.
#[derive(Debug, serde::Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Told<'a> {
    Welcome {
        protocol: u32,
        name: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        room: Option<&'a str>,
        #[serde(serialize_with = "as_some_text", skip_serializing_if = "Option::is_none")]
        epoch: Option<Epoch>,
        #[serde(skip_serializing_if = "Option::is_none")]
        offset: Option<u64>,
        arrival: &'static str,
        now: u64,
        text_max: usize,
    },
    Joined {
        room: &'a str,
        #[serde(serialize_with = "as_text")]
        epoch: Epoch,
        offset: u64,
        arrival: &'static str,
        slow: &'static str,
        users: usize,
        members: usize,
        #[serde(serialize_with = "as_list")]
        names: &'a [Arc<str>],
    },
    Left {
        room: &'a str,
    },
    Post(PostTold<'a>),
    Gap {
        room: &'a str,
        first: u64,
        last: u64,
        why: &'static str,
    },
    Came {
        room: &'a str,
        user: &'a str,
        users: usize,
    },
    Went {
        room: &'a str,
        user: &'a str,
        users: usize,
    },
    Present {
        room: &'a str,
        users: usize,
        members: usize,
        #[serde(serialize_with = "as_list")]
        names: &'a [Arc<str>],
    },
    Ack {
        room: &'a str,
        seq: Option<u64>,
        offset: Option<u64>,
        again: bool,
    },
    History {
        room: &'a str,
        after: u64,
        posts: Vec<PostTold<'a>>,
    },
    Rooms {
        rooms: Vec<RoomTold<'a>>,
        count: usize,
    },
    Kicked {
        room: &'a str,
        why: &'a str,
    },
    Pong {
        id: u64,
        now: u64,
    },
    Error {
        code: &'a str,
        text: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        room: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        seq: Option<u64>,
    },
    Bye {
        why: &'a str,
        retry: u64,
    },
}

/// A post.
#[derive(Debug, serde::Serialize)]
pub(super) struct PostTold<'a> {
    room: &'a str,
    offset: u64,
    from: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    at: u64,
    text: Cow<'a, str>,
}

/// A room in the list of rooms.
#[derive(Debug, serde::Serialize)]
pub(super) struct RoomTold<'a> {
    pub(super) room: &'a str,
    pub(super) users: usize,
}

impl<'a> From<&'a Post> for PostTold<'a> {
    fn from(post: &'a Post) -> Self {
        Self {
            room: &post.room,
            offset: post.offset,
            from: &post.from,
            id: post.id.map(|id| format!("{:08x}-{}", id.tag(), id.sequence)),
            key: post.key.as_deref(),
            at: post.at.as_millis() as u64,
            text: String::from_utf8_lossy(&post.body),
        }
    }
}

impl Told<'_> {
    pub(super) fn to_json(&self) -> String {
        // It has no maps, and no key that is not a string, so it can be expressed.
        serde_json::to_string(self).unwrap_or_default()
    }
}

fn as_text<S: Serializer>(epoch: &Epoch, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(epoch)
}

fn as_some_text<S: Serializer>(epoch: &Option<Epoch>, serializer: S) -> Result<S::Ok, S::Error> {
    epoch.map(|epoch| epoch.to_string()).serialize(serializer)
}

fn as_list<S: Serializer>(names: &[Arc<str>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(names.iter().map(|name| &**name))
}
