//! [`Headers`]: the fields of a message, in one buffer.
//!
//! The buffer holds the lines as HTTP/1 sends them, and beside it stands a table of where each
//! begins. So a head that was received is copied once, in one piece, and one that is sent is
//! appended to the output in one piece; neither allocates for a field. Who keeps the `Headers` and
//! [clears](Headers::clear) it, allocates for no message either.

use std::fmt;

use super::text::{is_token, is_value, members, trim};
use crate::wire::WireError;

/// The fields of a message: names and values, in the order in which they came. Names are compared
/// without regard to case.
///
/// ```
/// use overt::wire::http::Headers;
///
/// let mut headers = Headers::default();
/// headers.append("Content-Type", "text/plain")?;
/// assert_eq!(headers.get("content-type"), Some(&b"text/plain"[..]));
/// assert!(headers.append("X-Name", "a\r\nSet-Cookie: b").is_err());
/// # Ok::<(), overt::wire::WireError>(())
/// ```
#[derive(Clone, Default)]
pub struct Headers {
    /// `name: value\r\n`, one after another.
    lines: Vec<u8>,
    fields: Vec<Field>,
    /// The [`known`] fields that are here.
    known: u16,
    /// Whether a builder added a field that could not be.
    is_spoiled: bool,
}

/// Where a field is in the lines.
#[derive(Clone, Copy)]
struct Field {
    start: u32,
    value: u32,
    value_len: u32,
    end: u32,
    name_len: u16,
}

/// So much memory for lines, and for so many fields, may be kept while nothing comes. Bytes.
const KEPT_MAX: usize = 1024;
const KEPT_FIELDS_MAX: usize = 32;

/// Few heads have one field only, so room is made for some more.
const ROOM_MIN: usize = 128;

/// Bits for fields that decide about the message itself, noted as they come, so that nobody has to
/// search for one that isn't there.
pub(crate) mod known {
    pub(crate) const HOST: u16 = 1;
    pub(crate) const CONNECTION: u16 = 1 << 1;
    pub(crate) const CONTENT_LENGTH: u16 = 1 << 2;
    pub(crate) const TRANSFER_ENCODING: u16 = 1 << 3;
    pub(crate) const EXPECT: u16 = 1 << 4;
    pub(crate) const UPGRADE: u16 = 1 << 5;
    pub(crate) const DATE: u16 = 1 << 6;

    const FIELDS: [(&[u8], u16); 7] = [
        (b"host", HOST),
        (b"connection", CONNECTION),
        (b"content-length", CONTENT_LENGTH),
        (b"transfer-encoding", TRANSFER_ENCODING),
        (b"expect", EXPECT),
        (b"upgrade", UPGRADE),
        (b"date", DATE),
    ];

    /// A bit for each letter that one of them begins with: it tells most others.
    const LETTERS: u32 = {
        let (mut letters, mut fields) = (0, FIELDS.as_slice());
        while let Some(((name, _), rest)) = fields.split_first() {
            if let Some(first) = name.first() {
                letters |= 1 << (*first & 31);
            }
            fields = rest;
        }
        letters
    };

    /// The bit of the field with this name, or 0.
    #[inline]
    pub(crate) fn bit(name: &[u8]) -> u16 {
        match name.first() {
            Some(first) if LETTERS >> (first & 31) & 1 != 0 => known_bit(name),
            _ => 0,
        }
    }

    fn known_bit(name: &[u8]) -> u16 {
        let field = FIELDS.iter().find(|(field, _)| name.eq_ignore_ascii_case(field));
        field.map_or(0, |(_, bit)| *bit)
    }
}

impl Headers {
    /// How long a name may be, in bytes.
    pub const NAME_MAX: usize = u16::MAX as usize;

