//! Clients that are not ours, and a server of ours.

use std::process::Command;

use overt::tls::{TlsServer, TlsVersion};

use crate::foreign::{client, one_client};
use crate::ours::{Folder, Server};
use crate::process::foreign;

#[test]
#[ignore = "needs python3"]
fn python_speaks_both_versions() {
    let folder = Folder::new();
    let server = Server::built(TlsServer::builder().identity(folder.localhost()));
    let ca = folder.path("ca.pem");
    for (version, name) in [("1.2", "TLS 1.2"), ("1.3", "TLS 1.3")] {
        let seen = one_client(&[("ca", &ca), ("version", version), ("bytes", "300000")], server.at);
        let said = format!("{name}, alpn none, name localhost, no certificate, full");
        assert_eq!(seen.get("said"), Some(&said), "{seen:?}");
        assert_eq!(seen["echo"], "300001");
        assert_eq!(seen.get("error"), None);
        assert_eq!(server.end(), "by_peer");
    }
    server.shut_down();
}

#[test]
#[ignore = "needs python3"]
fn a_protocol_is_agreed_on_or_none() {
    let folder = Folder::new();
    let tls = TlsServer::builder().identity(folder.localhost()).alpn(["h2", "http/1.1"]);
    let server = Server::built(tls);
    let ca = folder.path("ca.pem");
    for (offered, agreed) in [("http/1.1", "http/1.1"), ("x,http/1.1,h2", "h2")] {
        let seen = one_client(&[("ca", &ca), ("alpn", offered)], server.at);
        assert!(seen["said"].contains(&format!("alpn {agreed},")), "{seen:?}");
        assert_eq!(server.end(), "by_peer");
    }
    let seen = one_client(&[("ca", &ca)], server.at);
    assert!(seen["said"].contains("alpn none,"), "{seen:?}");
    assert_eq!(server.end(), "by_peer");
    let seen = one_client(&[("ca", &ca), ("alpn", "spdy/3")], server.at);
    assert!(seen["error"].contains("alert no application protocol"), "{seen:?}");
    assert!(server.end().starts_with("never open; tls_incompatible: "));
    server.shut_down();
}

#[test]
#[ignore = "needs python3"]
fn the_name_chooses_the_certificate() {
    let folder = Folder::new();
    let other = folder.put("other", &folder.authority.sign(&["one.example", "two.example"]));
    let wild = folder.put("wild", &folder.authority.sign(&["*.wild.example"]));
    let all = TlsServer::builder().identity(folder.localhost()).identity(other).identity(wild);
    let server = Server::built(all);
    let ca = folder.path("ca.pem");
    for (name, names) in [
        ("localhost", "localhost,127.0.0.1"),
        ("two.example", "one.example,two.example"),
        ("ONE.example", "one.example,two.example"),
        ("any.wild.example", "*.wild.example"),
    ] {
        let seen = one_client(&[("ca", &ca), ("name", name)], server.at);
        assert_eq!(seen.get("names").map(String::as_str), Some(names), "{seen:?}");
        assert!(seen["said"].contains(&format!("name {},", name.to_lowercase())), "{seen:?}");
        assert_eq!(server.end(), "by_peer");
    }
    // Nobody has the name: the first is shown, and the client refuses it.
    let seen = one_client(&[("ca", &ca), ("name", "a.b.wild.example")], server.at);
    assert!(seen["error"].contains("Hostname mismatch"), "{seen:?}");
    assert!(server.end().contains("tls_alert"));
    server.shut_down();
}

#[test]
#[ignore = "needs python3"]
fn clients_show_certificates() {
    let folder = Folder::new();
    let ca = folder.path("ca.pem");
    folder.put("client", &folder.authority.sign(&["client"]));
    let identity = folder.path("client");
    let shown = [("ca", &*ca), ("identity", &*identity)];
    let tls = TlsServer::builder().identity(folder.localhost()).require_client(folder.roots());
    let server = Server::built(tls);
    for version in ["1.2", "1.3"] {
        let options = [&shown[..], &[("version", version)]].concat();
        let seen = one_client(&options, server.at);
        assert!(seen["said"].contains(", certificate,"), "{seen:?}");
        assert_eq!(server.end(), "by_peer");
    }
    server.shut_down();
    let tls = TlsServer::builder().identity(folder.localhost()).ask_client(folder.roots());
    let server = Server::built(tls);
    for (options, shown) in [(&shown[..], ", certificate"), (&shown[..1], ", no certificate")] {
        let seen = one_client(options, server.at);
        assert!(seen["said"].contains(shown), "{seen:?}");
        assert_eq!(server.end(), "by_peer");
    }
    server.shut_down();
}

