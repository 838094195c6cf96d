//! [`Session`]: one side of a TLS connection, as the engine wants it, on the unbuffered interface
//! of rustls 0.23. No other file knows that interface.
//!
//! Three things about it decide the shape of this file. It says one thing at a time, and wants to
//! be asked again until it has nothing to say. It keeps places of a handshake message that came in
//! part, so it must always be given again what it left, also by who only wants to write. And it
//! copies the content of each record into a vector of its own, which is given on from here.

use std::sync::Arc;

use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncryptError, UnbufferedStatus, WriteTraffic,
};
use rustls::{ClientConfig, CommonState, HandshakeKind, ProtocolVersion, ServerConfig};

use super::failure::{error, internal};
use super::names;
use crate::base::Input;
use crate::base::buffer::Buffer;
use crate::net::layer::{Layer, Opened, Progress, TlsError, TlsFacts, TlsFailure, TlsVersion};

/// The most that one record adds to its content: header, nonce, tag, type, and some more.
const OVERHEAD: usize = 64;
/// The most that one record carries, RFC 8446, 5.1.
const RECORD: usize = 16 * 1024;

pub(super) struct Session {
    side: Side,
    server_name: Option<String>,
    /// The peer has said that it sends no more.
    ended: bool,
}

enum Side {
    Client(UnbufferedClientConnection),
    Server(UnbufferedServerConnection),
}

/// What rustls said.
enum Said {
    /// Something that is done with.
    More,
    /// The peer has ended.
    Ended,
    /// Nothing more.
    Nothing,
}

impl Session {
    pub(super) fn client(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> Result<Self, TlsError> {
        let server_name = match &name {
            ServerName::DnsName(name) => Some(name.as_ref().to_owned()),
            _ => None,
        };
        let client = UnbufferedClientConnection::new(config, name).map_err(error)?;
        Ok(Self { side: Side::Client(client), server_name, ended: false })
    }

    pub(super) fn server(config: Arc<ServerConfig>) -> Result<Self, TlsError> {
        let server = UnbufferedServerConnection::new(config).map_err(error)?;
        Ok(Self { side: Side::Server(server), server_name: None, ended: false })
    }

    fn state(&self) -> &CommonState {
        match &self.side {
            Side::Client(client) => client,
            Side::Server(server) => server,
        }
    }

    fn hear(
        &mut self,
        came: &mut [u8],
        plain: &mut Input,
        sealed: &mut Buffer,
    ) -> (usize, Result<Said, TlsError>) {
        match &mut self.side {
            Side::Client(client) => take(client.process_tls_records(came), plain, sealed),
            Side::Server(server) => take(server.process_tls_records(came), plain, sealed),
        }
    }

    /// After an error: the alert that tells the peer of it. What came must not be looked at again,
    /// and is not, as long as there is something to send.
    fn take_alert(&mut self, came: &mut [u8], sealed: &mut Buffer) {
        while self.state().wants_write() {
            let taken = match &mut self.side {
                Side::Client(client) => take_encoded(client.process_tls_records(came), sealed),
                Side::Server(server) => take_encoded(server.process_tls_records(came), sealed),
            };
            if !taken {
                break;
            }
        }
    }

    /// Has `write` write, as soon as rustls has nothing else to say.
    fn write(
        &mut self,
        unopened: &mut [u8],
        sealed: &mut Buffer,
        write: &mut Write<'_>,
    ) -> Result<(), TlsError> {
        loop {
            let done = match &mut self.side {
                Side::Client(client) => {
                    write_when_asked(client.process_tls_records(unopened), sealed, write)
                }
                Side::Server(server) => {
                    write_when_asked(server.process_tls_records(unopened), sealed, write)
                }
            };
            if done? {
                return Ok(());
            }
        }
    }
}

impl Layer for Session {
    fn open(&mut self, came: &mut [u8], plain: &mut Input, sealed: &mut Buffer) -> Opened {
        let mut taken = 0;
        names::take_asked(); // Of one whose handshake failed.
        loop {
            let rest = came.get_mut(taken..).unwrap_or_default();
            let (count, said) = self.hear(rest, plain, sealed);
            taken = came.len().min(taken + count);
            match said {
                Ok(Said::More) => {}
                Ok(Said::Ended) => self.ended = true,
                Ok(Said::Nothing) => break,
                Err(error) => {
                    self.take_alert(came.get_mut(taken..).unwrap_or_default(), sealed);
                    return Opened { taken, progress: Err(error) };
                }
            }
        }
        if matches!(self.side, Side::Server(_)) && self.server_name.is_none() {
            self.server_name = names::take_asked();
        }
        let progress = match (self.state().is_handshaking(), self.ended) {
            (true, false) => Ok(Progress::Handshaking),
            (false, false) => Ok(Progress::Open),
            (false, true) => Ok(Progress::Ended),
            (true, true) => Err(TlsError::new(
                TlsFailure::Unfinished,
                "the peer ended before the handshake did",
            )),
        };
        Opened { taken, progress }
    }

