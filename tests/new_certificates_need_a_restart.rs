//! Certificates that were renewed are used once SIGHUP has come, and those who are served notice
//! nothing; ones that can't be used change nothing.
#![cfg(all(unix, feature = "signals"))]

#[allow(dead_code, reason = "shared with tests that use the rest")]
#[path = "common/certificates.rs"]
mod certificates;
#[allow(dead_code, reason = "shared with tests that use the rest")]
#[path = "common/process.rs"]
mod process;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use certificates::{Authority, Signed};
use overt::tls::rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use overt::tls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use process::{Process, connected};

/// Where the files are that the server reads.
struct Folder(PathBuf);

impl Folder {
    fn put(&self, Signed { certificate, key }: &Signed) {
        std::fs::write(self.0.join("cert.pem"), certificate).unwrap();
        std::fs::write(self.0.join("cert.key"), key).unwrap();
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0); // It is in the temporary folder anyway.
    }
}

type Stream = StreamOwned<ClientConnection, TcpStream>;

/// A connection by somebody who trusts this authority only, after an answer.
fn asks(at: SocketAddr, authority: &Authority) -> io::Result<Stream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(client, connected(at));
    is_answered(&mut stream).map(|()| stream)
}

fn is_answered(stream: &mut Stream) -> io::Result<()> {
    stream.write_all(b"GET /status/204 HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        answer.extend(byte);
    }
    assert!(answer.starts_with(b"HTTP/1.1 204 "), "{}", String::from_utf8_lossy(&answer));
    Ok(())
}

#[test]
fn new_certificates_are_read_at_sighup_and_wrong_ones_change_nothing() {
    let folder = std::env::temp_dir().join(format!("overt-renewed-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let folder = Folder(folder);
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    folder.put(&old.sign(&["localhost"]));
    // With both of its outputs in one.
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec \"$0\" \"$@\" 2>&1", env!("CARGO_BIN_EXE_overt"), "origin"]);
    shell.args(["--listen", "127.0.0.1:0", "--loops", "2", "--tls-cert", &folder.path("cert.pem")]);
    let server = Process::start(shell.args(["--tls-key", &folder.path("cert.key")]));
    let at = server.address("origin");
    let mut served = asks(at, &old).unwrap();
    assert!(asks(at, &new).is_err());

    folder.put(&new.sign(&["localhost"]));
    assert!(asks(at, &old).is_ok(), "nobody has said so yet");
    server.signal("HUP");
    assert_eq!(server.prints().unwrap(), "the certificates were read again");
    assert!(asks(at, &new).is_ok());
    assert!(asks(at, &old).is_err());
    is_answered(&mut served).unwrap();

    std::fs::write(folder.path("cert.key"), "no key").unwrap();
    server.signal("HUP");
    let said = server.prints().unwrap();
    assert!(said.starts_with("error: the certificates stay as they were: "), "{said}");
    assert!(said.contains("cert.key"), "{said}");
    assert!(asks(at, &new).is_ok());
    is_answered(&mut served).unwrap();
    drop(served);
    let printed = server.ends();
    assert!(printed.last().unwrap().starts_with("ended after"), "{printed:?}");
}
