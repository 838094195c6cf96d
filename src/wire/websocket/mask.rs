//! [`Mask`]: the four bytes that a client's payload is combined with (RFC 6455, section 5.3).

/// The masking key of one frame, as far as it has been used.
///
/// A key that an attacker can't guess keeps a script in a browser from choosing the bytes on the
/// wire, and so from fooling proxies that take them for HTTP. It hides nothing from anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mask([u8; 4]);

/// Beyond this many bytes, wide steps are worth their beginning.
const WIDE_MIN: usize = 128;

impl Mask {
    /// A mask with this key.
    pub const fn new(key: [u8; 4]) -> Self {
        Self(key)
    }

    /// The key that the next byte begins with.
    pub(super) const fn key(self) -> [u8; 4] {
        self.0
    }

    /// Masks or unmasks the next bytes of the payload: the same, as it is an exclusive or.
    #[inline]
    pub fn apply(&mut self, bytes: &mut [u8]) {
        let key = self.0;
        self.0.rotate_left(bytes.len() % 4);
        let rest = if bytes.len() > WIDE_MIN { by_wide_steps(key, bytes) } else { bytes };
        let word = u64::from(u32::from_ne_bytes(key)) * 0x1_0000_0001;
        let (steps, rest) = rest.as_chunks_mut();
        for step in steps {
            *step = (u64::from_ne_bytes(*step) ^ word).to_ne_bytes();
        }
        rest.iter_mut().zip(word.to_ne_bytes()).for_each(|(byte, key)| *byte ^= key);
    }
}

/// Compiled to vector instructions, as the size of a step is known. Gives what is left.
fn by_wide_steps(key: [u8; 4], bytes: &mut [u8]) -> &mut [u8] {
    const WIDTH: usize = 32;
    let mut keys = [0; WIDTH];
    keys.iter_mut().zip(key.iter().cycle()).for_each(|(to, from)| *to = *from);
    let (steps, rest) = bytes.as_chunks_mut::<WIDTH>();
    for step in steps {
        step.iter_mut().zip(keys).for_each(|(byte, key)| *byte ^= key);
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn byte_by_byte(key: [u8; 4], bytes: &[u8]) -> Vec<u8> {
        bytes.iter().enumerate().map(|(at, byte)| byte ^ key[at % 4]).collect()
    }

    #[test]
    fn whatever_the_length_and_the_cut_each_byte_meets_its_own() {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        let bytes: Vec<u8> = (0..300u32).map(|at| (at * 7) as u8).collect();
        for len in 0..bytes.len() {
            let expected = byte_by_byte(key, &bytes[..len]);
            for cut in [0, 1, 2, 3, len / 2, len.saturating_sub(1), len] {
                let (mut mask, mut masked) = (Mask::new(key), bytes[..len].to_vec());
                let (first, second) = masked.split_at_mut(cut.min(len));
                mask.apply(first);
                mask.apply(second);
                assert_eq!(masked, expected, "{len} bytes, cut at {cut}");
            }
        }
    }

    #[test]
    fn the_example_of_the_rfc() {
        let mut bytes = [0x7f, 0x9f, 0x4d, 0x51, 0x58];
        Mask::new([0x37, 0xfa, 0x21, 0x3d]).apply(&mut bytes);
        assert_eq!(&bytes, b"Hello");
    }
}