    fn seal(
        &mut self,
        plain: &[u8],
        unopened: &mut [u8],
        sealed: &mut Buffer,
    ) -> Result<(), TlsError> {
        let needed = plain.len() + OVERHEAD * (plain.len() / RECORD + 1);
        self.write(unopened, sealed, &mut Write::Content { plain, needed })
    }

    fn seal_end(&mut self, unopened: &mut [u8], sealed: &mut Buffer) -> Result<(), TlsError> {
        self.write(unopened, sealed, &mut Write::End { needed: OVERHEAD })
    }

    fn facts(&self) -> TlsFacts {
        let state = self.state();
        let certificates = state.peer_certificates().unwrap_or_default();
        TlsFacts {
            version: match state.protocol_version() {
                Some(ProtocolVersion::TLSv1_3) => TlsVersion::V1_3,
                _ => TlsVersion::V1_2,
            },
            cipher_suite: state
                .negotiated_cipher_suite()
                .and_then(|suite| suite.suite().as_str())
                .unwrap_or_default(),
            alpn: state.alpn_protocol().map(<[u8]>::to_vec),
            server_name: self.server_name.clone(),
            peer_certificates: certificates.iter().map(|one| one.to_vec()).collect(),
            resumed: state.handshake_kind() == Some(HandshakeKind::Resumed),
        }
    }
}

/// What is to be written, and the room that it needs.
enum Write<'a> {
    Content { plain: &'a [u8], needed: usize },
    End { needed: usize },
}

impl Write<'_> {
    /// Tells whether it is written; else it needs more room.
    fn to<Data>(
        &mut self,
        mut writer: WriteTraffic<'_, Data>,
        sealed: &mut Buffer,
    ) -> Result<bool, TlsError> {
        let (written, needed) = match self {
            Self::Content { plain, needed } => {
                (writer.encrypt(plain, sealed.room(*needed)), needed)
            }
            Self::End { needed } => (writer.queue_close_notify(sealed.room(*needed)), needed),
        };
        match written {
            Ok(count) => {
                sealed.filled_more(count);
                Ok(true)
            }
            Err(EncryptError::InsufficientSize(more)) if more.required_size > *needed => {
                *needed = more.required_size;
                Ok(false)
            }
            Err(other) => Err(internal(other.to_string())),
        }
    }
}

/// Does what rustls says while it is given what came.
fn take<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    plain: &mut Input,
    sealed: &mut Buffer,
) -> (usize, Result<Said, TlsError>) {
    let mut discard = status.discard;
    let said = match status.state {
        Ok(ConnectionState::ReadTraffic(mut reader)) => {
            let mut said = Ok(Said::More);
            while let Some(record) = reader.next_record() {
                match record {
                    Ok(record) => {
                        discard += record.discard;
                        plain.extend(record.payload);
                    }
                    Err(failed) => said = Err(error(failed)),
                }
            }
            said
        }
        Ok(ConnectionState::EncodeTlsData(mut encoder)) => {
            encode(|room| encoder.encode(room), sealed).map(|()| Said::More)
        }
        Ok(ConnectionState::TransmitTlsData(transmit)) => {
            transmit.done(); // It will be: what is in `sealed` is sent, or the connection ends.
            Ok(Said::More)
        }
        Ok(ConnectionState::PeerClosed) => Ok(Said::Ended),
        // Early data is never accepted, so none can be there to be read.
        Ok(_) => Ok(Said::Nothing),
        Err(failed) => Err(error(failed)),
    };
    (discard, said)
}

/// Tells whether there was something.
fn take_encoded<Data>(status: UnbufferedStatus<'_, '_, Data>, sealed: &mut Buffer) -> bool {
    match status.state {
        Ok(ConnectionState::EncodeTlsData(mut encoder)) => {
            encode(|room| encoder.encode(room), sealed).is_ok()
        }
        _ => false,
    }
}

/// Tells whether it was asked for.
fn write_when_asked<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    sealed: &mut Buffer,
    write: &mut Write<'_>,
) -> Result<bool, TlsError> {
    match status.state {
        Ok(ConnectionState::WriteTraffic(writer)) => write.to(writer, sealed),
        Ok(ConnectionState::EncodeTlsData(mut encoder)) => {
            encode(|room| encoder.encode(room), sealed).map(|()| false)
        }
        Ok(ConnectionState::TransmitTlsData(transmit)) => {
            transmit.done();
            Ok(false)
        }
        Ok(ConnectionState::PeerClosed) => Ok(false),
        Ok(_) => Err(internal("nothing can be written in this state")),
        Err(failed) => Err(error(failed)),
    }
}

