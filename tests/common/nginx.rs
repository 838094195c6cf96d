//! An nginx with a configuration and a folder of its own: [`Nginx`].

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

/// A server that is not ours. It ends with the test.
pub(crate) struct Nginx {
    child: Child,
    pub(crate) at: SocketAddr,
    pub(crate) folder: PathBuf,
}

impl Nginx {
    /// Serves `html/` in a folder of the test `name`, and what `server` says besides, in which
    /// `FOLDER` stands for that folder. With TLS if `listen` is `ssl`.
    pub(crate) fn start(name: &str, listen: &str, server: &str) -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("nginx-{name}"));
        let _ = fs::remove_dir_all(&folder); // What an earlier run has left.
        fs::create_dir_all(folder.join("html")).unwrap();
        fs::create_dir_all(folder.join("put")).unwrap();
        // It can't tell which port it got of 0: so one is taken that was free a moment ago.
        let at = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let path = folder.display().to_string();
        let user =
            if env::var_os("USER").is_none_or(|user| user == "root") { "user root;" } else { "" };
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {path}/tmp-{kind};\n"))
            .concat();
        let server = server.replace("FOLDER", &path);
        let config = format!(
            "worker_processes 1; daemon off; {user} pid {path}/pid; error_log {path}/error.log;\n\
             events {{ worker_connections 1024; }}\n\
             http {{ access_log off; {temporary} client_max_body_size 0;\n\
             server {{ listen {at} {listen}; root {path}/html; {server} }} }}\n"
        );
        fs::write(folder.join("nginx.conf"), config).unwrap();
        let mut nginx = Command::new("nginx");
        nginx.arg("-e").arg(folder.join("error.log")).arg("-c").arg(folder.join("nginx.conf"));
        let started = nginx.stdout(Stdio::null()).spawn();
        let mut child = started.unwrap_or_else(|error| {
            panic!("`nginx` is needed as a server that is not ours; please install it: {error}")
        });
        let until = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(at).is_err() {
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < until, "nginx does not serve: {ended:?}");
            thread::park_timeout(Duration::from_millis(1));
        }
        Self { child, at, folder }
    }

    /// Puts a file into what is served.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.folder.join("html").join(name), bytes).unwrap();
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // A master that is killed leaves its workers behind: it is asked first.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}
