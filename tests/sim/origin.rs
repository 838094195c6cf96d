//! Simulated HTTP servers: [`Origin`], which answers each request by a function of the test, and
//! keeps what it was asked.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use overt::Input;
use overt::sim::{Peer, Simulation};
use overt::wire::http::{HttpLimits, RequestHead};
use overt::wire::http1::{RequestDecoder, RequestEvent};

/// A request as a whole.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) head: RequestHead,
    pub(crate) body: Vec<u8>,
    /// As which request of its connection it came, from 0.
    pub(crate) number: usize,
}

/// What a server does when it was asked.
pub(crate) enum Reply {
    /// Sends this.
    Send(Vec<u8>),
    /// Sends this, and closes properly.
    Last(Vec<u8>),
    /// Sends this, and cuts the connection.
    Cut(Vec<u8>),
}

#[derive(Default)]
pub(crate) struct Origin {
    pub(crate) asked: Vec<Asked>,
    /// Connections that ever were, and those whose client has ended them.
    pub(crate) peers: usize,
    pub(crate) over: usize,
    readers: BTreeMap<usize, Reader>,
}

struct Reader {
    decoder: RequestDecoder,
    input: Input,
    present: Option<(RequestHead, Vec<u8>)>,
    number: usize,
    over: bool,
}

/// A server at `at` that replies to each request by `reply`.
pub(crate) fn origin(
    sim: &mut Simulation,
    at: &str,
    mut reply: impl FnMut(&Asked) -> Reply + 'static,
) -> Rc<RefCell<Origin>> {
    let origin = Rc::new(RefCell::new(Origin::default()));
    let shared = origin.clone();
    sim.serve(at, move |peer| shared.borrow_mut().hear(peer, &mut reply));
    origin
}

impl Origin {
    fn hear(&mut self, peer: &Peer, reply: &mut impl FnMut(&Asked) -> Reply) {
        let number = peer.number();
        if !self.readers.contains_key(&number) {
            self.peers += 1;
        }
        let reader = self.readers.entry(number).or_insert_with(|| Reader {
            decoder: RequestDecoder::new(HttpLimits { body_max: u64::MAX, ..Default::default() }),
            input: Input::default(),
            present: None,
            number: 0,
            over: false,
        });
        reader.input.extend(&peer.take());
        while let Some(asked) = reader.next() {
            match reply(&asked) {
                Reply::Send(bytes) => peer.send(&bytes),
                Reply::Last(bytes) => {
                    peer.send(&bytes);
                    peer.finish();
                }
                Reply::Cut(bytes) => {
                    peer.send(&bytes);
                    // What is still to be sent is lost, so at any byte.
                    peer.reset();
                }
            }
            self.asked.push(asked);
        }
        if peer.is_over() && !std::mem::replace(&mut reader.over, true) {
            self.over += 1;
            peer.finish();
        }
    }
}

impl Reader {
    /// The next request, once it is complete. A client never sends what is none.
    fn next(&mut self) -> Option<Asked> {
        loop {
            match self.decoder.decode(&mut self.input).expect("a client sends what is a request")? {
                RequestEvent::Head(head) => self.present = Some((head.clone(), Vec::new())),
                RequestEvent::Body(bytes) => {
                    self.present.as_mut().expect("a head came").1.extend(bytes);
                }
                RequestEvent::End(_) => {
                    let (head, body) = self.present.take().expect("a head came");
                    self.number += 1;
                    return Some(Asked { head, body, number: self.number - 1 });
                }
            }
        }
    }
}

/// An answer with a body of this length.
pub(crate) fn answer(status: u16, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// An answer in chunks of this size.
pub(crate) fn chunked(body: &[u8], size: usize) -> Vec<u8> {
    let mut bytes = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for chunk in body.chunks(size) {
        bytes.extend(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend(chunk);
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"0\r\n\r\n");
    bytes
}
