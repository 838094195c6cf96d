//! A network that loses one packet in twenty costs time, and no answer: curl asks a proxy, and that
//! an origin, in a network namespace of their own where the kernel drops packets by chance.
//! `.ci/run` runs it. Where no namespace can be made, it says so and is left out.
#![cfg(target_os = "linux")]

use std::process::Command;

use process::{Process, foreign};

#[path = "common/process.rs"]
#[allow(dead_code, reason = "shared with other tests, which use the rest")]
mod process;

/// Packets that are lost, of all.
const LOSS: &str = "0.05";
const REQUESTS: usize = 200;
const SIZE: usize = 20_000;

/// A loopback of its own, gone with this.
struct Network(String);

impl Network {
    /// One that loses packets; `None` if that can't be had here.
    fn lossy() -> Option<Self> {
        let name = format!("overt-{}", std::process::id());
        let made = Command::new("ip").args(["netns", "add", &name]).status().expect("`ip` is here");
        let network = made.success().then_some(Self(name))?;
        foreign(network.command("ip").args(["link", "set", "lo", "up"]), b"");
        let rule = ["-A", "INPUT", "-i", "lo", "-m", "statistic", "--mode", "random"];
        let rule = rule.into_iter().chain(["--probability", LOSS, "-j", "DROP"]);
        // Which of the two a kernel knows, it alone can tell.
        let loses = ["iptables", "iptables-legacy"].into_iter().any(|program| {
            let tried = network.command(program).args(rule.clone()).status();
            tried.is_ok_and(|status| status.success())
        });
        loses.then_some(network)
    }

    /// A program that runs in it.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.0, program]);
        command
    }

    fn overt(&self, arguments: &[&str]) -> Process {
        let mut command = self.command(env!("CARGO_BIN_EXE_overt"));
        Process::start(command.args(arguments).args(["--listen", "127.0.0.1:0"]))
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).status();
    }
}

#[test]
#[ignore = "needs ip, iptables and curl"]
fn two_hundred_requests_through_a_lossy_network_are_answered_in_full() {
    let Some(network) = Network::lossy() else {
        return println!("left out: no network namespace that loses packets can be made here");
    };
    let origin = network.overt(&["origin"]);
    let backend = origin.address("origin").to_string();
    let proxy = network.overt(&["proxy", "--to", &backend]);
    let urls = format!("http://{}/bytes/{SIZE}?[1-{REQUESTS}]", proxy.address("proxy"));
    let mut curl = network.command("curl");
    curl.args(["-sS", "-m", "120", "-Z", "--parallel-max", "20", "-o", "/dev/null"]);
    curl.args(["-w", "%{http_code} %{size_download}\n", &urls]);
    let answers = foreign(&mut curl, b"");
    let answers: Vec<&str> = answers.lines().collect();
    assert_eq!(answers, vec![format!("200 {SIZE}"); REQUESTS]);
    proxy.ends();
    origin.ends();
}
