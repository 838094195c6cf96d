//! Their side of the tests: Python's `ssl`, told by a few words what to do.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Command;

use crate::process::{Process, foreign};

const COMMON: &str = r#"
import json, socket, ssl, sys
options = json.loads(sys.argv[1])
tls = ssl.TLSVersion
versions = {"1.1": tls.TLSv1_1, "1.2": tls.TLSv1_2, "1.3": tls.TLSv1_3}
def prepare(context):
    if "version" in options:
        context.minimum_version = context.maximum_version = versions[options["version"]]
        if options["version"] == "1.1":
            context.set_ciphers("ALL:@SECLEVEL=0")
    if "alpn" in options:
        context.set_alpn_protocols(options["alpn"].split(","))
    if "identity" in options:
        context.load_cert_chain(options["identity"] + ".pem", options["identity"] + ".key")
    return context
"#;

const CLIENT: &str = r#"
context = ssl.create_default_context(cafile=options["ca"])
prepare(context)
session = None
for _ in range(options.get("times", 1)):
    seen = {}
    try:
        raw = socket.create_connection(("127.0.0.1", options["port"]), timeout=60)
        name = options.get("name", "localhost")
        with context.wrap_socket(raw, server_hostname=name, session=session) as s:
            seen["version"] = s.version()
            seen["names"] = ",".join(name for _, name in s.getpeercert()["subjectAltName"])
            lines = s.makefile("rb")
            seen["said"] = lines.readline().decode().strip()
            s.sendall(b"x" * options.get("bytes", 10) + b"\n")
            seen["echo"] = len(lines.readline())
            session = s.session
            if options.get("end") == "cut":
                raw = s.detach()
                socket.socket(fileno=raw).close()
            else:
                s.unwrap().close()
    except (ssl.SSLError, OSError) as error:
        seen["error"] = str(error)
    print(json.dumps({key: str(value) for key, value in seen.items()}))
"#;

const SERVER: &str = r#"
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
prepare(context)
if "ca" in options:
    context.load_verify_locations(options["ca"])
    context.verify_mode = ssl.CERT_REQUIRED
listener = socket.create_server(("127.0.0.1", 0))
print("python on", "127.0.0.1:%d" % listener.getsockname()[1], flush=True)
while True:
    raw, _ = listener.accept()
    raw.settimeout(60)
    try:
        with context.wrap_socket(raw, server_side=True) as s:
            line = s.makefile("rb").readline()
            s.sendall(line)
            served = "served %s %s" % (s.version(), s.session_reused)
            if options.get("end") == "cut":
                socket.socket(fileno=s.detach()).close()
            else:
                s.unwrap().close()
            print(served, flush=True)
    except (ssl.SSLError, OSError) as error:
        print("failed", str(error), flush=True)
"#;

/// What a Python client saw on each of its connections.
pub(crate) type Seen = BTreeMap<String, String>;

/// Runs a Python client with these options.
pub(crate) fn client(options: &[(&str, &str)], at: SocketAddr) -> Vec<Seen> {
    let mut options = parsed(options);
    options.insert("port".into(), at.port().into());
    let options = serde_json::Value::from(options).to_string();
    let program = format!("{COMMON}{CLIENT}");
    let printed = foreign(Command::new("python3").args(["-c", &program, &options]), b"");
    printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The same, once.
pub(crate) fn one_client(options: &[(&str, &str)], at: SocketAddr) -> Seen {
    client(options, at).pop().expect("it printed what it saw")
}

/// Starts a Python server with these options; it prints a line for each connection.
pub(crate) fn server(options: &[(&str, &str)]) -> (Process, SocketAddr) {
    let options = serde_json::Value::from(parsed(options)).to_string();
    let program = format!("{COMMON}{SERVER}");
    let server = Process::start(Command::new("python3").args(["-c", &program, &options]));
    let at = server.address("on ");
    (server, at)
}

/// Numbers are numbers, everything else is text.
fn parsed(options: &[(&str, &str)]) -> serde_json::Map<String, serde_json::Value> {
    let value = |text: &str| match text.parse::<u64>() {
        Ok(number) => number.into(),
        Err(_) => text.into(),
    };
    options.iter().map(|(key, text)| ((*key).to_owned(), value(text))).collect()
}
