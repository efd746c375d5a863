//! The program `verigator`, from outside.
#![cfg(feature = "cli")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod common;

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    process::{Child, Command, Output, Stdio},
};

use common::{Client, PHONE};

fn verigator() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_verigator"));
    for name in ["VERIGATOR_LISTEN", "VERIGATOR_QUIET", "VERIGATOR_LOG"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    verigator().args(arguments).output().unwrap()
}

/// Ends the program when a test fails in between.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Fails when it has ended, as it should have.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(unix)]
#[tokio::test]
async fn the_sandbox_serves_prints_and_ends() {
    for (signal, quiet) in [("-TERM", false), ("-INT", true)] {
        let mut command = verigator();
        command
            .arg("sandbox")
            .env("VERIGATOR_LISTEN", "127.0.0.1:0")
            .stdout(Stdio::piped());
        if quiet {
            command.env("VERIGATOR_QUIET", "true");
        }
        let mut running = Running(command.spawn().unwrap());
        let mut lines = BufReader::new(running.0.stdout.take().unwrap()).lines();
        let mut line = || lines.next().map(Result::unwrap);
        let url = line()
            .unwrap()
            .strip_prefix("Verigator sandbox on ")
            .unwrap()
            .to_owned();
        assert_eq!(line().unwrap(), "account test with password test");
        assert_eq!(
            line().unwrap(),
            format!("messages at {url}, as JSON at {url}/sandbox/messages")
        );

        let client = Client::to(&url);
        let user = client.user(&client.service("shop").await, "jo").await;
        assert_eq!(client.initiate(&user, "sms").await.status, 201);
        let messages = client
            .get("/sandbox/messages?to=%2B37255555555")
            .await
            .json();
        let text = messages[0]["text"].as_str().unwrap();
        if !quiet {
            let printed = line().unwrap();
            assert!(printed.ends_with(&format!(" {PHONE}: {text}")), "{printed}");
        }
        let id = running.0.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &id])
                .status()
                .unwrap()
                .success()
        );
        assert_eq!(running.0.wait().unwrap().code(), Some(0));
        assert_eq!(line(), None);
    }
}

#[test]
fn what_it_cannot_do_ends_it_with_2_and_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (arguments, line) in [
        (
            vec!["sandbox", "--bogus"],
            "unexpected argument '--bogus' found".to_owned(),
        ),
        (vec!["bogus"], "unrecognized subcommand 'bogus'".to_owned()),
        (
            vec!["sandbox", "--listen"],
            "a value is required for '--listen <LISTEN>'".to_owned(),
        ),
        (
            vec!["sandbox", "--listen", "nowhere"],
            "invalid value 'nowhere' for".to_owned(),
        ),
        (
            vec!["sandbox", "--listen", &taken],
            format!("cannot listen on {taken}: "),
        ),
    ] {
        let output = run(&arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(said.starts_with(&format!("verigator: {line}")), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn an_unreadable_filter_of_the_log_is_refused() {
    let output = verigator()
        .args(["sandbox", "--listen", "127.0.0.1:0"])
        .env("VERIGATOR_LOG", "a=b=c")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("verigator: VERIGATOR_LOG: "), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn it_says_its_version_and_how_to_use_it() {
    let output = run(&["--version"]);
    assert_eq!(output.status.code(), Some(0));
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said, format!("verigator {}\n", env!("CARGO_PKG_VERSION")));
    let output = run(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .contains("sandbox")
    );
    assert_eq!(run(&[]).status.code(), Some(2));
}
