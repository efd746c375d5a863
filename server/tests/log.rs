//! What `verigator serve` writes to standard error.
#![cfg(all(feature = "cli", unix))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

#[cfg(target_os = "linux")]
#[path = "common/certificates.rs"]
mod certificates;
mod common;
#[path = "common/program.rs"]
mod program;

use std::fs::{self, File};

use program::{Printed, Served, said, verigator};
use serde_json::Value;

/// The lines of a log over one request of each sort: of the API, for what is not there, and for a
/// look at the process.
async fn lines(arguments: &[&str], log: Option<&str>) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let serve = ["serve", "--listen", "127.0.0.1:0", "--store", "memory:"];
    let mut command = verigator(at, &[&serve[..], arguments].concat());
    command.envs(log.map(|it| ("VERIGATOR_LOG", it)));
    command.stderr(File::create(at.join("log")).unwrap());
    let mut served = Served::spawn(&mut command, &Printed::default());
    let client = served.client("shop:wrong");
    for path in [
        "/v1/service/service/x",
        "/sEcret",
        "/healthz",
        "/readyz",
        "/metrics",
    ] {
        client.get(path).await;
    }
    assert_eq!(served.end("-TERM"), Some(0));
    let log = fs::read_to_string(at.join("log")).unwrap();
    log.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn text_has_a_line_for_each_request_and_no_colours() {
    let log = lines(&[], None).await;
    let answered: Vec<&String> = log.iter().filter(|it| it.contains("answered")).collect();
    assert_eq!(answered.len(), 2, "{log:?}");
    assert!(answered[0].contains(" INFO ") && answered[0].contains("operation=\"services.get\""));
    assert!(answered[0].contains("status=401 micros="), "{answered:?}");
    assert!(
        answered[1].contains("operation=\"-\" status=404"),
        "{answered:?}"
    );
    let log = lines(&[], Some("debug")).await;
    // What looks at the process again and again is there for who wants it.
    let looks = log
        .iter()
        .filter(|it| it.contains("DEBUG") && it.contains("answered"));
    assert_eq!(looks.count(), 3, "{log:?}");
    assert!(
        log.iter()
            .all(|it| !it.contains('\u{1b}') && !it.contains("sEcret")),
        "{log:?}"
    );
}

#[tokio::test]
async fn json_has_an_object_on_each_line() {
    let log = lines(&["--log", "json"], Some("trace")).await;
    let log: Vec<Value> = (log.iter())
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect();
    assert!(log.iter().all(Value::is_object));
    let mut answered = log
        .iter()
        .filter(|it| it["fields"]["message"] == "answered");
    let first = answered.next().unwrap();
    let fields = &first["fields"];
    assert_eq!(
        (&first["level"], &fields["operation"]),
        (&"INFO".into(), &"services.get".into())
    );
    assert_eq!(fields["status"], 401);
    assert!(
        fields["micros"].is_u64() && fields["id"].is_string(),
        "{first}"
    );
    assert_eq!(answered.count(), 4);
}

/// `script` gives it a terminal. It ends by itself, since its port is taken, after a warning.
#[cfg(target_os = "linux")]
#[test]
fn a_terminal_gets_colours_unless_it_wants_none() {
    use std::{net::TcpListener, os::unix::fs::PermissionsExt, process::Command};

    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let identity = certificates::Authority::new().identity();
    fs::write(at.join("tls.pem"), identity.certificate + &identity.key).unwrap();
    fs::set_permissions(at.join("tls.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap();
    let program = env!("CARGO_BIN_EXE_verigator");
    let line = format!("{program} serve --listen {taken} --tls-cert tls.pem --tls-key tls.pem");
    let shown = |no_color: Option<&str>| {
        let mut script = Command::new("script");
        script.args(["-qec", &line, "/dev/null"]).current_dir(at);
        script.env_remove("NO_COLOR");
        script.envs(no_color.map(|it| ("NO_COLOR", it)));
        let shown = said(&script.output().unwrap().stdout);
        assert!(shown.contains("can read the key"), "{shown}");
        shown.contains('\u{1b}')
    };
    assert_eq!(
        [shown(None), shown(Some("")), shown(Some("1"))],
        [true, true, false]
    );
}