#[test]
#[ignore = "needs python3"]
fn sessions_are_resumed() {
    let folder = Folder::new();
    let ca = folder.path("ca.pem");
    let server = Server::built(TlsServer::builder().identity(folder.localhost()));
    for version in ["1.2", "1.3"] {
        let seen = client(&[("ca", &ca), ("version", version), ("times", "3")], server.at);
        let said: Vec<_> = seen.iter().map(|one| one["said"].rsplit(' ').next()).collect();
        assert_eq!(said, [Some("full"), Some("resumed"), Some("resumed")], "{seen:?}");
    }
    server.shut_down();
    let without = TlsServer::builder().identity(folder.localhost()).tickets(false);
    let server = Server::built(without);
    let seen = client(&[("ca", &ca), ("times", "2")], server.at);
    assert!(seen.iter().all(|one| one["said"].ends_with("full")), "{seen:?}");
    server.shut_down();
}

#[test]
#[ignore = "needs openssl"]
fn openssl_resumes_and_says_so() {
    let folder = Folder::new();
    let server = Server::built(TlsServer::builder().identity(folder.localhost()));
    let (ca, to, session) =
        (folder.path("ca.pem"), server.at.to_string(), folder.path("session.pem"));
    for version in ["-tls1_2", "-tls1_3"] {
        let connect = |more: &[&str]| {
            let mut openssl = Command::new("openssl");
            openssl.args(["s_client", "-connect", &to, "-CAfile", &ca, "-verify_return_error"]);
            openssl.args(["-servername", "localhost", "-ign_eof", version]).args(more);
            foreign(&mut openssl, b"GET /\n")
        };
        let printed = connect(&["-sess_out", &session]);
        assert!(printed.contains("Verify return code: 0 (ok)"), "{printed}");
        assert!(printed.contains("New, TLSv1"), "{printed}");
        let printed = connect(&["-sess_in", &session]);
        assert!(printed.contains("Reused, TLSv1"), "{printed}");
    }
    server.shut_down();
}

#[test]
#[ignore = "needs python3"]
fn tls_1_1_is_refused() {
    let folder = Folder::new();
    let ca = folder.path("ca.pem");
    let server = Server::built(TlsServer::builder().identity(folder.localhost()));
    let seen = one_client(&[("ca", &ca), ("version", "1.1")], server.at);
    // A hello of TLS 1.1 lacks what rustls looks for before it looks at the version.
    assert!(seen["error"].contains("alert handshake failure"), "{seen:?}");
    assert!(server.end().starts_with("never open; tls_incompatible: "));
    server.shut_down();
}

#[test]
#[ignore = "needs python3"]
fn one_version_alone_is_refused_by_the_other() {
    let folder = Folder::new();
    let ca = folder.path("ca.pem");
    for (ours, theirs) in [(TlsVersion::V1_2, "1.3"), (TlsVersion::V1_3, "1.2")] {
        let tls = TlsServer::builder().identity(folder.localhost()).versions(&[ours]);
        let server = Server::built(tls);
        let seen = one_client(&[("ca", &ca), ("version", theirs)], server.at);
        assert!(seen["error"].contains("alert protocol version"), "{seen:?}");
        assert!(server.end().starts_with("never open; tls_incompatible: "));
        server.shut_down();
    }
}

#[test]
#[ignore = "needs curl"]
fn curl_gets_its_bytes() {
    let folder = Folder::new();
    folder.put("client", &folder.authority.sign(&["client"]));
    let tls = TlsServer::builder().identity(folder.localhost()).require_client(folder.roots());
    let server = Server::built(tls);
    let url = format!("https://localhost:{}/", server.at.port());
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--max-time", "60", "--http0.9"]);
    curl.args(["--cacert", &folder.path("ca.pem"), "--cert", &folder.path("client.pem")]);
    curl.args(["--key", &folder.path("client.key"), "--resolve"]);
    curl.arg(format!("localhost:{}:127.0.0.1", server.at.port())).arg(&url);
    let output = curl.output().expect("`curl` is needed as a client; please install it");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(printed.starts_with("TLS 1.3, alpn none, name localhost, certificate"), "{output:?}");
    server.shut_down();
}
