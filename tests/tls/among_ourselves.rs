//! Clients of ours and a server of ours: what the tests with others show in full, in short and on
//! any machine.

use std::sync::Arc;
use std::thread;

use overt::tls::rustls::{self, SignatureScheme};
use overt::tls::{TlsClient, TlsServer, TlsVersion};
use overt::{Dial, Reason};

use crate::certificates::Authority;
use crate::ours::{Answer, Folder, Server, ask, client};

const VERSIONS: [TlsVersion; 2] = [TlsVersion::V1_2, TlsVersion::V1_3];

fn dial(server: &Server, tls: &TlsClient) -> Dial {
    Dial::host("localhost", server.at.port()).tls(tls)
}

/// Asks, and ends after what the server says and its echo.
fn told(server: &Server, tls: &TlsClient) -> (Answer, String) {
    (ask(&dial(server, tls), true), server.end())
}

#[test]
fn both_sides_agree_on_everything() {
    let folder = Folder::new();
    let ours = folder.put("client", &folder.authority.sign(&["client"]));
    let tls = TlsServer::builder().identity(folder.localhost()).alpn(["a", "b"]);
    let server = Server::built(tls.require_client(folder.roots()));
    for version in VERSIONS {
        let tls = TlsClient::builder().roots(folder.roots()).identity(ours.clone());
        let tls = tls.alpn(["b", "a"]).versions(&[version]).build().unwrap();
        for kind in ["full", "resumed"] {
            let (answer, end) = told(&server, &tls);
            let agreed = format!("{version}, alpn a, name localhost, certificate, {kind}");
            assert_eq!(answer.agreed.as_ref(), Some(&agreed), "{answer:?}");
            assert!(answer.received.starts_with(&agreed), "{answer:?}");
            assert_eq!((answer.reason, &*end), (Reason::ByUs, "by_peer"));
        }
    }
    server.shut_down();
}

#[test]
fn both_sides_hear_why_it_failed() {
    let folder = Folder::new();
    let stranger = Folder::new();
    let tls = TlsServer::builder().identity(folder.localhost()).alpn(["a"]);
    let server = Server::built(tls.require_client(folder.roots()));
    let ours = folder.put("client", &folder.authority.sign(&["client"]));
    let expired = folder.put("expired", &folder.authority.sign_expired(&["client"]));
    let unknown = stranger.put("client", &stranger.authority.sign(&["client"]));
    let with = || TlsClient::builder().roots(folder.roots());
    for version in VERSIONS {
        for (tls, reason, end) in [
            (with(), Reason::TlsAlert, "tls_no_certificate"),
            (with().identity(expired.clone()), Reason::TlsAlert, "tls_certificate"),
            (with().identity(unknown.clone()), Reason::TlsAlert, "tls_certificate"),
            (with().identity(ours.clone()).alpn(["b"]), Reason::TlsAlert, "tls_incompatible"),
            (with().server_name("example.org"), Reason::TlsCertificate, "tls_alert"),
            (with().roots(stranger.roots()), Reason::TlsCertificate, "tls_alert"),
            (with().pin([0; 32]), Reason::TlsNotPinned, "tls_alert"),
        ] {
            let (answer, theirs) = told(&server, &tls.versions(&[version]).build().unwrap());
            assert_eq!((answer.reason, &*answer.received), (reason, ""), "{answer:?}");
            assert!(theirs.starts_with(&format!("never open; {end}: ")), "{theirs}");
        }
    }
    server.shut_down();
}

#[test]
fn without_resumption_every_handshake_is_a_full_one() {
    let folder = Folder::new();
    let server = Server::built(TlsServer::builder().identity(folder.localhost()));
    for version in VERSIONS {
        let tls = TlsClient::builder().roots(folder.roots()).versions(&[version]);
        let tls = tls.resumption(false).build().unwrap();
        for _ in 0..2 {
            let (answer, _) = told(&server, &tls);
            assert!(answer.received.contains(", no certificate, full"), "{answer:?}");
        }
    }
    server.shut_down();
}

#[test]
fn a_certificate_that_is_only_asked_for_may_be_missing_but_must_hold() {
    let (folder, stranger) = (Folder::new(), Folder::new());
    let tls = TlsServer::builder().identity(folder.localhost());
    let server = Server::built(tls.ask_client(folder.roots()));
    let ours = folder.put("client", &folder.authority.sign(&["client"]));
    let unknown = stranger.put("client", &stranger.authority.sign(&["client"]));
    let with = || TlsClient::builder().roots(folder.roots());
    for version in VERSIONS {
        for (tls, reason, theirs) in [
            (with(), Reason::ByUs, "name localhost, no certificate"),
            (with().identity(ours.clone()), Reason::ByUs, "name localhost, certificate"),
            (with().identity(unknown.clone()), Reason::TlsAlert, ""),
        ] {
            let (answer, _) = told(&server, &tls.versions(&[version]).build().unwrap());
            assert_eq!(answer.reason, reason, "{answer:?}");
            assert!(answer.received.contains(theirs), "{answer:?}");
        }
    }
    server.shut_down();
}

#[test]
fn certificates_that_do_not_hold_are_refused() {
    let folder = Folder::new();
    let stranger = Authority::new("a stranger").sign(&["localhost"]);
    for signed in [
        folder.authority.sign_expired(&["localhost"]),
        folder.authority.sign(&["example.org"]),
        crate::certificates::self_signed(&["localhost"]),
        stranger,
    ] {
        let server = Server::built(TlsServer::builder().identity(folder.put("bad", &signed)));
        let (answer, end) = told(&server, &client(&folder));
        assert_eq!((answer.agreed, answer.reason), (None, Reason::TlsCertificate));
        assert!(end.starts_with("never open; tls_alert: "), "{end}");
        server.shut_down();
    }
}

