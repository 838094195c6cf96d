//! What rooms allow: [`RoomLimits`] for all of them, [`RoomSettings`] for each, and [`Slow`], what
//! becomes of members that don't keep up.

use std::time::Duration;

/// What the rooms of a server allow.
#[derive(Clone, Debug)]
pub struct RoomLimits {
    /// Characters of the name of a user or room. 32.
    pub name_max: usize,
    /// Rooms that exist at the same time. Beyond it the one that was empty for longest goes early;
    /// if none is empty, nobody can make another. 1,000.
    pub rooms: usize,
    /// Users whose names are taken at the same time, each with a room of their own. 65,536.
    pub users: usize,
    /// Members of one room, which are connections: each post costs as many deliveries. 10,000.
    pub members_per_room: usize,
    /// Rooms that one connection may be in. 32.
    pub rooms_per_member: usize,
    /// Connections of one user. 16.
    pub devices_per_user: usize,
    /// Bytes of the body of a post. 16 KiB.
    pub body_max: usize,
    /// Bytes of a post's key. 64.
    pub key_max: usize,
    /// Publishers that a room remembers, to tell a post that is sent again from a new one; beyond
    /// it the one that has published nothing for longest is forgotten. About 80 bytes each. 1,024.
    pub publishers: usize,
    /// A room with more users than this tells how many they are, but not who comes and goes: that
    /// would cost as many deliveries for each of them. 100.
    pub names_told: usize,
    /// How long a room, and the name of a user, is kept when the last connection has left it, so
    /// that whoever lost theirs can come back to it. 5 min.
    pub linger: Duration,
    /// Bytes that the histories of all rooms may hold together; a room that would make it more
    /// gives up its own oldest posts. 256 MiB.
    pub history_bytes: usize,
    /// How rooms are that come into being when somebody joins them.
    pub room: RoomSettings,
    /// How the rooms of users are, which hold what was sent to all connections of one.
    pub user: RoomSettings,
}

impl Default for RoomLimits {
    fn default() -> Self {
        Self {
            name_max: 32,
            rooms: 1000,
            users: 65_536,
            members_per_room: 10_000,
            rooms_per_member: 32,
            devices_per_user: 16,
            body_max: 16 << 10,
            key_max: 64,
            publishers: 1024,
            names_told: 100,
            linger: Duration::from_secs(300),
            history_bytes: 256 << 20,
            room: RoomSettings::default(),
            user: RoomSettings { history: 64, ..RoomSettings::default() },
        }
    }
}

/// How one room is.
#[derive(Clone, Debug)]
pub struct RoomSettings {
    /// What becomes of members that don't keep up. [`Slow::DropOldest`] unless set.
    pub slow: Slow,
    /// Posts that are kept for those who come back, or come late. 256.
    pub history: usize,
    /// Bytes that they may hold, at a few times the size of their bodies: a post is kept in the
    /// encodings of all protocols that it was told in. 256 KiB.
    pub history_bytes: usize,
}

impl Default for RoomSettings {
    fn default() -> Self {
        Self { slow: Slow::DropOldest, history: 256, history_bytes: 256 << 10 }
    }
}

/// What becomes of a member whose output is congested when something is posted. Whatever it is, the
/// others don't wait for it, and whatever it misses, it is told so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slow {
    /// It misses what is posted until it has taken what waits for it.
    DropNewest,
    /// It goes on where it was, as far as the history reaches: what has left the history, it
    /// misses.
    DropOldest,
    /// Of posts with the same key only the latest counts: in the history it takes the place of the
    /// one before, and whoever goes on where it was misses those that were superseded. Posts
    /// without a key are as with [`DropOldest`](Self::DropOldest).
    KeepLatest,
    /// Its connection is closed, as `Close::Over(Bound::Output)`.
    Close,
}

impl Slow {
    /// A stable name, for protocols and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::DropNewest => "drop_newest",
            Self::DropOldest => "drop_oldest",
            Self::KeepLatest => "keep_latest",
            Self::Close => "close",
        }
    }
}
