//! A test that runs again as a process of its own: [`Child`].

use std::io::{BufRead, BufReader};
use std::process::{ChildStdout, Command, Stdio};

/// The variable by which a test knows that it is the child.
pub(crate) const IS_CHILD: &str = "OVERT_TEST_CHILD";

/// A process that runs one test of this same program. Killed when it is dropped.
pub(crate) struct Child {
    process: std::process::Child,
    lines: BufReader<ChildStdout>,
}

impl Child {
    /// Runs the test `name` by `sh`, after the commands `before`.
    pub(crate) fn run(name: &str, before: &str) -> Self {
        Self::run_with(name, before, Stdio::inherit(), Stdio::inherit())
    }

    /// As [`run`](Self::run), with these for descriptors 0 and 2.
    pub(crate) fn run_with(name: &str, before: &str, stdin: Stdio, stderr: Stdio) -> Self {
        let this = std::env::current_exe().unwrap();
        let script = format!("{before} exec \"$0\" --exact {name} --nocapture");
        let mut process = Command::new("sh")
            .args(["-c", &script])
            .arg(this)
            .env(IS_CHILD, "1")
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap());
        Self { process, lines }
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// What follows `key` in the next line that it prints after it.
    pub(crate) fn says(&mut self, key: &str) -> String {
        let mut line = String::new();
        while self.lines.read_line(&mut line).unwrap() > 0 {
            if let Some((_, value)) = line.split_once(key) {
                return value.trim().to_owned();
            }
            line.clear();
        }
        panic!("the child ended without saying {key}");
    }

    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
