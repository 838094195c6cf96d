//! [`Chunks`]: the lines between the chunks of a body (RFC 9112, 7.1), read byte by byte, so that
//! nothing is read twice and nothing waits.

use ::http::StatusCode;

use crate::wire::http::{HttpError, HttpLimits, is_token_byte};

/// Where in a chunked body we are.
///
/// ```text
///           ┌───────────────────────────────────────────────────────────────┐
///           ▼                                                               │
/// Start ─► Size ─► (Name ─► Value ─► …) ─► SizeEnd ─► Data ─► DataCr ─► DataLf
///                                              └─► Last: a size of zero
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Before the first digit of a size.
    #[default]
    Start,
    Size,
    /// Behind a `;`: the first byte of the name of an extension.
    NameStart,
    Name,
    /// Behind a `=`: the first byte of its value.
    ValueStart,
    Value,
    Quoted,
    /// Behind a `\` in a quoted value.
    Escaped,
    QuotedEnd,
    /// Behind the `\r` of a size line.
    SizeEnd,
    Data,
    DataCr,
    DataLf,
    /// Behind the size line of the last chunk.
    Last,
}

/// What reads the lines between chunks.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    state: State,
    /// Of the size.
    digits: u8,
    /// The size of this chunk as far as it is read; then what is left of its data.
    left: u64,
    /// Of all chunks so far.
    total: u64,
    /// Bytes of extensions so far.
    extensions: u32,
}

/// Sixteen hexadecimal digits are 64 bits.
const DIGITS_MAX: u8 = 16;

impl Chunks {
    /// How many bytes of data are to come before the next line.
    pub(super) fn data_left(&self) -> u64 {
        if self.state == State::Data { self.left } else { 0 }
    }

    /// So many of them have come.
    pub(super) fn data_came(&mut self, count: u64) {
        self.left = self.left.saturating_sub(count);
        if self.left == 0 {
            self.state = State::DataCr;
        }
    }

    /// Whether the last chunk has come, and its fields follow.
    pub(super) fn is_last(&self) -> bool {
        self.state == State::Last
    }

    /// Reads up to the next data or the last chunk; tells how many bytes that took.
    pub(super) fn read(&mut self, bytes: &[u8], limits: &HttpLimits) -> Result<usize, HttpError> {
        for (index, byte) in bytes.iter().enumerate() {
            if matches!(self.state, State::Data | State::Last) {
                return Ok(index);
            }
            self.state = self.step(*byte, limits)?;
        }
        Ok(bytes.len())
    }

    fn step(&mut self, byte: u8, limits: &HttpLimits) -> Result<State, HttpError> {
        use State::{
            DataCr, DataLf, Escaped, Name, NameStart, Quoted, QuotedEnd, Size, SizeEnd, Start,
            Value, ValueStart,
        };
        match (self.state, byte) {
            (Start | Size, _) if byte.is_ascii_hexdigit() => return self.digit(byte),
            (Start, _) => return Err(HttpError::bad("a chunk without a size")),
            (Size | Name | Value | QuotedEnd, b'\r') => return Ok(SizeEnd),
            (SizeEnd, b'\n') => return self.size_is_read(limits),
            (DataCr, b'\r') => return Ok(DataLf),
            (DataLf, b'\n') => return Ok(Start),
            (DataCr | DataLf, _) => return Err(HttpError::bad("a chunk longer than its size")),
            _ => {}
        }
        self.extensions = self.extensions.saturating_add(1);
        if self.extensions > limits.extensions_max {
            return Err(HttpError::bad("too many extensions of chunks"));
        }
        match (self.state, byte) {
            (Size | Name | Value | QuotedEnd, b';') => Ok(NameStart),
            (Name, b'=') => Ok(ValueStart),
            (ValueStart, b'"') => Ok(Quoted),
            (NameStart | Name, _) if is_token_byte(byte) => Ok(Name),
            (ValueStart | Value, _) if is_token_byte(byte) => Ok(Value),
            (Quoted, b'"') => Ok(QuotedEnd),
            (Quoted, b'\\') => Ok(Escaped),
            (Quoted | Escaped, b'\t' | b' '..=b'~' | 0x80..) => Ok(Quoted),
            (Size, _) => Err(HttpError::bad("a size of a chunk that is no number")),
            (SizeEnd, _) => Err(HttpError::bad("a bare carriage return behind a size")),
            _ => Err(HttpError::bad("an extension of a chunk that is none")),
        }
    }

