//! Places in a room: [`Bookmark`], how far somebody has come, in which [`Epoch`]; [`Since`], where
//! somebody wants to begin; and [`Arrival`], whether that was possible.

use std::fmt;
use std::str::FromStr;

/// One life of a room: offsets of different lives have nothing to do with each other. Drawn by
/// chance when the room comes into being.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch(pub u64);

/// 16 hexadecimal digits: more than numbers in JSON can be trusted with.
impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for Epoch {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

/// How far somebody has come in a room: everything up to this offset they have, or know that they
/// missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bookmark {
    /// Of which life of the room.
    pub epoch: Epoch,
    /// The last offset that they know of; 0 before the first.
    pub offset: u64,
}

/// Where a member wants to begin.
#[derive(Clone, Copy, Debug, Default)]
pub struct Since {
    /// After this, if it can be told how it goes on from there.
    pub bookmark: Option<Bookmark>,
    /// Otherwise, with so many of the latest posts.
    pub latest: usize,
}

/// How a member came into a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It brought no bookmark.
    New,
    /// It goes on after its bookmark. What has left the history since then, it is told as a gap.
    Resumed,
    /// Its bookmark is of another life of the room, or of a place that was never reached: it begins
    /// anew, and nobody can tell what it missed.
    Lost,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_is_written_in_sixteen_digits() {
        let epoch = Epoch(0xfedc_0000_0000_0001);
        assert_eq!(epoch.to_string(), "fedc000000000001");
        assert_eq!("fedc000000000001".parse(), Ok(epoch));
        assert!("fedc00000000000100".parse::<Epoch>().is_err());
    }
}