fn encode(
    mut encode: impl FnMut(&mut [u8]) -> Result<usize, EncodeError>,
    sealed: &mut Buffer,
) -> Result<(), TlsError> {
    // It tells how much room it needs by failing.
    let encoded = match encode(&mut []) {
        Err(EncodeError::InsufficientSize(more)) => encode(sealed.room(more.required_size)),
        other => other,
    };
    sealed.filled_more(encoded.map_err(|failed| internal(failed.to_string()))?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::identity::Identity;
    use super::super::names::Names;
    use super::*;
    use rustls::RootCertStore;

    /// A server and a client; the server's records carry `fragment` bytes at most.
    fn pair(fragment: Option<usize>) -> (Session, Session) {
        let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (chain, der) = (key.cert.pem(), key.signing_key.serialize_pem());
        let identity = Identity::from_pem(chain.as_bytes(), der.as_bytes()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(key.cert.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut server = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Names::new(&[identity], &provider).unwrap()));
        server.max_fragment_size = fragment;
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let client = Session::client(Arc::new(client), name).unwrap();
        (Session::server(Arc::new(server)).unwrap(), client)
    }

    /// A session, what it could not open yet, and what it has received.
    struct End {
        session: Session,
        unopened: Vec<u8>,
        received: Input,
        progress: Progress,
    }

    impl End {
        fn new(session: Session) -> Self {
            let (unopened, received) = (Vec::new(), Input::default());
            Self { session, unopened, received, progress: Progress::Handshaking }
        }

        /// Takes bytes, and gives what it answers.
        fn open(&mut self, bytes: &[u8]) -> Vec<u8> {
            let mut sealed = Buffer::default();
            self.unopened.extend_from_slice(bytes);
            let opened = self.session.open(&mut self.unopened, &mut self.received, &mut sealed);
            self.unopened.drain(..opened.taken);
            self.progress = opened.progress.unwrap();
            sealed.filled().to_vec()
        }

        fn seal(&mut self, content: &[u8]) -> Vec<u8> {
            let mut sealed = Buffer::default();
            self.session.seal(content, &mut self.unopened, &mut sealed).unwrap();
            sealed.filled().to_vec()
        }
    }

    /// Passes bytes on, `piece` at a time, until nobody has anything to say.
    fn shake(server: &mut End, client: &mut End, piece: usize) {
        let mut to_server = client.open(&[]);
        while !to_server.is_empty() {
            let to_client: Vec<_> =
                to_server.chunks(piece).flat_map(|part| server.open(part)).collect();
            to_server = to_client.chunks(piece).flat_map(|part| client.open(part)).collect();
        }
    }

    #[test]
    fn whatever_the_pieces_both_sides_agree() {
        for (piece, fragment) in [(1, None), (7, Some(100)), (1000, Some(32)), (100_000, None)] {
            let (server, client) = pair(fragment);
            let (mut server, mut client) = (End::new(server), End::new(client));
            shake(&mut server, &mut client, piece);
            assert_eq!((server.progress, client.progress), (Progress::Open, Progress::Open));
            assert_eq!(server.session.facts().server_name.as_deref(), Some("localhost"));
            let content: Vec<u8> = (0..40_000u32).map(|at| at as u8).collect();
            let sealed = client.seal(&content);
            sealed.chunks(piece).for_each(|part| assert!(server.open(part).is_empty()));
            assert_eq!(server.received[..], content);
            assert!(server.unopened.is_empty());
        }
    }

    #[test]
    fn a_message_that_came_in_part_does_not_hinder_who_writes() {
        let (server, client) = pair(Some(64));
        let (mut server, mut client) = (End::new(server), End::new(client));
        let hello = client.open(&[]);
        let flight = server.open(&hello);
        let finished = client.open(&flight);
        // Tickets, in many small records, of which the client gets one after the other.
        let tickets = server.open(&finished);
        assert!(tickets.len() > 200, "there are no tickets");
        let mut left_over = 0;
        for byte in tickets {
            assert!(client.open(&[byte]).is_empty());
            left_over = left_over.max(client.unopened.len());
            let sealed = client.seal(b"x");
            assert!(server.open(&sealed).is_empty());
        }
        assert!(left_over > 100, "no message was kept in part");
        assert!(server.received.iter().all(|byte| *byte == b'x'));
        assert!(client.unopened.is_empty());
    }

    #[test]
    fn an_end_is_said_and_heard_in_each_direction() {
        let (server, client) = pair(None);
        let (mut server, mut client) = (End::new(server), End::new(client));
        shake(&mut server, &mut client, 100_000);
        let mut sealed = Buffer::default();
        client.session.seal_end(&mut client.unopened, &mut sealed).unwrap();
        server.open(sealed.filled());
        assert_eq!(server.progress, Progress::Ended);
        let last = server.seal(b"still here");
        client.open(&last);
        assert_eq!((&client.received[..], client.progress), (&b"still here"[..], Progress::Open));
        sealed.clear();
        server.session.seal_end(&mut server.unopened, &mut sealed).unwrap();
        client.open(sealed.filled());
        assert_eq!(client.progress, Progress::Ended);
    }

    #[test]
    fn a_forged_record_is_answered_by_an_alert() {
        let (server, client) = pair(None);
        let (mut server, mut client) = (End::new(server), End::new(client));
        shake(&mut server, &mut client, 100_000);
        let mut forged = client.seal(b"true");
        if let Some(last) = forged.last_mut() {
            *last ^= 1;
        }
        let (mut received, mut sealed) = (Input::default(), Buffer::default());
        let opened = server.session.open(&mut forged, &mut received, &mut sealed);
        assert_eq!(opened.progress.unwrap_err().failure(), TlsFailure::Misbehaved);
        assert!(received.is_empty() && !sealed.is_empty());
    }
}
