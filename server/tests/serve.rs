//! `verigator serve` and the commands beside it, from outside.
#![cfg(all(feature = "cli", unix))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod common;
#[path = "common/kills.rs"]
mod kills;
#[path = "common/ledger.rs"]
mod ledger;
#[path = "common/program.rs"]
mod program;

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    process::Stdio,
    time::Duration,
};

use kills::survives_kills;
use program::{Printed, Served, account, pin, run, said, verigator};
use serde_json::json;

#[tokio::test]
async fn it_serves_drains_and_remembers() {
    let folder = tempfile::tempdir().unwrap();
    let password = account(folder.path(), "shop");
    let key = folder.path().join("verigator.key");
    assert_eq!(key.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let auth = format!("shop:{password}");
    let printed = Printed::default();
    let mut first = Served::start(folder.path(), &[], &printed);
    let client = first.client(&auth);
    let user = client.user(&client.service("shop").await, "jo").await;
    assert_eq!(client.initiate(&user, "sms").await.status, 201);
    let right = pin(&printed, common::PHONE).await.unwrap();
    // A second server on the same file would send its messages, too.
    let second = run(folder.path(), &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(second.status.code(), Some(2));
    assert!(said(&second.stderr).ends_with("another server uses verigator.db\n"));
    assert_eq!(first.end("-TERM"), Some(0));

    let mut second = Served::start(folder.path(), &[], &printed);
    let client = second.client(&auth);
    assert_eq!(client.verify(&user, &right).await.json()["verified"], true);
    assert_eq!(client.verify(&user, &right).await.status, 404);
    assert_eq!(second.end("-INT"), Some(0));
}

#[tokio::test]
async fn a_server_that_keeps_nothing_prints_its_account() {
    let folder = tempfile::tempdir().unwrap();
    let serve = ["serve", "--listen", "127.0.0.1:0", "--store", "memory:"];
    let mut child = verigator(folder.path(), &serve)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut line = || lines.next().unwrap().unwrap();
    let url = line().strip_prefix("Verigator on ").unwrap().to_owned();
    let account = line();
    let password = account.strip_prefix("account verigator with password ");
    let auth = format!("verigator:{}", password.unwrap());
    let served = Served {
        child,
        url,
        reading: None,
    };
    served.client(&auth).service("shop").await;
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}

#[tokio::test]
async fn accounts_and_users_from_the_shell() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let old = account(at, "shop");
    account(at, "cafe");
    let output = run(at, &["account", "create", "shop"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        said(&output.stderr),
        "verigator: an account of this name exists\n"
    );
    let new = said(&run(at, &["account", "rotate", "shop"]).stdout)
        .trim()
        .to_owned();
    assert_ne!(new, old);
    assert_eq!(
        run(at, &["account", "disable", "cafe"]).status.code(),
        Some(0)
    );
    let listed = said(&run(at, &["account", "list"]).stdout);
    let lines: Vec<&str> = listed.lines().collect();
    assert!(
        lines[0].starts_with("cafe ") && lines[0].ends_with(" disabled"),
        "{listed}"
    );
    assert!(
        lines[1].starts_with("shop ") && !lines[1].ends_with("disabled"),
        "{listed}"
    );

    let served = Served::start(
        at,
        &["--lock-after", "1", "--tries", "3"],
        &Printed::default(),
    );
    for (auth, status) in [(format!("shop:{old}"), 401), (format!("shop:{new}"), 404)] {
        let nothing = format!("/v1/service/service/{}", uuid::Uuid::nil());
        let answer = served.client(&auth).get(&nothing).await;
        assert_eq!(answer.status, status);
    }
    let client = served.client(&format!("shop:{new}"));
    let user = client.user(&client.service("shop").await, "jo").await;
    client.initiate(&user, "sms").await;
    let result = async || client.verify(&user, "x").await.json()["status"]["result"].clone();
    assert_eq!(
        (result().await, result().await),
        (json!("INVALID"), json!("THROTTLED"))
    );
    // Beside the server that runs.
    let id = user.rsplit('/').next().unwrap();
    assert_eq!(run(at, &["users", "unlock", id]).status.code(), Some(0));
    assert_eq!(result().await, "INVALID");
    let nobody = uuid::Uuid::nil().to_string();
    let output = run(at, &["users", "unlock", &nobody]);
    assert_eq!(
        (output.status.code(), said(&output.stderr)),
        (Some(2), "verigator: no such user\n".to_owned())
    );
}

#[test]
fn what_it_cannot_use_ends_it_with_2_and_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    account(at, "shop");
    fs::write(at.join("bad.toml"), "listen = ").unwrap();
    fs::write(at.join("unknown.toml"), "bogus = 1").unwrap();
    fs::write(at.join("wrong.toml"), "valid-for = \"soon\"").unwrap();
    fs::write(at.join("list.toml"), "tries = 1.5").unwrap();
    fs::write(at.join("open.key"), "00".repeat(32)).unwrap();
    fs::write(at.join("other.key"), "00".repeat(32)).unwrap();
    fs::write(at.join("no.key"), "secret").unwrap();
    for (name, mode) in [("open.key", 0o644), ("other.key", 0o600), ("no.key", 0o600)] {
        fs::set_permissions(at.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    for (arguments, line) in [
        (
            vec!["--store", "mysql://jo:s3cret@db/x"],
            "--store: a store is sqlite:FILE, postgres://… or memory:\n",
        ),
        (
            vec!["--store", "sqlite:no/such/folder"],
            "cannot use no/such/folder.lock: ",
        ),
        (
            vec!["--deliver", "pigeon"],
            "--deliver takes console, messente and webhook=URL, not 'pigeon'",
        ),
        (
            vec!["--valid-for", "2d"],
            "a PIN is valid for 1 second to 24 hours",
        ),
        (
            vec!["--pin-length", "3"],
            "invalid value '3' for '--pin-length <PIN_LENGTH>': a PIN has 4 to 10 digits",
        ),
        (
            vec!["--template", "x"],
            "invalid value 'x' for '--template <TEMPLATE>'",
        ),
        (
            vec!["--user-budget", "5"],
            "invalid value '5' for '--user-budget <USER_BUDGET>'",
        ),
        (
            vec!["--drain", "1"],
            "invalid value '1' for '--drain <DRAIN>'",
        ),
        (
            vec!["--key-file", "missing"],
            "missing is not there, and the database was written with a key",
        ),
        (
            vec!["--key-file", "open.key"],
            "open.key can be read by others; it must have mode 600",
        ),
        (
            vec!["--key-file", "other.key"],
            "cannot open verigator.db: the server's key is not the one",
        ),
        (
            vec!["--key-file", "no.key"],
            "no.key: a key is 64 hexadecimal digits",
        ),
        (vec!["--config", "missing"], "cannot read missing: "),
        (vec!["--config", "bad.toml"], "bad.toml: "),
        (
            vec!["--config", "unknown.toml"],
            "unexpected argument '--bogus' found",
        ),
        (
            vec!["--config=wrong.toml"],
            "invalid value 'soon' for '--valid-for <VALID_FOR>'",
        ),
        (vec!["--config", "list.toml"], "list.toml: tries is neither"),
        (
            vec!["--config"],
            "a value is required for '--config <FILE>'",
        ),
    ] {
        let output = run(
            at,
            &[&["serve", "--listen", "127.0.0.1:0"], &arguments[..]].concat(),
        );
        let said = said(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?} {said}");
        assert!(
            said.starts_with(&format!("verigator: {line}")),
            "{arguments:?} {said}"
        );
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(!said.contains("s3cret"), "{said}");
        assert!(output.stdout.is_empty());
    }
    let output = run(at, &["account", "list", "--store", "memory:"]);
    assert!(said(&output.stderr).contains("only a running server knows"));
}

#[test]
fn the_command_line_wins_over_the_environment_and_that_over_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let config = "store = \"sqlite:file.db\"\nkey-file = \"a.key\"\nallow-prefix = [\"+372\", \"+371\"]\nautofill = true\nlog = \"json\"\n";
    fs::write(at.join("verigator.toml"), config).unwrap();
    let list = |arguments: &[&str], environment: Option<&str>| {
        let list = [
            &["account", "list", "--config", "verigator.toml"],
            arguments,
        ]
        .concat();
        let mut command = verigator(at, &list);
        command.envs(environment.map(|it| ("VERIGATOR_STORE", it)));
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", said(&output.stderr));
        ["file.db", "env.db", "line.db"].map(|name| at.join(name).exists())
    };
    assert_eq!(
        list(&["--store", "sqlite:line.db"], Some("sqlite:env.db")),
        [false, false, true]
    );
    assert_eq!(list(&[], Some("sqlite:env.db")), [false, true, true]);
    assert_eq!(list(&[], None), [true, true, true]);
    assert!(at.join("a.key").exists());
    let listening = Served::start(at, &["--config", "verigator.toml"], &Printed::default());
    drop(listening);
}

/// Kills of the one test that takes longest; enough to meet every step of a request.
const KILLS: u64 = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_under_load_it_loses_nothing_and_accepts_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    survives_kills(folder.path(), &[], KILLS, Duration::from_secs(2)).await;
}