    fn digit(&mut self, byte: u8) -> Result<State, HttpError> {
        if self.state == State::Start {
            (self.digits, self.left) = (0, 0);
        }
        self.digits += 1;
        if self.digits > DIGITS_MAX {
            return Err(HttpError::bad("a size of a chunk with too many digits"));
        }
        let digit = char::from(byte).to_digit(16).unwrap_or_default();
        self.left = self.left << 4 | u64::from(digit);
        Ok(State::Size)
    }

    fn size_is_read(&mut self, limits: &HttpLimits) -> Result<State, HttpError> {
        self.total = self.total.saturating_add(self.left);
        if self.total > limits.body_max {
            return Err(HttpError::new(StatusCode::PAYLOAD_TOO_LARGE, "a body that is too large"));
        }
        Ok(if self.left == 0 { State::Last } else { State::Data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The data of a body, and how many bytes of it were read; or the status of what is wrong.
    fn data(body: &[u8]) -> Result<(Vec<u8>, usize), u16> {
        let limits = HttpLimits { extensions_max: 20, body_max: 1 << 40, ..Default::default() };
        let (mut chunks, mut at, mut data) = (Chunks::default(), 0, Vec::new());
        while at < body.len() && !chunks.is_last() {
            let left = (chunks.data_left() as usize).min(body.len() - at);
            if left > 0 {
                data.extend_from_slice(&body[at..at + left]);
                chunks.data_came(left as u64);
                at += left;
            }
            let read = chunks.read(&body[at..], &limits);
            at += read.map_err(|error| error.status.as_u16())?;
        }
        Ok((data, at))
    }

    #[test]
    fn chunks_are_read() {
        for (body, expected, read) in [
            (&b"5\r\nhello\r\n0\r\n\r\n"[..], &b"hello"[..], 13),
            (b"1\r\na\r\n002\r\nbc\r\n000\r\n", b"abc", 20),
            (b"a\r\n0123456789\r\n0\r\n", b"0123456789", 18),
            (b"A;b\r\n0123456789\r\n0;c=d;e=\"f;\\\"\"\r\n", b"0123456789", 33),
            (b"0000000000000001\r\na\r\n0\r\n", b"a", 24),
            (b"5\r\nhel", b"hel", 6),
        ] {
            assert_eq!(data(body), Ok((expected.to_vec(), read)));
        }
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        for body in [
            &b"\r\n"[..],
            b";a\r\n",
            b"g\r\n",
            b" 5\r\n",
            b"5 \r\n",
            b"5\t\r\n",
            b"-5\r\n",
            b"+5\r\n",
            b"0x5\r\n",
            b"5\n",
            b"5\r5\n",
            b"5\r\r\n",
            b"5;\r\n",
            b"5;\n",
            b"5;a\n",
            b"5; a\r\n",
            b"5;a =b\r\n",
            b"5;a=\r\n",
            b"5;a=b c\r\n",
            b"5;a=\"b\r\n\"\r\n",
            b"5;a=\"b\"c\r\n",
            b"5;a\0\r\n",
            b"5;\x80\r\n",
            b"5;a=\"\x7f\"\r\n",
            b"5;,\r\n",
            b"5\r\nhello!\r\n",
            b"5\r\nhello\n",
            b"5\r\nhello\r\r",
            b"00000000000000005\r\n",
            b"10000000000000000\r\n",
            b"1;abcdefghijklmnopqrst\r\n",
            b"1;abcdefghij\r\na\r\n1;abcdefghij\r\n",
        ] {
            assert_eq!(data(body), Err(400), "{body:?}");
        }
        assert_eq!(data(b"ffffffffffffffff\r\n"), Err(413));
        assert_eq!(data(b"10000000001\r\n"), Err(413));
        assert_eq!(data(b"8000000000\r\n").unwrap().1, 12);
    }
}
