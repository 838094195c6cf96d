//! Answers of HTTP/1.1 as a peer sees them, taken apart without any code of overt.

/// One answer as the peer sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut values = lines.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        values.next().map(|(_, value)| value)
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// Takes apart what was sent: answers of known length, chunked ones, and those without a body.
#[track_caller]
pub(crate) fn seen(mut bytes: &[u8]) -> Vec<Seen> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let end = find(bytes, b"\r\n\r\n").expect("a head ends");
        let head = std::str::from_utf8(&bytes[..end]).unwrap().to_owned();
        bytes = &bytes[end + 4..];
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = Seen { status, head, body: Vec::new() };
        if answer.header("transfer-encoding") == Some("chunked") {
            bytes = take_chunks(bytes, &mut answer.body);
        } else if let Some(length) = answer.header("content-length") {
            let length: usize = length.parse().unwrap();
            let length = length.min(bytes.len());
            answer.body = bytes[..length].to_vec();
            bytes = &bytes[length..];
        }
        all.push(answer);
    }
    all
}

pub(crate) fn take_chunks<'b>(mut bytes: &'b [u8], body: &mut Vec<u8>) -> &'b [u8] {
    loop {
        let end = find(bytes, b"\r\n").expect("a chunk has a line");
        let size = std::str::from_utf8(&bytes[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        bytes = &bytes[end + 2..];
        if size == 0 {
            let end = find(bytes, b"\r\n").expect("the trailers end");
            return &bytes[end + 2..];
        }
        body.extend(&bytes[..size]);
        bytes = &bytes[size + 2..];
    }
}

pub(crate) fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
