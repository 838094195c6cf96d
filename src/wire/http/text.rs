//! The alphabets of RFC 9110 and RFC 3986, and the lists in which fields come.

/// Bits of [`CLASSES`].
const TOKEN: u8 = 1;
const VALUE: u8 = 1 << 1;
const TARGET: u8 = 1 << 2;
const PATH: u8 = 1 << 3;
const HOST: u8 = 1 << 4;

/// What each byte may be part of.
static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut rest: &mut [u8] = &mut classes;
    let mut byte = 0;
    while let Some((first, others)) = rest.split_first_mut() {
        *first = class(byte);
        rest = others;
        byte = byte.wrapping_add(1);
    }
    classes
}

const fn class(byte: u8) -> u8 {
    let is_mark = matches!(byte, b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-')
        || matches!(byte, b'.' | b'^' | b'_' | b'`' | b'|' | b'~');
    let token = if byte.is_ascii_alphanumeric() || is_mark { TOKEN } else { 0 };
    let value = if byte == b'\t' || byte >= b' ' && byte != 0x7f { VALUE } else { 0 };
    let target = if byte.is_ascii_graphic() && byte != b'#' { TARGET } else { 0 };
    let path = if target != 0 && byte != b'?' { PATH } else { 0 };
    let in_host = byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'')
        || matches!(byte, b'(' | b')' | b'*' | b'+' | b';' | b'=');
    token | value | target | path | if in_host { HOST } else { 0 }
}

#[inline]
fn is(byte: u8, class: u8) -> bool {
    CLASSES.get(usize::from(byte)).is_some_and(|classes| classes & class != 0)
}

/// `tchar` (RFC 9110, 5.6.2).
#[inline]
pub(crate) fn is_token_byte(byte: u8) -> bool {
    is(byte, TOKEN)
}

/// `token`: the names of methods, fields, codings.
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| is(*byte, TOKEN))
}

/// What may stand in the value of a field (RFC 9110, 5.5).
pub(crate) fn is_value(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| is(*byte, VALUE))
}

/// What may stand in a target: visible, and no fragment. More than RFC 3986 allows, as browsers
/// send `|` and `{}` in queries.
#[inline]
pub(crate) fn is_target(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| is(*byte, TARGET))
}

/// How many bytes at the beginning may stand in a path: a query, or the end, follows.
#[inline]
pub(crate) fn path_len(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| !is(*byte, PATH)).unwrap_or(bytes.len())
}

/// How many bytes at the beginning may be the name of a host (RFC 3986, 3.2.2), without the comma,
/// which some take for the beginning of a second one, and without `%`, which nobody sends and some
/// decode.
#[inline]
pub(crate) fn host_len(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| !is(*byte, HOST)).unwrap_or(bytes.len())
}

/// Without the blanks around it.
pub(crate) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// The members of a list, without the blanks around them and without the empty ones (RFC 9110,
/// 5.6.1). Not for lists with quoted strings in them.
pub(crate) fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(trim).filter(|member| !member.is_empty())
}

/// The number that these digits are, if they are digits and the number is not too large.
pub(crate) fn number(digits: &[u8]) -> Option<u64> {
    let add = |sum: u64, byte: &u8| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    };
    if digits.is_empty() { None } else { digits.iter().try_fold(0, add) }
}

/// A number in digits, or several of them, without an allocation.
pub(crate) struct Digits {
    text: [u8; 20],
    start: usize,
}

impl Digits {
    pub(crate) fn decimal(number: u64) -> Self {
        Self::of(number, 10)
    }

    pub(crate) fn hex(number: u64) -> Self {
        Self::of(number, 16)
    }

    /// An address of IPv4, as it is written.
    pub(crate) fn dotted(octets: [u8; 4]) -> Self {
        let mut digits = Self { text: [b'.'; 20], start: 20 };
        for octet in octets.into_iter().rev() {
            digits.put(octet.into(), 10);
            digits.start -= 1; // And a dot before it.
        }
        digits.start += 1;
        digits
    }

    fn of(number: u64, base: u64) -> Self {
        let mut digits = Self { text: [b'0'; 20], start: 20 };
        digits.put(number, base);
        digits
    }

    /// Puts a number before what is there.
    fn put(&mut self, mut number: u64, base: u64) {
        for place in self.text.iter_mut().take(self.start).rev() {
            let digit = (number % base) as u8;
            *place = digit + if digit < 10 { b'0' } else { b'a' - 10 };
            self.start -= 1;
            number /= base;
            if number == 0 {
                break;
            }
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.text.get(self.start..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_and_written() {
        for value in [0, 7, 10, 4096, u64::MAX] {
            assert_eq!(Digits::decimal(value).as_bytes(), value.to_string().as_bytes());
            assert_eq!(Digits::hex(value).as_bytes(), format!("{value:x}").as_bytes());
            assert_eq!(number(Digits::decimal(value).as_bytes()), Some(value));
        }
        for octets in [[0, 0, 0, 0], [127, 0, 0, 1], [255, 255, 255, 255]] {
            let written = std::net::Ipv4Addr::from(octets).to_string();
            assert_eq!(Digits::dotted(octets).as_bytes(), written.as_bytes());
        }
        for wrong in [&b""[..], b"-1", b"+1", b" 1", b"1 ", b"0x1", b"18446744073709551616"] {
            assert_eq!(number(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn members_of_a_list_come_without_blanks() {
        let found: Vec<&[u8]> = members(b" a,, b\t,c d , ").collect();
        assert_eq!(found, [&b"a"[..], b"b", b"c d"]);
        assert_eq!(members(b" , ").count(), 0);
    }

    #[test]
    fn the_alphabets_are_those_of_the_specifications() {
        assert!((0..=255u8).filter(|byte| is_token_byte(*byte)).count() == 77);
        assert!(is_token(b"a-Z0!#$%&'*+-.^_`|~") && !is_token(b"") && !is_token(b"a:b"));
        assert!(is_value(b"a\tb \xff") && is_value(b""));
        assert!(!is_value(b"a\0") && !is_value(b"a\r") && !is_value(b"a\n") && !is_value(b"\x7f"));
        assert!(is_target(b"/a?b=|{}") && !is_target(b"/a b") && !is_target(b"/\xc3\xa9"));
        assert!(!is_target(b"/a#b"));
        assert_eq!((path_len(b"/a?b"), path_len(b"/a#"), path_len(b"/\xff")), (2, 2, 1));
        assert_eq!((host_len(b"a-b.c:1"), host_len(b"a,b"), host_len(b"a/b")), (5, 1, 1));
    }
}
