//! [`WireError`]: what was wrong with a frame, and where.

use std::fmt;

/// What was wrong with a frame, and where. 24 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireError {
    /// What was wrong.
    pub cause: WireCause,
    /// Where: how many bytes after the first of the frame.
    pub offset: u32,
}

/// What was wrong with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireCause {
    /// It is longer than allowed.
    TooLarge {
        /// How long it is, in bytes, as far as that is known; `u32::MAX` stands for more.
        size: u32,
        /// How long it may be.
        max: u32,
    },
    /// It is not what the protocol says.
    Malformed(&'static str),
}

impl WireError {
    /// A frame of `size` bytes where `max` are allowed, as was seen at `offset`.
    #[cold]
    pub fn too_large(size: u64, max: u64, offset: usize) -> Self {
        let clamp = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let cause = WireCause::TooLarge { size: clamp(size), max: clamp(max) };
        Self { cause, offset: clamp(offset as u64) }
    }

    /// A frame that is not what the protocol says, as was seen at `offset`.
    #[cold]
    pub fn malformed(what: &'static str, offset: usize) -> Self {
        let offset = u32::try_from(offset).unwrap_or(u32::MAX);
        Self { cause: WireCause::Malformed(what), offset }
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cause {
            WireCause::TooLarge { size, max } => {
                write!(f, "a frame of {size} bytes where {max} are allowed")?;
            }
            WireCause::Malformed(what) => f.write_str(what)?,
        }
        write!(f, ", at byte {}", self.offset)
    }
}

impl std::error::Error for WireError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_small_and_says_what_and_where() {
        assert_eq!(size_of::<WireError>(), 24);
        let error = WireError::too_large(1 << 40, 100, 4);
        assert_eq!(
            error.to_string(),
            "a frame of 4294967295 bytes where 100 are allowed, at byte 4"
        );
        assert_eq!(WireError::malformed("bad tag", 7).to_string(), "bad tag, at byte 7");
    }
}