    /// How many fields there are; a name that came twice counts twice.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Adds a field. Blanks around the value are left out.
    ///
    /// # Errors
    /// The name is no token (RFC 9110, 5.6.2), or the value has a control character in it: either
    /// would end the field early, and begin another.
    pub fn append(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), WireError> {
        self.append_parts(name, &[trim(value.as_ref())])
    }

    /// As [`append`](Self::append), a value that is put together of parts.
    pub(crate) fn append_parts(&mut self, name: &str, parts: &[&[u8]]) -> Result<(), WireError> {
        let name = name.as_bytes();
        if name.len() > Self::NAME_MAX || !is_token(name) {
            return Err(WireError::malformed("a name of a field that is no token", 0));
        }
        if !parts.iter().all(|part| is_value(part)) {
            return Err(WireError::malformed("a control character in a value", name.len()));
        }
        self.push(name, parts)
    }

    /// Adds the fields of `others` that `keep` wants, by their names. They were looked at when they
    /// came there.
    pub(crate) fn append_some(
        &mut self,
        others: &Self,
        mut keep: impl FnMut(&[u8]) -> bool,
    ) -> Result<(), WireError> {
        let mut fields = others.each_field().filter(|(name, _)| keep(name));
        fields.try_for_each(|(name, value)| self.push(name, &[value]))
    }

    /// Adds a field that can be sent.
    fn push(&mut self, name: &[u8], parts: &[&[u8]]) -> Result<(), WireError> {
        let start = self.lines.len();
        let value_len: usize = parts.iter().map(|part| part.len()).sum();
        let room = name.len() + value_len + 4;
        let Ok(end) = u32::try_from(start + room) else {
            return Err(WireError::too_large((start + room) as u64, u32::MAX.into(), start));
        };
        if self.lines.capacity() - start < room {
            self.lines.reserve(room.max(ROOM_MIN));
        }
        self.lines.extend_from_slice(name);
        self.lines.extend_from_slice(b": ");
        parts.iter().for_each(|part| self.lines.extend_from_slice(part));
        self.lines.extend_from_slice(b"\r\n");
        let (start, value_len, name_len) = (start as u32, value_len as u32, name.len() as u16);
        self.fields.push(Field { start, value: end - 2 - value_len, value_len, end, name_len });
        self.known |= known::bit(name);
        Ok(())
    }

    /// Adds a field in place of all those with its name.
    ///
    /// # Errors
    /// As for [`append`](Self::append). Nothing is removed then.
    pub fn set(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), WireError> {
        let before = self.fields.len();
        self.append(name, value)?;
        let mut at = 0;
        self.retain(|other, _| {
            at += 1;
            at > before || !other.eq_ignore_ascii_case(name)
        });
        Ok(())
    }

