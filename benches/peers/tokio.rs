//! The servers that are measured, on tokio's `current_thread` runtime.
//!
//! Each piece of work in the form in which it is usually written, and in the fastest that is known:
//! a length-prefixed echo as `Framed` with `send().await`, and as one that writes once for all the
//! frames of a read.

use std::future::Future;
use std::io;

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio_util::codec::{Decoder, Encoder, LengthDelimitedCodec};

use crate::server::announce;
use crate::tokio_web as web;

const AT: &str = "127.0.0.1:0";
const KIB: usize = 1024;

/// Serves until it is killed. `kind` is one of those that [`crate::cases`] names.
pub(crate) fn serve(kind: &str) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        match kind {
            "raw" => accept(|stream| raw(stream, 4 * KIB)).await,
            "raw-16k" => accept(|stream| raw(stream, 16 * KIB)).await,
            "raw-64k" => accept(|stream| raw(stream, 64 * KIB)).await,
            "framed" => accept(framed).await,
            "framed-send" => accept(framed_send).await,
            "workers" => {
                let worker = Worker::start();
                accept(move |stream| worker.clone().serve(stream)).await
            }
            "workers-blocking" => accept(spawn_blocking).await,
            "broadcast" => {
                let (room, _) = broadcast::channel(64);
                accept(move |stream| member(stream, room.clone())).await
            }
            "udp" => udp().await,
            "http" => accept(web::hello).await,
            "ws" => accept(web::echo).await,
            "ws-fast" => accept(web::fast_echo).await,
            "tls" => {
                let tls = web::acceptor()?;
                let seal = move |stream| {
                    let tls = tls.clone();
                    async move { raw(tls.accept(stream).await?, 16 * KIB).await }
                };
                accept(seal).await
            }
            "https" => {
                let tls = web::acceptor()?;
                let seal = move |stream| {
                    let tls = tls.clone();
                    async move { web::hello(tls.accept(stream).await?).await }
                };
                accept(seal).await
            }
            "ws-broadcast" => {
                let (room, _) = broadcast::channel(64);
                accept(move |stream| web::member(stream, room.clone())).await
            }
            _ => Err(io::Error::other(format!("tokio has no server `{kind}`"))),
        }
    })
}

async fn accept<F>(serve: impl Fn(TcpStream) -> F) -> io::Result<()>
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind(AT).await?;
    announce(listener.local_addr()?.port());
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(serve(stream));
    }
}

async fn raw<S>(mut stream: S, size: usize) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut block = vec![0; size];
    loop {
        match stream.read(&mut block).await? {
            0 => return Ok(()),
            count => stream.write_all(&block[..count]).await?,
        }
    }
}

/// One write for all the frames of a read.
async fn framed(mut stream: TcpStream) -> io::Result<()> {
    let mut codec = LengthDelimitedCodec::new();
    let (mut input, mut output) = (BytesMut::with_capacity(8 * KIB), BytesMut::new());
    while stream.read_buf(&mut input).await? > 0 {
        while let Some(frame) = codec.decode(&mut input)? {
            codec.encode(frame.freeze(), &mut output)?;
        }
        stream.write_all(&output).await?;
        output.clear();
    }
    Ok(())
}

async fn framed_send(stream: TcpStream) -> io::Result<()> {
    let mut frames = LengthDelimitedCodec::new().framed(stream);
    while let Some(frame) = frames.next().await {
        frames.send(frame?.freeze()).await?;
    }
    Ok(())
}

/// The frames of one read, and where their answers are awaited.
struct Job {
    frames: Vec<Bytes>,
    reply: oneshot::Sender<BytesMut>,
}

/// A thread that answers the frames of all connections, read by read.
#[derive(Clone)]
struct Worker(mpsc::UnboundedSender<Job>);

impl Worker {
    fn start() -> Self {
        let (jobs, mut queue) = mpsc::unbounded_channel::<Job>();
        std::thread::spawn(move || {
            let mut codec = LengthDelimitedCodec::new();
            while let Some(job) = queue.blocking_recv() {
                let mut output = BytesMut::new();
                for frame in job.frames {
                    codec.encode(frame, &mut output).expect("it was a frame when it came");
                }
                // Nobody waits if the connection is gone.
                let _ = job.reply.send(output);
            }
        });
        Self(jobs)
    }

    async fn serve(self, mut stream: TcpStream) -> io::Result<()> {
        let mut codec = LengthDelimitedCodec::new();
        let mut input = BytesMut::with_capacity(8 * KIB);
        while stream.read_buf(&mut input).await? > 0 {
            let mut frames = Vec::new();
            while let Some(frame) = codec.decode(&mut input)? {
                frames.push(frame.freeze());
            }
            let (reply, answer) = oneshot::channel();
            self.0.send(Job { frames, reply }).map_err(io::Error::other)?;
            stream.write_all(&answer.await.map_err(io::Error::other)?).await?;
        }
        Ok(())
    }
}

async fn spawn_blocking(stream: TcpStream) -> io::Result<()> {
    let mut frames = LengthDelimitedCodec::new().framed(stream);
    while let Some(frame) = frames.next().await {
        let frame = frame?.freeze();
        let answer = tokio::task::spawn_blocking(move || frame).await?;
        frames.send(answer).await?;
    }
    Ok(())
}

async fn member(mut stream: TcpStream, room: broadcast::Sender<Bytes>) -> io::Result<()> {
    let (mut block, mut lines) = ([0; 1024], room.subscribe());
    loop {
        tokio::select! {
            line = lines.recv() => match line {
                Ok(line) => stream.write_all(&line).await?,
                Err(error) => return Err(io::Error::other(error)),
            },
            count = stream.read(&mut block) => match count? {
                0 => return Ok(()),
                count => drop(room.send(Bytes::copy_from_slice(&block[..count]))),
            },
        }
    }
}

async fn udp() -> io::Result<()> {
    let socket = UdpSocket::bind(AT).await?;
    announce(socket.local_addr()?.port());
    let mut block = vec![0; 64 * KIB];
    loop {
        let (count, from) = socket.recv_from(&mut block).await?;
        socket.send_to(&block[..count], from).await?;
    }
}
