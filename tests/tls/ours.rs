//! Our side of the tests: a server that says what was agreed on and echoes, and a client that asks
//! one thing; both tell how their connections end.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, channel};

use overt::net::{Endpoint, Listen, TlsFacts};
use overt::tls::{Identity, Roots, TlsClient, TlsServer, TlsServerBuilder};
use overt::{
    Close, Config, Context, Dial, Engine, Handler, Never, Outgoing, Reason, Result, Running,
};

use crate::certificates::{Authority, Signed};
use crate::process::PATIENCE;

/// A folder of a test's own, with an authority and what it signed.
pub(crate) struct Folder {
    pub(crate) authority: Authority,
    at: PathBuf,
}

impl Folder {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Relaxed);
        let name = format!("overt-tls-{}-{number}", std::process::id());
        let at = std::env::temp_dir().join(&name);
        fs::create_dir_all(&at).unwrap();
        let folder = Self { authority: Authority::new(&name), at };
        folder.write("ca.pem", &folder.authority.pem());
        folder
    }

    /// Its path as foreign programs take it.
    pub(crate) fn path(&self, name: &str) -> String {
        self.at.join(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.at.join(name), text).unwrap();
    }

    /// As `name.pem` and `name.key`.
    pub(crate) fn put(&self, name: &str, signed: &Signed) -> Identity {
        self.write(&format!("{name}.pem"), &signed.certificate);
        self.write(&format!("{name}.key"), &signed.key);
        let path = |end: &str| self.path(&format!("{name}.{end}"));
        Identity::from_files(path("pem"), path("key")).unwrap()
    }

    /// The authority of this folder, and no other.
    pub(crate) fn roots(&self) -> Roots {
        Roots::none().and_file(self.path("ca.pem")).unwrap()
    }

    /// A certificate for localhost, in `server.pem` and `server.key`.
    pub(crate) fn localhost(&self) -> Identity {
        self.put("server", &self.authority.sign(&["localhost", "127.0.0.1"]))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.at); // It is in the temporary folder anyway.
    }
}

/// What was agreed on, in one line.
pub(crate) fn in_words(facts: &TlsFacts) -> String {
    let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
    format!(
        "{}, alpn {}, name {}, {}, {}",
        facts.version,
        facts.alpn.as_ref().map_or("none".into(), text),
        facts.server_name.as_deref().unwrap_or("none"),
        if facts.peer_certificates.is_empty() { "no certificate" } else { "certificate" },
        if facts.resumed { "resumed" } else { "full" },
    )
}

/// Says what was agreed on, then echoes. Ends after a `GET`, as HTTP/0.9 does.
struct Teller {
    ends: Sender<String>,
    opened: bool,
}

impl Handler for Teller {
    type Message = Never;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        self.opened = true;
        let line = cx.effects.tls().map_or("plain".into(), in_words);
        cx.output.put(format!("{line}\n").as_bytes());
        Ok(())
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        if cx.input.starts_with(b"GET ") {
            cx.effects.close();
        }
        cx.output.append(cx.input);
        Ok(())
    }

    fn on_close(self, why: Close, _: &mut Outgoing<'_>) {
        let opened = if self.opened { "" } else { "never open; " };
        let _ = self.ends.send(format!("{opened}{why}"));
    }
}

/// A server of ours.
pub(crate) struct Server {
    pub(crate) at: SocketAddr,
    running: Running,
    ends: Receiver<String>,
}

impl Server {
    pub(crate) fn start(tls: &TlsServer) -> Self {
        Self::with(Config { loops: 2, ..Config::default() }, tls)
    }

    pub(crate) fn with(config: Config, tls: &TlsServer) -> Self {
        let mut engine = Engine::new(config).unwrap();
        let any: Endpoint = "127.0.0.1:0".parse().unwrap();
        let (sender, ends) = channel();
        let teller = move || Teller { ends: sender.clone(), opened: false };
        let at = engine.listen(Listen::at(any).tls(tls), teller).unwrap();
        let at = at.socket_addr().unwrap();
        Self { at, running: engine.start().unwrap(), ends }
    }

    pub(crate) fn built(tls: TlsServerBuilder) -> Self {
        Self::start(&tls.build().unwrap())
    }

    /// How the next of its connections ends.
    pub(crate) fn end(&self) -> String {
        self.ends.recv_timeout(PATIENCE).expect("a connection ends")
    }

    pub(crate) fn shut_down(self) {
        self.running.shut_down().unwrap();
    }
}

/// What a client of ours has seen when its connection is gone.
#[derive(Debug)]
pub(crate) struct Answer {
    /// What was agreed on, if the connection opened.
    pub(crate) agreed: Option<String>,
    pub(crate) received: String,
    pub(crate) reason: Reason,
    pub(crate) why: String,
}

struct Asker {
    agreed: Option<String>,
    received: Vec<u8>,
    /// Ends after the first line, if it shall; else waits for the server's end.
    ends: bool,
    answer: Sender<Answer>,
}

impl Handler for Asker {
    type Message = Never;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        self.agreed = cx.effects.tls().map(in_words);
        cx.output.put(b"ping\n");
        Ok(())
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        self.received.extend_from_slice(cx.input);
        cx.input.clear();
        if self.ends && self.received.ends_with(b"\n") {
            cx.effects.close();
        }
        Ok(())
    }

    fn on_close(self, why: Close, _: &mut Outgoing<'_>) {
        let _ = self.answer.send(Answer {
            agreed: self.agreed,
            received: String::from_utf8_lossy(&self.received).into_owned(),
            reason: why.reason(),
            why: why.to_string(),
        });
    }
}

/// Connects, says `ping`, and tells how that went. Ends after a line, or waits for the end.
pub(crate) fn ask(dial: &Dial, ends: bool) -> Answer {
    let mut engine = Engine::new(Config { loops: 1, ..Config::default() }).unwrap();
    let (answer, answers) = channel();
    let asker = Asker { agreed: None, received: Vec::new(), ends, answer };
    engine.connect(dial.clone(), asker);
    let running = engine.start().unwrap();
    let answer = answers.recv_timeout(PATIENCE).expect("the connection ends");
    running.shut_down().unwrap();
    answer
}

/// A client that trusts the folder's authority.
pub(crate) fn client(folder: &Folder) -> TlsClient {
    TlsClient::builder().roots(folder.roots()).build().unwrap()
}
