//! The web servers that are measured, on tokio: hyper, tungstenite and fastwebsockets.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use fastwebsockets::{FragmentCollector, OpCode, Role, WebSocket, WebSocketError};
use futures_util::{SinkExt, StreamExt};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::broadcast;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::wire::Certificate;

/// Shows the certificate of this run.
pub(crate) fn acceptor() -> io::Result<TlsAcceptor> {
    let key = PrivateKeyDer::from_pem_file(Certificate::files()?.1).map_err(io::Error::other)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().map_err(io::Error::other)?;
    let config = config.with_no_client_auth().with_single_cert(Certificate::chain()?, key);
    Ok(TlsAcceptor::from(Arc::new(config.map_err(io::Error::other)?)))
}

pub(crate) async fn hello<S>(stream: S) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let answer = |_: Request<Incoming>| async {
        let mut answer = Response::new(Full::new(Bytes::from_static(b"hello")));
        let text = hyper::header::HeaderValue::from_static("text/plain");
        answer.headers_mut().insert(CONTENT_TYPE, text);
        Ok::<_, Infallible>(answer)
    };
    // One write for all the requests that have come: its fastest form.
    let server = &mut hyper::server::conn::http1::Builder::new();
    let server = server.pipeline_flush(true);
    server
        .serve_connection(TokioIo::new(stream), service_fn(answer))
        .await
        .map_err(io::Error::other)
}

pub(crate) async fn echo(stream: TcpStream) -> io::Result<()> {
    let mut socket = accept_async(stream).await.map_err(io::Error::other)?;
    while let Some(message) = socket.next().await {
        let message = message.map_err(io::Error::other)?;
        if !message.is_text() {
            return Ok(());
        }
        socket.send(message).await.map_err(io::Error::other)?;
    }
    Ok(())
}

pub(crate) async fn fast_echo(mut stream: TcpStream) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head);
    let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
    let accept = derive_accept_key(key.unwrap_or_default().as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).await?;
    let mut socket = FragmentCollector::new(WebSocket::after_handshake(stream, Role::Server));
    let closed = loop {
        match socket.read_frame().await {
            Ok(frame) if frame.opcode == OpCode::Text => {
                if let Err(error) = socket.write_frame(frame).await {
                    break error;
                }
            }
            Ok(_) => return Ok(()),
            Err(error) => break error,
        }
    };
    match closed {
        WebSocketError::UnexpectedEOF => Ok(()),
        error => Err(io::Error::other(error)),
    }
}

pub(crate) async fn member(
    stream: TcpStream,
    room: broadcast::Sender<Utf8Bytes>,
) -> io::Result<()> {
    let mut lines = room.subscribe();
    let mut socket = accept_async(stream).await.map_err(io::Error::other)?;
    loop {
        tokio::select! {
            line = lines.recv() => {
                let line = line.map_err(io::Error::other)?;
                socket.send(Message::Text(line)).await.map_err(io::Error::other)?;
            }
            message = socket.next() => match message {
                Some(Ok(Message::Text(line))) => drop(room.send(line)),
                _ => return Ok(()),
            },
        }
    }
}
