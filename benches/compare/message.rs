//! [`Message`]: what a message looks like, and its answer; [`Talk`], a connection's part of them.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::load::PATIENCE;
use crate::wire::Wire;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Message {
    /// Comes back as it is.
    Raw(usize),
    /// Four bytes of length, big-endian, before so many; comes back as it is.
    Framed(usize),
    /// A request of HTTP/1.1, answered by `hello`.
    Hello,
    /// A request of HTTP/1.1, answered by so many bytes.
    Page(usize),
    /// A text of WebSocket, so long, masked; comes back unmasked.
    Text(usize),
    /// As `Raw`, by TLS.
    Sealed(usize),
    /// As `Hello`, by TLS.
    SealedHello,
}

/// What a connection says before its messages, what a batch of them is, and how long the answers
/// are.
pub(crate) struct Talk {
    pub(crate) is_sealed: bool,
    pub(crate) opening: Vec<u8>,
    pub(crate) batch: Vec<u8>,
    pub(crate) answer: usize,
}

const HELLO: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n";
const UPGRADE: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const MASK: [u8; 4] = [0x5a, 0x17, 0xc3, 0x88];

impl Message {
    /// So many of them in one piece. The server is asked how long its answers are, if they are its
    /// own.
    pub(crate) fn talk(self, to: SocketAddr, in_flight: usize) -> io::Result<Talk> {
        let batch = self.question().repeat(in_flight);
        let is_sealed = matches!(self, Self::Sealed(_) | Self::SealedHello);
        let opening = if let Self::Text(_) = self { UPGRADE.to_vec() } else { Vec::new() };
        let answer = match self {
            Self::Hello | Self::Page(_) | Self::SealedHello => {
                let mut stream = dial(to, is_sealed, &[])?;
                stream.write_all(&self.question())?;
                let head = read_head(&mut stream)?;
                head.len() + content_length(&head)?
            }
            _ => self.answer().len(),
        };
        Ok(Talk { is_sealed, opening, answer: answer * in_flight, batch })
    }

    fn question(self) -> Vec<u8> {
        match self {
            Self::Hello | Self::SealedHello => HELLO.to_vec(),
            Self::Page(size) => {
                let hello = String::from_utf8_lossy(HELLO);
                hello.replacen("/ ", &format!("/{size} "), 1).into_bytes()
            }
            Self::Text(size) => {
                let mask = MASK.into_iter().cycle();
                let masked = text(size).into_iter().zip(mask).map(|(byte, mask)| byte ^ mask);
                let head = text_head(size, 0x80).into_iter().chain(MASK);
                head.chain(masked).collect()
            }
            _ => self.answer(),
        }
    }

    /// What comes back for one, as far as it is known beforehand.
    pub(crate) fn answer(self) -> Vec<u8> {
        let body = |size: usize| (0..size).map(|at| (at % 251) as u8);
        match self {
            Self::Raw(size) | Self::Page(size) | Self::Sealed(size) => body(size).collect(),
            Self::Framed(size) => {
                (size as u32).to_be_bytes().into_iter().chain(body(size)).collect()
            }
            Self::Hello | Self::SealedHello => b"hello".to_vec(),
            Self::Text(size) => text_head(size, 0).into_iter().chain(text(size)).collect(),
        }
    }

    /// Whether this is the right answer to so many.
    pub(crate) fn is_answered(self, in_flight: usize, heard: &[u8]) -> bool {
        let answer = self.answer();
        match self {
            // Heads are each server's own.
            Self::Hello | Self::Page(_) | Self::SealedHello => {
                heard.starts_with(b"HTTP/1.1 200 ")
                    && heard.chunks(heard.len() / in_flight).all(|one| one.ends_with(&answer))
            }
            _ => heard == answer.repeat(in_flight),
        }
    }
}

fn text(size: usize) -> Vec<u8> {
    (0..size).map(|at| b'a' + (at % 26) as u8).collect()
}

/// RFC 6455, 5.2: the last fragment of a text.
fn text_head(size: usize, masked: u8) -> Vec<u8> {
    let mut head = vec![0x81];
    match size {
        0..126 => head.push(masked | size as u8),
        126..65_536 => {
            head.push(masked | 126);
            head.extend((size as u16).to_be_bytes());
        }
        _ => {
            head.push(masked | 127);
            head.extend((size as u64).to_be_bytes());
        }
    }
    head
}

/// Connects, and says what comes first, if anything does. A server that has just been started may
/// not listen yet.
pub(crate) fn dial(to: SocketAddr, is_sealed: bool, opening: &[u8]) -> io::Result<Wire<TcpStream>> {
    let began = Instant::now();
    let stream = loop {
        match TcpStream::connect_timeout(&to, PATIENCE) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                if began.elapsed() > PATIENCE {
                    return Err(error);
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            other => break other?,
        }
    };
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut stream = if is_sealed { Wire::sealed(stream)? } else { Wire::Plain(stream) };
    if !opening.is_empty() {
        stream.write_all(opening)?;
        let head = read_head(&mut stream)?;
        if !head.starts_with(b"HTTP/1.1 101 ") {
            return Err(io::Error::other(String::from_utf8_lossy(&head).into_owned()));
        }
    }
    Ok(stream)
}

/// Byte by byte, so that nothing behind it is lost.
fn read_head(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(head)
}

fn content_length(head: &[u8]) -> io::Result<usize> {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let mut lines = head.lines().filter_map(|line| line.strip_prefix("content-length:"));
    let length = lines.next().and_then(|length| length.trim().parse().ok());
    length.ok_or_else(|| io::Error::other("the answer has no content-length"))
}
