//! Servers that are not ours, and clients of ours.

use std::process::Command;

use overt::tls::{Identity, TlsClient, TlsVersion};
use overt::{Dial, Reason};

use crate::foreign::server;
use crate::ours::{Folder, ask, client};
use crate::process::{Process, foreign};

#[test]
#[ignore = "needs python3"]
fn a_python_server_is_asked_in_both_versions() {
    let folder = Folder::new();
    folder.localhost();
    for (version, name) in [("1.2", TlsVersion::V1_2), ("1.3", TlsVersion::V1_3)] {
        let identity = folder.path("server");
        let (server, at) = server(&[("identity", &identity), ("version", version)]);
        let answer = ask(&Dial::to(at).tls(&client(&folder)), false);
        let agreed = format!("{name}, alpn none, name none, certificate, full");
        assert_eq!(answer.agreed, Some(agreed), "{answer:?}");
        assert_eq!((&*answer.received, answer.reason), ("ping\n", Reason::ByPeer));
        assert_eq!(server.prints().unwrap(), format!("served TLSv{version} False"));
    }
}

#[test]
#[ignore = "needs python3"]
fn a_host_is_dialled_and_verified_by_its_name() {
    let folder = Folder::new();
    folder.localhost();
    let identity = folder.path("server");
    let (server, at) = server(&[("identity", &identity), ("alpn", "h2,echo")]);
    let tls = TlsClient::builder().roots(folder.roots()).alpn(["echo", "x"]).build().unwrap();
    let answer = ask(&Dial::host("localhost", at.port()).tls(&tls), true);
    let agreed = "TLS 1.3, alpn echo, name localhost, certificate, full";
    assert_eq!(answer.agreed.as_deref(), Some(agreed), "{answer:?}");
    assert_eq!(answer.received, "ping\n");
    assert!(server.prints().unwrap().starts_with("served"));
}

#[test]
#[ignore = "needs python3"]
fn a_client_resumes_its_sessions() {
    let folder = Folder::new();
    folder.localhost();
    let identity = folder.path("server");
    for version in ["1.2", "1.3"] {
        let (server, at) = server(&[("identity", &identity), ("version", version)]);
        let dial = Dial::host("localhost", at.port()).tls(&client(&folder));
        for resumed in ["False", "True"] {
            let answer = ask(&dial, false);
            assert_eq!(answer.reason, Reason::ByPeer, "{answer:?}");
            assert_eq!(answer.agreed.unwrap().ends_with("resumed"), resumed == "True");
            assert_eq!(server.prints().unwrap(), format!("served TLSv{version} {resumed}"));
        }
        let without = TlsClient::builder().roots(folder.roots()).resumption(false);
        let dial = Dial::host("localhost", at.port()).tls(&without.build().unwrap());
        for _ in 0..2 {
            assert!(ask(&dial, false).agreed.unwrap().ends_with("full"));
            assert_eq!(server.prints().unwrap(), format!("served TLSv{version} False"));
        }
    }
}

#[test]
#[ignore = "needs python3"]
fn a_client_shows_its_certificate() {
    let folder = Folder::new();
    folder.localhost();
    let ours = folder.put("client", &folder.authority.sign(&["client"]));
    let (identity, ca) = (folder.path("server"), folder.path("ca.pem"));
    for version in ["1.2", "1.3"] {
        let options = [("identity", &*identity), ("ca", &*ca), ("version", version)];
        let (server, at) = server(&options);
        let tls = TlsClient::builder().roots(folder.roots()).identity(ours.clone());
        let answer = ask(&Dial::to(at).tls(&tls.build().unwrap()), false);
        assert_eq!((&*answer.received, answer.reason), ("ping\n", Reason::ByPeer), "{answer:?}");
        assert!(server.prints().unwrap().starts_with("served"));
    }
}

