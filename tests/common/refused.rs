//! Requests that a server must refuse, with the status that it does so with: RFC 9112 lets it, and
//! where one program reads them in another way than the next, a request is smuggled.

/// A status, and a request that is refused with it. What a text can't hold: letters beyond ASCII
/// stand for bytes.
pub(crate) type Refused = (u16, &'static str);

/// The bytes of a request.
pub(crate) fn bytes(request: &str) -> Vec<u8> {
    request.chars().map(|letter| letter as u8).collect()
}

/// Lines that end in their own way.
pub(crate) const LINES: &[Refused] = &[
    (400, "GET / HTTP/1.1\nHost: a\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a\r\n\n"),
    (400, "GET / HTTP/1.1\r\nHost: a\r\nB: c\nD: e\r\n\r\n"),
    (400, "GET / HTTP/1.1\n\n"),
    (400, "GET / HTTP/1.0\n\r\n"),
    (400, "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, "\r\rGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, "\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\n\rHost: a\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a\rB: c\r\n\r\n"),
    (400, "GET / HTTP/1.1\rHost: a\r\n\r\n"),
];

/// Fields that only some would read.
pub(crate) const FIELDS: &[Refused] = &[
    (400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost\t: a\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a\r\nB: c\r\n\tfolded\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a\r\nB c\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a\r\nB\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a\r\n: c\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a\r\nB(): c\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a\r\nB\u{e4}: c\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a\r\nB\0: c\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a\r\nB: c\0d\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a\r\nB: c\u{1}\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a\r\nB: c\u{7f}\r\n\r\n"),
];

/// Request lines that are not quite ones.
pub(crate) const REQUEST_LINES: &[Refused] = &[
    (400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, "GET /  HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
    (400, " GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, "GET /\r\nHost: a\r\n\r\n"),
    (400, "GET\r\nHost: a\r\n\r\n"),
    (400, "GET / http/1.1\r\nHost: a\r\n\r\n"),
    (400, "GET / HTTP/1\r\nHost: a\r\n\r\n"),
    (400, "GET / HTTP/11.1\r\nHost: a\r\n\r\n"),
    (400, "GET / HTTP/1.1x\r\nHost: a\r\n\r\n"),
    (400, "GET / XTTP/1.1\r\nHost: a\r\n\r\n"),
    (505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
    (505, "GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
    (505, "GET / HTTP/0.9\r\nHost: a\r\n\r\n"),
    (505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    (400, "G@T / HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}"),
    (400, "G\0T / HTTP/1.1\r\nHost: a\r\n\r\n"),
];

/// Targets that don't go with their method.
pub(crate) const TARGETS: &[Refused] = &[
    (400, "GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, "GET a HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, "GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, "GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, "GET /\u{1} HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, "GET http:// HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, "CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, "CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, "CONNECT http://a:1/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nContent-Length: 1\r\n\r\n"),
];

/// Hosts that leave a choice.
pub(crate) const HOSTS: &[Refused] = &[
    (400, "GET / HTTP/1.1\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a\r\nhOST: b\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: http://a\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a:x\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: \u{e4}\r\n\r\n"),
    (400, "GET / HTTP/1.0\r\nHost: a,b\r\n\r\n"),
];

/// Fields that say in two ways where the body of a `POST` ends, or in none that is understood.
pub(crate) const LENGTHS: &[Refused] = &[
    (400, "Content-Length: 1\r\nContent-Length: 1"),
    (400, "Content-Length: 1\r\nContent-Length: 2"),
    (400, "Content-Length: 1, 1"),
    (400, "Content-Length: +1"),
    (400, "Content-Length: -1"),
    (400, "Content-Length: 0x1"),
    (400, "Content-Length: 1 1"),
    (400, "Content-Length:"),
    (400, "Content-Length: 18446744073709551616"),
    (413, "Content-Length: 18446744073709551615"),
    (400, "Transfer-Encoding: chunked, chunked"),
    (400, "Transfer-Encoding: xchunked"),
    (400, "Transfer-Encoding: identity"),
    (400, "Transfer-Encoding: chunked, identity"),
    (400, "Transfer-Encoding: \u{b}chunked"),
    (400, "Transfer-Encoding : chunked"),
    (400, "Transfer-Encoding:\r\n chunked"),
    (400, "Transfer-Encoding:"),
    (501, "Transfer-Encoding: gzip, chunked"),
    (417, "Expect: tea\r\nContent-Length: 1"),
];

/// A `POST` with these fields, and a byte that may be its body.
pub(crate) fn post(fields: &str) -> Vec<u8> {
    bytes(&format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\na"))
}

/// Bodies in chunks that only some would read: 400.
pub(crate) const CHUNKS: &[&str] = &[
    "\r\n",
    ";a\r\n",
    "x\r\n",
    " 1\r\na\r\n0\r\n\r\n",
    "1 \r\na\r\n0\r\n\r\n",
    "0x1\r\na\r\n0\r\n\r\n",
    "+1\r\na\r\n0\r\n\r\n",
    "1\na\r\n0\r\n\r\n",
    "1\r\na\n0\r\n\r\n",
    "1\r\nab\r\n0\r\n\r\n",
    "1\r\na0\r\n\r\n",
    "1;\r\na\r\n0\r\n\r\n",
    "1;a\nb\r\na\r\n0\r\n\r\n",
    "1;a\0\r\na\r\n0\r\n\r\n",
    "1; a\r\na\r\n0\r\n\r\n",
    "1;a=(\r\na\r\n0\r\n\r\n",
    "10000000000000000\r\na",
    "00000000000000001\r\na",
    "0\r\n\n",
    "0\n\r\n",
    "0\r\na: b\n\r\n",
    "0\r\na: b\r\n\n",
    "0\r\na : b\r\n\r\n",
    "0\r\n a: b\r\n\r\n",
    "0\r\na: b\r\n c\r\n\r\n",
    "0\r\na\r\n\r\n",
    "0\r\nContent-Length: 1\r\n\r\n",
    "0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "0\r\nHost: b\r\n\r\n",
    "0\r\n\rGET / HTTP/1.1\r\n\r\n",
];

/// A request with this body in chunks.
pub(crate) fn chunked(body: &str) -> Vec<u8> {
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    bytes(&format!("{head}{body}"))
}