    /// Removes all fields with this name; tells whether there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.fields.len();
        if self.contains(name) {
            self.retain(|other, _| !other.eq_ignore_ascii_case(name));
        }
        self.fields.len() < before
    }

    /// Keeps the fields for which `keep` says so, in their order. Nothing is allocated.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &[u8]) -> bool) {
        self.keep_some(|name, value| keep(text(name), value));
    }

    /// As [`retain`](Self::retain), for those who need no text of a name.
    pub(crate) fn keep_some(&mut self, mut keep: impl FnMut(&[u8], &[u8]) -> bool) {
        let (lines, mut to, mut known) = (&mut self.lines, 0, 0);
        self.fields.retain_mut(|field| {
            let (name, value) = (field.name(lines), field.value(lines));
            if !keep(name, value) {
                return false;
            }
            known |= known::bit(name);
            let back = field.start - to;
            if back > 0 {
                lines.copy_within(field.start as usize..field.end as usize, to as usize);
                field.start -= back;
                field.value -= back;
                field.end -= back;
            }
            to = field.end;
            true
        });
        self.lines.truncate(to as usize);
        self.known = known;
    }

    /// The value of the first field with this name.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.get_all(name).next()
    }

    /// As [`get`](Self::get), if the value is UTF-8, as it should be.
    pub fn get_str(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// The values of all fields with this name.
    pub fn get_all<'h>(&'h self, name: &str) -> impl Iterator<Item = &'h [u8]> {
        let name = name.as_bytes();
        let same = move |field: &&Field| {
            usize::from(field.name_len) == name.len()
                && field.name(&self.lines).eq_ignore_ascii_case(name)
        };
        self.fields.iter().filter(same).map(|field| field.value(&self.lines))
    }

    /// Whether there is a field with this name.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Whether `token` is a member of a list that this field holds, such as `close` of `connection`
    /// (RFC 9110, 5.6.1). Without regard to case.
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        let mut tokens = self.get_all(name).flat_map(members);
        tokens.any(|member| member.eq_ignore_ascii_case(token.as_bytes()))
    }

    /// Names and values, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.each_field().map(|(name, value)| (text(name), value))
    }

    fn each_field(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields.iter().map(|field| (field.name(&self.lines), field.value(&self.lines)))
    }

    /// The lines as HTTP/1 sends them: `name: value\r\n`, one after another.
    pub fn as_bytes(&self) -> &[u8] {
        &self.lines
    }

    /// Removes all fields, and keeps the memory for the next ones.
    pub fn clear(&mut self) {
        self.lines.clear();
        self.fields.clear();
        (self.known, self.is_spoiled) = (0, false);
    }

    /// Makes room for so many bytes of lines more, in so many fields.
    pub(crate) fn reserve(&mut self, bytes: usize, fields: usize) {
        self.lines.reserve(bytes);
        self.fields.reserve(fields);
    }

    /// How much memory they take, in bytes.
    #[inline]
    pub(crate) fn held(&self) -> usize {
        self.lines.capacity() + self.fields.capacity() * size_of::<Field>()
    }

    /// Gives back the memory of a `Headers` that will not be used for a while.
    pub fn release(&mut self) {
        *self = Self::default();
    }

    /// Gives back the memory of a large head, and then has no fields.
    #[inline]
    pub(crate) fn release_large(&mut self) {
        if self.lines.capacity() > KEPT_MAX || self.fields.capacity() > KEPT_FIELDS_MAX {
            self.release();
        }
    }

    /// Adds a field, or notes that it could not be.
    pub(super) fn build(&mut self, name: &str, value: impl AsRef<[u8]>) {
        if self.append(name, value).is_err() {
            self.is_spoiled = true;
        }
    }

    /// Whether a builder added a field that can't be sent.
    pub(crate) fn is_spoiled(&self) -> bool {
        self.is_spoiled
    }

    /// Whether any of the [`known`] fields of `bits` is here.
    #[inline]
    pub(crate) fn has(&self, bits: u16) -> bool {
        self.known & bits != 0
    }

    /// Takes over `lines` that were received. With each field: where it begins, its name, where its
    /// value begins, and how long that is.
    #[inline]
    pub(crate) fn adopt<'l>(
        &mut self,
        lines: &[u8],
        fields: impl ExactSizeIterator<Item = (usize, &'l [u8], usize, usize)>,
    ) {
        self.clear();
        self.lines.extend_from_slice(lines);
        let mut known = 0;
        self.fields.extend(fields.map(|(start, name, value, value_len)| {
            known |= known::bit(name);
            let (start, value, value_len) = (start as u32, value as u32, value_len as u32);
            Field { start, value, value_len, end: 0, name_len: name.len() as u16 }
        }));
        self.known = known;
        // Each ends where the next begins.
        let mut end = lines.len() as u32;
        for field in self.fields.iter_mut().rev() {
            field.end = end;
            end = field.start;
        }
    }

    /// Lines and the place of each field, for those who leave some out.
    pub(crate) fn each_line(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields.iter().map(|field| {
            let line = self.lines.get(field.start as usize..field.end as usize);
            (field.name(&self.lines), line.unwrap_or_default())
        })
    }
}

