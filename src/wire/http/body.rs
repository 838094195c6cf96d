//! [`BodyLength`]: how long the body of a message will be, as its head tells.

/// How long the body of a message will be, as its head tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BodyLength {
    /// There is none.
    #[default]
    Empty,
    /// So many bytes.
    Known(u64),
    /// That is known when it ends.
    Unknown,
}

impl BodyLength {
    /// Whether no byte of a body will come.
    pub fn is_empty(self) -> bool {
        matches!(self, Self::Empty | Self::Known(0))
    }
}