#[test]
#[ignore = "needs python3 and openssl"]
fn a_pinned_key_must_be_there_and_the_certificate_hold() {
    let folder = Folder::new();
    let pin = folder.localhost().public_key_sha256().unwrap();
    assert_eq!(pin, pin_by_openssl(&folder.path("server.pem")));
    let identity = folder.path("server");
    let (server, at) = server(&[("identity", &identity)]);
    let pinned = |pins: &[[u8; 32]], folder: &Folder| {
        let mut tls = TlsClient::builder().roots(folder.roots());
        for pin in pins {
            tls = tls.pin(*pin);
        }
        ask(&Dial::to(at).tls(&tls.build().unwrap()), false)
    };
    let answer = pinned(&[[0; 32], pin], &folder);
    assert_eq!((&*answer.received, answer.reason), ("ping\n", Reason::ByPeer), "{answer:?}");
    assert!(server.prints().unwrap().starts_with("served"));
    let answer = pinned(&[[0; 32]], &folder);
    assert_eq!((answer.agreed, answer.reason), (None, Reason::TlsNotPinned));
    assert!(server.prints().unwrap().contains("alert access denied"));
    // The right key, but from an authority that is not trusted.
    let answer = pinned(&[pin], &Folder::new());
    assert_eq!((answer.agreed, answer.reason), (None, Reason::TlsCertificate));
    let theirs = server.prints().unwrap();
    assert!(theirs.contains("alert unknown ca"), "{theirs}");
}

/// The SHA-256 of the public key, as the documents on pinning tell to make it.
fn pin_by_openssl(certificate: &str) -> [u8; 32] {
    let pipe = format!(
        "openssl x509 -in {certificate} -pubkey -noout | openssl pkey -pubin -outform der | \
         openssl dgst -sha256 -r"
    );
    let printed = foreign(Command::new("sh").args(["-c", &pipe]), b"");
    let byte = |at: usize| u8::from_str_radix(&printed[2 * at..2 * at + 2], 16).unwrap();
    std::array::from_fn(byte)
}

#[test]
#[ignore = "needs openssl"]
fn openssl_s_server_answers() {
    let folder = Folder::new();
    folder.localhost();
    let mut openssl = Command::new("openssl");
    openssl.args(["s_server", "-accept", "127.0.0.1:0", "-rev", "-alpn", "reverse"]);
    openssl.args(["-cert", &folder.path("server.pem"), "-key", &folder.path("server.key")]);
    let server = Process::start(&mut openssl);
    let line = server.prints_at_last("ACCEPT ");
    let at = line.trim_start_matches("ACCEPT ").trim().parse().unwrap();
    let tls = TlsClient::builder().roots(folder.roots()).alpn(["reverse"]).build().unwrap();
    let answer = ask(&Dial::to(std::net::SocketAddr::clone(&at)).tls(&tls), true);
    assert_eq!(answer.received, "gnip\n", "{answer:?}");
    assert!(answer.agreed.unwrap().contains("alpn reverse"));
}

#[test]
fn settings_that_make_no_sense_are_named() {
    let folder = Folder::new();
    let says = |error: std::io::Error, expected: &str| {
        let text = error.to_string();
        assert!(text.contains(expected) && !text.contains('\n'), "{text}");
    };
    let signed = folder.authority.sign(&["localhost"]);
    let other = folder.authority.sign(&["localhost"]);
    folder.put("server", &signed);
    let files = |chain: &str, key: &str| Identity::from_files(folder.path(chain), folder.path(key));
    says(files("none.pem", "server.key").unwrap_err(), "none.pem`: No such file");
    says(files("server.key", "server.key").unwrap_err(), "no certificate in `");
    says(files("server.pem", "server.pem").unwrap_err(), "no private key in `");
    let mixed = Identity::from_pem(signed.certificate.as_bytes(), other.key.as_bytes()).unwrap();
    let server = overt::tls::TlsServer::builder();
    says(server.identity(mixed).build().unwrap_err(), "does not belong to its first certificate");
    let server = overt::tls::TlsServer::builder();
    says(server.build().unwrap_err(), "needs a certificate and its key");
    let client = || TlsClient::builder().roots(folder.roots());
    says(client().versions(&[]).build().unwrap_err(), "no version of TLS is allowed");
    says(client().alpn([""]).build().unwrap_err(), "an ALPN protocol of 0 bytes");
    says(client().server_name("a b").build().unwrap_err(), "`a b` is neither a host name nor");
    let nobody = TlsClient::builder().roots(overt::tls::Roots::none());
    says(nobody.build().unwrap_err(), "trusts no roots");
}
