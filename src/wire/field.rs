//! [`Width`] and [`Endian`]: how a number is written in the header of a frame.

use super::WireError;

/// How many bytes a number takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// One byte.
    U8,
    /// Two bytes.
    U16,
    /// Three bytes.
    U24,
    /// Four bytes.
    U32,
    /// Eight bytes.
    U64,
    /// One to ten bytes of seven bits each, the lowest first; all but the last have their highest
    /// bit set. LEB128, as Protobuf writes an unsigned `varint`. It has no byte order to choose.
    ///
    /// ```text
    /// 300 = 0b10_0101100:   1010_1100  0000_0010
    ///                       └ more     └ last
    /// ```
    Varint,
}

/// Which byte of a number comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Endian {
    /// The highest: network byte order.
    #[default]
    Big,
    /// The lowest.
    Little,
}

/// The longest number: 64 bits, seven a byte.
const VARINT_MAX: usize = 10;

/// A number as it is sent.
#[derive(Clone, Copy, Default)]
pub(super) struct Field {
    bytes: [u8; VARINT_MAX],
    len: usize,
}

impl Field {
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// `None` if there is no more room, which the widths leave no way to.
    fn push(mut self, byte: u8) -> Option<Self> {
        *self.bytes.get_mut(self.len)? = byte;
        self.len += 1;
        Some(self)
    }
}

impl Width {
    /// How many bytes a number takes, unless that depends on the number.
    pub(super) const fn fixed(self) -> Option<usize> {
        match self {
            Self::U8 => Some(1),
            Self::U16 => Some(2),
            Self::U24 => Some(3),
            Self::U32 => Some(4),
            Self::U64 => Some(8),
            Self::Varint => None,
        }
    }

    /// The number that lies `offset` bytes into `input`, and how many bytes it takes; `None` until
    /// all of them have come.
    ///
    /// # Errors
    /// It is a varint of more than 64 bits.
    pub(super) fn read(
        self,
        endian: Endian,
        input: &[u8],
        offset: usize,
    ) -> Result<Option<(u64, usize)>, WireError> {
        let Some(bytes) = input.get(offset..) else { return Ok(None) };
        let Some(size) = self.fixed() else { return read_varint(bytes, offset) };
        let Some(bytes) = bytes.get(..size) else { return Ok(None) };
        let shift = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        let number = match endian {
            Endian::Big => bytes.iter().fold(0, shift),
            Endian::Little => bytes.iter().rev().fold(0, shift),
        };
        Ok(Some((number, size)))
    }

    /// `number` as it is sent; `None` if it is too large for this width.
    pub(super) fn write(self, endian: Endian, number: u64) -> Option<Field> {
        let Some(size) = self.fixed() else { return write_varint(number) };
        let unused = 64 - 8 * size as u32;
        if number.leading_zeros() < unused {
            return None;
        }
        let place = |index: usize| match endian {
            Endian::Big => size - 1 - index,
            Endian::Little => index,
        };
        let byte = |index| (number >> (8 * place(index))) as u8;
        (0..size).map(byte).try_fold(Field::default(), Field::push)
    }
}

fn read_varint(bytes: &[u8], offset: usize) -> Result<Option<(u64, usize)>, WireError> {
    let mut number = 0;
    for (index, byte) in bytes.iter().take(VARINT_MAX).enumerate() {
        // Nine bytes hold 63 bits, so the tenth has room for one.
        if index == VARINT_MAX - 1 && *byte > 1 {
            break;
        }
        number |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(Some((number, index + 1)));
        }
    }
    match bytes.len() < VARINT_MAX {
        true => Ok(None),
        false => Err(WireError::malformed("a varint of more than 64 bits", offset)),
    }
}

fn write_varint(mut number: u64) -> Option<Field> {
    let mut field = Field::default();
    while number > 0x7f {
        field = field.push(number as u8 | 0x80)?;
        number >>= 7;
    }
    field.push(number as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTHS: [Width; 6] =
        [Width::U8, Width::U16, Width::U24, Width::U32, Width::U64, Width::Varint];

    #[test]
    fn numbers_are_written_as_the_table_says() {
        let table: &[(Width, Endian, u64, &[u8])] = &[
            (Width::U8, Endian::Big, 0xff, &[0xff]),
            (Width::U16, Endian::Big, 0x0102, &[1, 2]),
            (Width::U16, Endian::Little, 0x0102, &[2, 1]),
            (Width::U24, Endian::Big, 0x01_0203, &[1, 2, 3]),
            (Width::U24, Endian::Little, 0x01_0203, &[3, 2, 1]),
            (Width::U32, Endian::Big, 0x0102_0304, &[1, 2, 3, 4]),
            (Width::U64, Endian::Little, 0x0102_0304_0506_0708, &[8, 7, 6, 5, 4, 3, 2, 1]),
            // The examples of Protobuf's "Encoding" page, and the ends of each length.
            (Width::Varint, Endian::Big, 0, &[0]),
            (Width::Varint, Endian::Big, 1, &[1]),
            (Width::Varint, Endian::Little, 150, &[0x96, 0x01]),
            (Width::Varint, Endian::Big, 127, &[0x7f]),
            (Width::Varint, Endian::Big, 128, &[0x80, 0x01]),
            (
                Width::Varint,
                Endian::Big,
                1 << 63,
                &[128, 128, 128, 128, 128, 128, 128, 128, 128, 1],
            ),
        ];
        for (width, endian, number, bytes) in table {
            assert_eq!(width.write(*endian, *number).unwrap().bytes(), *bytes);
            assert_eq!(width.read(*endian, bytes, 0), Ok(Some((*number, bytes.len()))));
            let shifted = [b"??", *bytes, b"?"].concat();
            assert_eq!(width.read(*endian, &shifted, 2), Ok(Some((*number, bytes.len()))));
        }
    }

    #[test]
    fn the_largest_number_fits_and_the_next_does_not() {
        for width in WIDTHS {
            let bits = 8 * width.fixed().unwrap_or(8) as u32;
            let max = u64::MAX >> (64 - bits);
            let field = width.write(Endian::Big, max).unwrap();
            assert_eq!(width.read(Endian::Big, field.bytes(), 0).unwrap().unwrap().0, max);
            if bits < 64 {
                assert!(width.write(Endian::Big, max + 1).is_none(), "{width:?}");
            }
        }
    }

    #[test]
    fn a_part_of_a_number_is_none() {
        for width in WIDTHS {
            let field = width.write(Endian::Big, 200).unwrap();
            for size in 0..field.len {
                assert_eq!(width.read(Endian::Big, &field.bytes()[..size], 0), Ok(None));
            }
            assert_eq!(width.read(Endian::Big, b"abc", 4), Ok(None));
        }
    }

    #[test]
    fn a_varint_that_is_too_long_is_refused_at_its_tenth_byte() {
        let error = WireError::malformed("a varint of more than 64 bits", 2);
        for tenth in [2, 0x80, 0xff] {
            let bytes = [&[0; 2][..], &[0x80; 9], &[tenth]].concat();
            assert_eq!(Width::Varint.read(Endian::Big, &bytes[..11], 2), Ok(None));
            assert_eq!(Width::Varint.read(Endian::Big, &bytes, 2), Err(error));
        }
        // Longer than it need be, but no larger: as Protobuf, this is let pass.
        assert_eq!(Width::Varint.read(Endian::Big, &[0x80, 0x80, 0], 0), Ok(Some((0, 3))));
    }
}
