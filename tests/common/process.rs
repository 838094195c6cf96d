//! Programs of ours, started as a user would start them: [`Process`]. What they print is waited
//! for, never a while; and what a test started ends with the test.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// For what must happen, on however busy a machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A program that runs.
pub(crate) struct Process {
    child: Child,
    lines: Receiver<String>,
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        let started = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut child = started.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdout = BufReader::new(child.stdout.take().expect("it was asked for"));
        let (printed, lines) = channel();
        // Ends with the program.
        thread::spawn(move || {
            stdout.lines().map_while(Result::ok).try_for_each(|line| printed.send(line))
        });
        Self { child, lines }
    }

    /// The next line that it prints; `None` if it has ended.
    pub(crate) fn prints(&self) -> Option<String> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => None,
            Err(_) => panic!("nothing was printed for a minute"),
        }
    }

    /// Waits for a line with `what` in it.
    pub(crate) fn prints_at_last(&self, what: &str) -> String {
        while let Some(line) = self.prints() {
            if line.contains(what) {
                return line;
            }
        }
        panic!("it ended without having printed `{what}`");
    }

    /// Waits for a line with `name` in it that ends, or goes on after a blank, after `on ADDR`.
    pub(crate) fn address(&self, name: &str) -> SocketAddr {
        let line = self.prints_at_last(name);
        let address =
            line.split(" on ").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok());
        address.unwrap_or_else(|| panic!("no address in `{line}`"))
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", name, &id]).status();
        assert!(status.expect("`kill` is part of every Unix").success());
    }

    /// Asks it to end, as an operator does; tells what it printed until then, and since then.
    pub(crate) fn ends(mut self) -> Vec<String> {
        self.signal("TERM");
        let printed = std::iter::from_fn(|| self.prints()).collect();
        let status = self.child.wait().expect("it is our child");
        assert_eq!(status.code(), Some(0), "{status}; it printed {printed:?}");
        printed
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill(); // It may have ended already.
        let _ = self.child.wait();
    }
}

/// Runs a foreign program to its end, with this input; gives what it printed.
///
/// A program that is missing fails the test: without it nothing was tested.
pub(crate) fn foreign(command: &mut Command, input: &[u8]) -> String {
    let started =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = started.unwrap_or_else(|error| {
        panic!("`{name}` is needed as a client that is not ours; please install it: {error}")
    });
    let mut stdin = child.stdin.take().expect("it was asked for");
    let output = thread::scope(|scope| {
        scope.spawn(move || std::io::Write::write_all(&mut stdin, input));
        child.wait_with_output().expect("it is our child")
    });
    succeeded(&name, output)
}

fn succeeded(name: &str, output: Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{name}: {}: {}", output.status, text(&output.stderr));
    text(&output.stdout)
}

/// A connection that gives up after [`PATIENCE`].
pub(crate) fn connected(at: SocketAddr) -> std::net::TcpStream {
    let stream = std::net::TcpStream::connect(at).expect("somebody listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("it is not zero");
    stream.set_write_timeout(Some(PATIENCE)).expect("it is not zero");
    stream
}

/// So many bytes as text.
pub(crate) fn hears(stream: &mut std::net::TcpStream, count: usize) -> String {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).expect("an answer comes");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What comes back for a datagram.
pub(crate) fn datagram(at: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port is free");
    socket.set_read_timeout(Some(PATIENCE)).expect("it is not zero");
    socket.send_to(bytes, at).expect("there is room for one datagram");
    let mut answer = vec![0; 65_536];
    let (count, from) = socket.recv_from(&mut answer).expect("an answer comes");
    assert_eq!(from, at);
    answer.truncate(count);
    answer
}
