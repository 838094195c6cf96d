//! Clients that are not ours talk to `overt`: Python's `socket` and `asyncio`, `nc`, tokio-util's
//! codec, and Go's `net` where Go is installed. `.ci/run` runs those that need what a machine with
//! Rust may not have.

use std::net::SocketAddr;
use std::process::Command;

use futures_util::{SinkExt, StreamExt};
use process::{Process, foreign};
use tokio_util::codec::{FramedRead, FramedWrite, LengthDelimitedCodec};

#[path = "common/process.rs"]
#[allow(dead_code, reason = "shared with other tests, which use the rest")]
mod process;

fn serve(service: &str, more: &[&str]) -> (Process, SocketAddr) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_overt"));
    command.args([service, "--listen", "127.0.0.1:0"]).args(more);
    let server = Process::start(&mut command);
    let at = server.address(" on ");
    (server, at)
}

fn python(program: &str, at: SocketAddr) -> String {
    foreign(Command::new("python3").args(["-c", program, &at.port().to_string()]), b"")
}

fn nc(flags: &[&str], at: SocketAddr, input: &[u8]) -> String {
    let port = at.port().to_string();
    foreign(Command::new("nc").args(flags).args(["127.0.0.1", &port]), input)
}

#[test]
#[ignore = "needs python3"]
fn python_sockets_get_their_frames_back() {
    const PROGRAM: &str = r#"
import socket, struct, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=60)
frames = [bytes([n % 251]) * (n * 37 % 5000) for n in range(300)] + [bytes(1 << 20)]
def exactly(count):
    got = b""
    while len(got) < count:
        more = s.recv(count - len(got))
        assert more, "the end, too early"
        got += more
    return got
for frame in frames:
    s.sendall(struct.pack(">I", len(frame)) + frame)
    assert exactly(struct.unpack(">I", exactly(4))[0]) == frame
print("same")
"#;
    for workers in ["0", "2"] {
        let (server, at) = serve("frames", &["--workers", workers]);
        assert_eq!(python(PROGRAM, at), "same\n");
        server.ends();
    }
}

#[test]
#[ignore = "needs python3"]
fn a_hundred_asyncio_streams_echo_at_once() {
    const PROGRAM: &str = r#"
import asyncio, sys
async def one(number):
    reader, writer = await asyncio.open_connection("127.0.0.1", int(sys.argv[1]))
    sent = bytes([number]) * 100_000
    writer.write(sent)
    writer.write_eof()
    assert await reader.read(-1) == sent
    writer.close()
async def all():
    await asyncio.wait_for(asyncio.gather(*(one(number) for number in range(100))), 60)
asyncio.run(all())
print("same")
"#;
    let (server, at) = serve("echo", &["--loops", "2"]);
    assert_eq!(python(PROGRAM, at), "same\n");
    server.ends();
}

#[test]
#[ignore = "needs python3"]
fn asyncio_datagrams_come_back() {
    const PROGRAM: &str = r#"
import asyncio, sys
class Client(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.left, self.done = 500, asyncio.get_running_loop().create_future()
        self.transport = transport
        transport.sendto(b"500")
    def datagram_received(self, data, _):
        assert data == str(self.left).encode()
        self.left -= 1
        if self.left: self.transport.sendto(str(self.left).encode())
        else: self.done.set_result(None)
async def talk():
    loop = asyncio.get_running_loop()
    at = ("127.0.0.1", int(sys.argv[1]))
    _, client = await loop.create_datagram_endpoint(Client, remote_addr=at)
    await asyncio.wait_for(client.done, 60)
asyncio.run(talk())
print("same")
"#;
    let (server, at) = serve("udp-echo", &["--loops", "2"]);
    assert_eq!(python(PROGRAM, at), "same\n");
    server.ends();
}

#[test]
#[ignore = "needs nc"]
fn nc_echoes_and_chats() {
    let many = "all that nc sends\n".repeat(20_000);
    let (server, at) = serve("echo", &[]);
    assert_eq!(nc(&["-N"], at, many.as_bytes()), many);
    server.ends();
    let (server, at) = serve("chat", &[]);
    let said = nc(&["-N"], at, b"/nick ann\n/who\n/quit\n");
    assert!(said.ends_with("* you are now ann\n* in lobby: ann\n* good bye\n"), "{said}");
    server.ends();
}

#[test]
fn the_codec_of_tokio_util_gets_its_frames_back() {
    let (server, at) = serve("frames", &["--workers", "2"]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(at).await.unwrap();
        let (reader, writer) = stream.into_split();
        let mut sink = FramedWrite::new(writer, LengthDelimitedCodec::new());
        let mut frames = FramedRead::new(reader, LengthDelimitedCodec::new());
        let frame = |number: usize| bytes::Bytes::from(vec![number as u8; number * 31 % 20_000]);
        let send = async {
            for number in 0..2000 {
                sink.feed(frame(number)).await.unwrap();
            }
            SinkExt::<bytes::Bytes>::flush(&mut sink).await.unwrap();
        };
        let receive = async {
            for number in 0..2000 {
                assert_eq!(frames.next().await.unwrap().unwrap(), frame(number));
            }
        };
        tokio::join!(send, receive);
    });
    server.ends();
}

const GO: &str = r#"package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	conn, err := net.Dial("tcp", os.Args[1])
	must(err)
	must(conn.SetDeadline(time.Now().Add(time.Minute)))
	const count = 1000
	frame := func(n int) []byte { return bytes.Repeat([]byte{byte(n)}, n*17%9000) }
	go func() {
		for n := 0; n < count; n++ {
			must(binary.Write(conn, binary.BigEndian, uint32(len(frame(n)))))
			_, err := conn.Write(frame(n))
			must(err)
		}
		must(conn.(*net.TCPConn).CloseWrite())
	}()
	all, err := io.ReadAll(conn)
	must(err)
	for n := 0; n < count; n++ {
		size := int(binary.BigEndian.Uint32(all))
		if !bytes.Equal(all[4:4+size], frame(n)) {
			panic(n)
		}
		all = all[4+size:]
	}
	fmt.Println("same", len(all))
}
"#;

#[test]
#[ignore = "needs go"]
fn go_gets_its_frames_back() {
    if Command::new("go").arg("version").output().is_err() {
        println!("left out: go is not installed");
        return;
    }
    let folder = std::env::temp_dir().join(format!("overt-go-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let program = folder.join("main.go");
    std::fs::write(&program, GO).unwrap();
    let (server, at) = serve("frames", &["--workers", "2"]);
    let mut go = Command::new("go");
    go.current_dir(&folder).env("GOFLAGS", "").env("GO111MODULE", "off");
    let printed = foreign(go.arg("run").arg(&program).arg(at.to_string()), b"");
    assert_eq!(printed, "same 0\n");
    server.ends();
    std::fs::remove_dir_all(&folder).unwrap();
}