#[test]
fn a_pinned_key_adds_to_what_is_verified_and_replaces_none_of_it() {
    let folder = Folder::new();
    let stranger = Folder::new();
    let identity = folder.localhost();
    let pin = identity.public_key_sha256().unwrap();
    let server = Server::built(TlsServer::builder().identity(identity));
    for version in VERSIONS {
        let pinned = |roots| TlsClient::builder().roots(roots).pin([0; 32]).pin(pin);
        for (tls, reason) in [
            (pinned(folder.roots()), Reason::ByUs),
            (pinned(stranger.roots()), Reason::TlsCertificate),
            (pinned(folder.roots()).server_name("example.org"), Reason::TlsCertificate),
        ] {
            let (answer, _) = told(&server, &tls.versions(&[version]).build().unwrap());
            assert_eq!(answer.reason, reason, "{answer:?}");
        }
    }
    server.shut_down();
}

#[test]
fn a_server_without_the_version_is_refused() {
    let folder = Folder::new();
    for [ours, theirs] in [VERSIONS, [VERSIONS[1], VERSIONS[0]]] {
        let tls = TlsServer::builder().identity(folder.localhost()).versions(&[theirs]);
        let server = Server::built(tls);
        let tls = TlsClient::builder().roots(folder.roots()).versions(&[ours]).build().unwrap();
        let (answer, end) = told(&server, &tls);
        assert_eq!(answer.reason, Reason::TlsAlert, "{answer:?}");
        assert!(end.starts_with("never open; tls_incompatible: "), "{end}");
        server.shut_down();
    }
}

#[test]
fn one_is_shown_the_certificate_that_one_asks_for() {
    let folder = Folder::new();
    let named = folder.put("named", &folder.authority.sign(&["one.example", "*.two.example"]));
    let server = Server::built(TlsServer::builder().identity(folder.localhost()).identity(named));
    let asks = |name: &str| {
        let tls = TlsClient::builder().roots(folder.roots()).server_name(name).build().unwrap();
        told(&server, &tls).0.reason
    };
    for name in ["localhost", "one.example", "a.two.example"] {
        assert_eq!(asks(name), Reason::ByUs, "{name}");
    }
    for name in ["two.example", "a.b.two.example", "other.example"] {
        assert_eq!(asks(name), Reason::TlsCertificate, "{name}");
    }
    server.shut_down();
}

#[test]
fn of_several_certificates_one_is_shown_one_that_one_can_check() {
    let folder = Folder::new();
    let newer = folder.put("newer", &folder.authority.sign_ed25519(&["localhost"]));
    let tls = TlsServer::builder().identity(newer.clone()).identity(folder.localhost());
    let server = Server::built(tls);
    let mut older = rustls::crypto::aws_lc_rs::default_provider();
    let known = older.signature_verification_algorithms.mapping.iter();
    let known = known.filter(|(scheme, _)| *scheme != SignatureScheme::ED25519).copied();
    older.signature_verification_algorithms.mapping = known.collect::<Vec<_>>().leak();
    let pin = newer.public_key_sha256().unwrap();
    for version in VERSIONS {
        let with = || TlsClient::builder().roots(folder.roots()).versions(&[version]);
        // Who can check both is shown the first.
        let (answer, _) = told(&server, &with().pin(pin).build().unwrap());
        assert_eq!(answer.reason, Reason::ByUs, "{answer:?}");
        let (answer, _) = told(&server, &with().provider(Arc::new(older.clone())).build().unwrap());
        assert_eq!(answer.reason, Reason::ByUs, "{answer:?}");
    }
    server.shut_down();
}

#[test]
fn nobody_notices_that_certificates_are_exchanged() {
    let folder = Folder::new();
    let tls = TlsServer::builder().identity(folder.localhost()).tickets(false).build().unwrap();
    let server = Server::start(&tls);
    let dial = dial(&server, &client(&folder));
    let forty = || {
        for _ in 0..40 {
            let answer = ask(&dial, true);
            assert_eq!(answer.reason, Reason::ByUs, "{answer:?}");
        }
    };
    thread::scope(|scope| {
        let clients = [scope.spawn(forty), scope.spawn(forty)];
        let mut exchanged = 0;
        while !clients.iter().all(|client| client.is_finished()) {
            folder.put("server", &folder.authority.sign(&["localhost"]));
            tls.reload().unwrap();
            exchanged += 1;
        }
        assert!(exchanged > 1);
    });
    folder.put("server", &folder.authority.sign(&["elsewhere.example"]));
    tls.reload().unwrap();
    assert_eq!(ask(&dial, true).reason, Reason::TlsCertificate);
    server.shut_down();
}

#[test]
fn what_is_read_again_is_what_took_the_place_of_all() {
    let folder = Folder::new();
    let tls = TlsServer::builder().identity(folder.localhost()).build().unwrap();
    let server = Server::start(&tls);
    let dial = dial(&server, &client(&folder));
    let next = folder.put("next", &folder.authority.sign(&["localhost"]));
    tls.replace(vec![next]).unwrap();
    folder.put("server", &folder.authority.sign(&["elsewhere.example"]));
    tls.reload().unwrap();
    assert_eq!(ask(&dial, true).reason, Reason::ByUs);
    // What can't be read changes nothing.
    folder.write("next.pem", "no certificate");
    assert!(tls.reload().unwrap_err().to_string().contains("next.pem"));
    assert!(tls.replace(Vec::new()).is_err());
    assert_eq!(ask(&dial, true).reason, Reason::ByUs);
    server.shut_down();
}
