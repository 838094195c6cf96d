//! Certificates that do not hold, and peers that have none: refused, with the right alert, whoever
//! is at which end.

use overt::tls::{TlsClient, TlsServer};
use overt::{Dial, Reason};

use crate::certificates::{Authority, Signed, self_signed};
use crate::foreign::{one_client, server};
use crate::ours::{Answer, Folder, Server, ask, client};

/// A server of theirs with this certificate, and a client of ours: what both say.
fn shown(folder: &Folder, signed: &Signed, dial: impl Fn(u16) -> Dial) -> (Answer, String) {
    folder.put("bad", signed);
    let identity = folder.path("bad");
    let (server, at) = server(&[("identity", &identity)]);
    let answer = ask(&dial(at.port()).tls(&client(folder)), false);
    assert_eq!(answer.agreed, None, "it opened: {answer:?}");
    (answer, server.prints().unwrap())
}

fn localhost(port: u16) -> Dial {
    Dial::host("localhost", port)
}

#[test]
#[ignore = "needs python3"]
fn a_server_that_cannot_be_trusted_is_told_why() {
    let folder = Folder::new();
    let expired = folder.authority.sign_expired(&["localhost"]);
    let elsewhere = folder.authority.sign(&["example.org"]);
    let stranger = Authority::new("a stranger").sign(&["localhost"]);
    for (signed, alert, words) in [
        (&expired, "alert certificate expired", "expired"),
        (&elsewhere, "alert bad certificate", "not valid for name"),
        (&self_signed(&["localhost"]), "alert unknown ca", "UnknownIssuer"),
        (&stranger, "alert unknown ca", "UnknownIssuer"),
    ] {
        let (answer, theirs) = shown(&folder, signed, localhost);
        assert_eq!(answer.reason, Reason::TlsCertificate);
        assert!(answer.why.contains(words), "{}", answer.why);
        assert!(theirs.contains(alert), "{theirs}");
    }
}

#[test]
#[ignore = "needs python3"]
fn an_address_is_verified_like_a_name() {
    let folder = Folder::new();
    let named = folder.authority.sign(&["localhost"]);
    let by_address = |port| Dial::to(std::net::SocketAddr::from(([127, 0, 0, 1], port)));
    let (answer, theirs) = shown(&folder, &named, by_address);
    assert_eq!(answer.reason, Reason::TlsCertificate);
    assert!(theirs.contains("alert bad certificate"), "{theirs}");
}

#[test]
#[ignore = "needs python3"]
fn a_client_that_cannot_be_trusted_is_told_why() {
    let folder = Folder::new();
    let tls = TlsServer::builder().identity(folder.localhost()).require_client(folder.roots());
    let server = Server::built(tls);
    let ca = folder.path("ca.pem");
    let stranger = Authority::new("a stranger").sign(&["client"]);
    for (signed, alert) in [
        (&folder.authority.sign_expired(&["client"]), "alert certificate expired"),
        (&self_signed(&["client"]), "alert unknown ca"),
        (&stranger, "alert unknown ca"),
    ] {
        folder.put("bad", signed);
        let identity = folder.path("bad");
        for version in ["1.2", "1.3"] {
            let options = [("ca", &*ca), ("identity", &*identity), ("version", version)];
            let seen = one_client(&options, server.at);
            assert!(seen["error"].contains(alert), "{version}: {seen:?}");
            assert_eq!(seen.get("said"), None);
            let end = server.end();
            assert!(end.starts_with("never open; tls_certificate: "), "{end}");
        }
    }
    server.shut_down();
}

#[test]
#[ignore = "needs python3"]
fn a_client_without_a_certificate_is_told_why() {
    let folder = Folder::new();
    let tls = TlsServer::builder().identity(folder.localhost()).require_client(folder.roots());
    let server = Server::built(tls);
    let ca = folder.path("ca.pem");
    for version in ["1.2", "1.3"] {
        let seen = one_client(&[("ca", &ca), ("version", version)], server.at);
        assert!(seen["error"].contains("alert certificate required"), "{seen:?}");
        let end = server.end();
        assert!(end.starts_with("never open; tls_no_certificate: "), "{end}");
    }
    server.shut_down();
}

#[test]
#[ignore = "needs python3"]
fn a_client_of_ours_hears_why_it_is_refused() {
    let folder = Folder::new();
    folder.localhost();
    let stranger = Folder::new();
    let unknown = stranger.put("client", &stranger.authority.sign(&["client"]));
    let (identity, ca) = (folder.path("server"), folder.path("ca.pem"));
    let (server, at) = server(&[("identity", &identity), ("ca", &ca)]);
    let answer = ask(&localhost(at.port()).tls(&client(&folder)), false);
    assert_eq!(answer.reason, Reason::TlsAlert, "{answer:?}");
    assert!(server.prints().unwrap().contains("peer did not return a certificate"));
    let tls = TlsClient::builder().roots(folder.roots()).identity(unknown).build().unwrap();
    let answer = ask(&localhost(at.port()).tls(&tls), false);
    assert_eq!(answer.reason, Reason::TlsAlert, "{answer:?}");
    assert!(server.prints().unwrap().contains("certificate verify failed"));
}
