//! [`Refused`]: why something was not done.

use std::fmt;

/// Why something was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Not a name.
    Name,
    /// Another user has this name.
    NameTaken,
    /// `RoomLimits::users`.
    Users,
    /// `RoomLimits::devices_per_user`.
    Devices,
    /// `RoomLimits::rooms`.
    Rooms,
    /// `RoomLimits::members_per_room`.
    RoomFull,
    /// `RoomLimits::rooms_per_member`.
    RoomsPerMember,
    /// The room was joined already.
    Already,
    /// The member is not in this room, or there is no such room.
    NotThere,
    /// `RoomLimits::body_max` or `RoomLimits::key_max`.
    TooLarge,
}

impl Refused {
    /// A stable name, for protocols.
    pub fn name(self) -> &'static str {
        match self {
            Self::Name => "bad_name",
            Self::NameTaken => "name_taken",
            Self::Users => "too_many_users",
            Self::Devices => "too_many_devices",
            Self::Rooms => "too_many_rooms",
            Self::RoomFull => "room_full",
            Self::RoomsPerMember => "too_many_rooms_joined",
            Self::Already => "joined_already",
            Self::NotThere => "not_in_room",
            Self::TooLarge => "too_large",
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "a name is a few letters, digits, - or _",
            Self::NameTaken => "that name is taken",
            Self::Users => "there are too many people already",
            Self::Devices => "you are connected too often already",
            Self::Rooms => "there are too many rooms already",
            Self::RoomFull => "that room is full",
            Self::RoomsPerMember => "you are in too many rooms already",
            Self::Already => "you are in that room already",
            Self::NotThere => "you are not in that room",
            Self::TooLarge => "that is too long",
        })
    }
}

impl std::error::Error for Refused {}
