//! The program `verigator` as a process of its own, for the tests that look from outside.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::{
    collections::HashMap,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use super::common::Client;

/// Longer than anything takes that does not hang.
const LONG: Duration = Duration::from_mins(1);

/// With nothing in the environment that it would read.
pub(crate) fn verigator(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_verigator"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("VERIGATOR_")) {
        command.env_remove(name);
    }
    command
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null());
    command
}

/// Runs what should end by itself, and is killed when it does not.
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Output {
    let child = verigator(folder, arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let id = child.id().to_string();
    let (ended, waiting) = mpsc::channel::<()>();
    let watching = thread::spawn(move || {
        if waiting.recv_timeout(LONG) == Err(mpsc::RecvTimeoutError::Timeout) {
            let _ = Command::new("kill").args(["-KILL", &id]).status();
        }
    });
    let output = child.wait_with_output().unwrap();
    drop(ended);
    watching.join().unwrap();
    output
}

pub(crate) fn said(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The password of a new account.
pub(crate) fn account(folder: &Path, name: &str) -> String {
    account_in(folder, name, &[])
}

/// [`account`] in the store that the arguments name.
pub(crate) fn account_in(folder: &Path, name: &str, arguments: &[&str]) -> String {
    let output = run(folder, &[&["account", "create", name], arguments].concat());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output.stderr));
    said(&output.stdout).trim().to_owned()
}

/// A message that was printed.
#[derive(Debug, Clone)]
pub(crate) struct Print {
    pub(crate) pin: String,
    /// The process that printed it.
    pub(crate) by: u32,
    /// When it was read.
    pub(crate) at: Instant,
}

/// What was printed, by number.
pub(crate) type Printed = Arc<Mutex<HashMap<String, Vec<Print>>>>;

/// A server that runs; killed when dropped.
pub(crate) struct Served {
    pub(crate) child: Child,
    pub(crate) url: String,
    pub(crate) reading: Option<thread::JoinHandle<()>>,
}

impl Served {
    pub(crate) fn start(folder: &Path, arguments: &[&str], printed: &Printed) -> Self {
        let listen = ["serve", "--listen", "127.0.0.1:0"];
        let mut command = verigator(folder, &[&listen, arguments].concat());
        command.env("VERIGATOR_LOG", "error");
        Self::spawn(&mut command, printed)
    }

    /// Spawns a command that serves.
    pub(crate) fn spawn(command: &mut Command, printed: &Printed) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let url = first.strip_prefix("Verigator on ").unwrap().to_owned();
        let (printed, by) = (Arc::clone(printed), child.id());
        let reading = thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                // "<time> <number>: <pin> is your …"
                let mut words = line.split_whitespace().skip(1);
                let (Some(to), Some(pin)) = (words.next(), words.next()) else {
                    continue;
                };
                let print = Print {
                    pin: pin.to_owned(),
                    by,
                    at: Instant::now(),
                };
                let mut printed = printed.lock().unwrap();
                let to = to.trim_end_matches(':').to_owned();
                printed.entry(to).or_default().push(print);
            }
        });
        Self {
            child,
            url,
            reading: Some(reading),
        }
    }

    pub(crate) fn client(&self, auth: &str) -> Client {
        Client::to(&self.url).with_auth(auth)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        let (_, address) = self.url.split_once("//").unwrap();
        address.parse().unwrap()
    }

    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status();
        assert!(sent.unwrap().success());
    }

    /// Ends it with a signal, and gives its status once all that it printed was read.
    pub(crate) fn end(&mut self, signal: &str) -> Option<i32> {
        self.signal(signal);
        let status = self.child.wait().unwrap();
        if let Some(reading) = self.reading.take() {
            reading.join().unwrap();
        }
        status.code()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The last PIN that was printed for a number, within two seconds.
pub(crate) async fn pin(printed: &Printed, to: &str) -> Option<String> {
    pin_within(printed, to, Duration::from_secs(2)).await
}

/// [`pin`] within another time.
pub(crate) async fn pin_within(printed: &Printed, to: &str, time: Duration) -> Option<String> {
    let begun = Instant::now();
    while begun.elapsed() < time {
        if let Some(prints) = printed.lock().unwrap().get(to) {
            return prints.last().map(|it| it.pin.clone());
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    None
}
