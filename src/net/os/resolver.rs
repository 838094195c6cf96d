//! Host names → addresses, by the system's resolver, on threads of its own: the call may block for
//! seconds.

use std::io;
use std::net::ToSocketAddrs;
use std::sync::OnceLock;
use std::thread;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use crate::net::{Endpoint, Resolved};

/// How many names may be looked up at a time; a name server that does not answer holds one thread.
const THREADS: usize = 4;
/// How many may wait.
const WAITING_MAX: usize = 1024;

struct Question {
    host: String,
    port: u16,
    reply: Resolved,
}

pub(super) fn resolve(host: &str, port: u16, reply: Resolved) {
    static QUEUE: OnceLock<Sender<Question>> = OnceLock::new();
    let queue = QUEUE.get_or_init(start);
    let question = Question { host: host.into(), port, reply };
    if let Err(error) = queue.try_send(question) {
        let (TrySendError::Full(question) | TrySendError::Disconnected(question)) = error;
        (question.reply)(Err(io::Error::other("too many host names are being resolved")));
    }
}

fn start() -> Sender<Question> {
    let (sender, questions) = bounded::<Question>(WAITING_MAX);
    for number in 0..THREADS {
        let questions = questions.clone();
        let name = format!("resolver-{number}");
        if let Err(error) = thread::Builder::new().name(name).spawn(move || answer(questions)) {
            log::error!("no thread for the resolver: {error}");
        }
    }
    sender
}

fn answer(questions: Receiver<Question>) {
    for Question { host, port, reply } in questions {
        let addresses = (host.as_str(), port).to_socket_addrs();
        reply(addresses.map(|addresses| addresses.map(Endpoint::Ip).collect()));
    }
}