impl Field {
    fn name<'l>(&self, lines: &'l [u8]) -> &'l [u8] {
        let start = self.start as usize;
        lines.get(start..start + usize::from(self.name_len)).unwrap_or_default()
    }

    fn value<'l>(&self, lines: &'l [u8]) -> &'l [u8] {
        let start = self.value as usize;
        lines.get(start..start + self.value_len as usize).unwrap_or_default()
    }
}

/// A name is a token, so it is ASCII.
fn text(name: &[u8]) -> &str {
    std::str::from_utf8(name).unwrap_or_default()
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |value| String::from_utf8_lossy(value).into_owned();
        f.debug_list().entries(self.iter().map(|(name, value)| (name, text(value)))).finish()
    }
}

/// The same fields in the same order, names without regard to case.
impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self.iter().zip(other.iter()).all(|((name, value), (other, other_value))| {
                name.eq_ignore_ascii_case(other) && value == other_value
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Headers {
        let mut headers = Headers::default();
        for (name, value) in [("Host", "a"), ("Accept", " x, Y ,,z"), ("host", ""), ("B", "\t")] {
            headers.append(name, value).unwrap();
        }
        headers
    }

    #[test]
    fn names_are_found_whatever_their_case() {
        let headers = some();
        assert_eq!(headers.get("HOST"), Some(&b"a"[..]));
        assert_eq!(headers.get_all("host").collect::<Vec<_>>(), [&b"a"[..], b""]);
        assert_eq!(headers.get("hos"), None);
        assert_eq!((headers.len(), headers.get("b")), (4, Some(&b""[..])));
        assert_eq!(headers.as_bytes(), b"Host: a\r\nAccept: x, Y ,,z\r\nhost: \r\nB: \r\n");
    }

    #[test]
    fn a_list_has_its_members_and_no_others() {
        let headers = some();
        assert!(headers.has_token("accept", "y") && headers.has_token("accept", "Z"));
        assert!(!headers.has_token("accept", "") && !headers.has_token("accept", "x, Y"));
    }

    #[test]
    fn what_would_end_a_field_is_refused() {
        let mut headers = some();
        for (name, value) in [
            ("", "a"),
            ("a b", "c"),
            ("a:", "c"),
            ("a\r", "c"),
            ("ä", "c"),
            ("a", "b\r\nc: d"),
            ("a", "b\n"),
            ("a", "b\rc"),
            ("a", "b\0c"),
            ("a", "\x7f"),
        ] {
            assert!(headers.append(name, value).is_err(), "{name:?} {value:?}");
            assert!(headers.set(name, value).is_err(), "{name:?} {value:?}");
        }
        let long = "n".repeat(65_536);
        assert!(headers.append(&long, "").is_err());
        assert_eq!(headers, some());
    }

    #[test]
    fn removing_and_setting_leave_the_others_in_order() {
        let mut headers = some();
        headers.set("Host", "b").unwrap();
        assert_eq!(headers.as_bytes(), b"Accept: x, Y ,,z\r\nB: \r\nHost: b\r\n");
        assert!(headers.remove("accept") && !headers.remove("accept"));
        headers.append("c", "d").unwrap();
        let fields: Vec<(&str, &[u8])> = headers.iter().collect();
        assert_eq!(fields, [("B", &b""[..]), ("Host", b"b"), ("c", b"d")]);
        headers.retain(|_, _| false);
        assert!(headers.is_empty() && headers.as_bytes().is_empty());
    }

    #[test]
    fn what_is_known_is_noted() {
        let mut headers = some();
        assert!(headers.has(known::HOST) && !headers.has(known::CONNECTION));
        headers.remove("host");
        assert!(!headers.has(known::HOST));
        for name in ["Transfer-Encoding", "content-length", "UPGRADE", "Expect", "date"] {
            assert_ne!(known::bit(name.as_bytes()), 0, "{name}");
        }
        assert_eq!(known::bit(b"Content-Langth"), 0);
    }
}
