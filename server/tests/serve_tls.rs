//! `verigator serve` over TLS, from outside: what it cannot use, and a certificate that is renewed
//! while it runs.
#![cfg(all(feature = "cli", unix))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

#[path = "common/certificates.rs"]
mod certificates;
mod common;
#[path = "common/program.rs"]
mod program;

use std::{
    fs::{self, File, Permissions},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use certificates::{Authority, Identity};
use program::{Printed, Served, account, run, said, verigator};
use verigator::{CaBundle, ErrorKind, blocking::Api};

fn put(folder: &Path, identity: &Identity) {
    fs::write(folder.join("cert.pem"), &identity.certificate).unwrap();
    fs::write(folder.join("key.pem"), &identity.key).unwrap();
}

const SERVE: [&str; 6] = [
    "serve",
    "--store",
    "memory:",
    "--tls-cert",
    "cert.pem",
    "--tls-key",
];

#[test]
fn what_it_cannot_use_ends_it_with_2_and_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let identity = Authority::new().identity();
    put(at, &identity);
    let other = Authority::new().identity().key;
    let half = &identity.key[..identity.key.len() / 2];
    fs::write(at.join("other.pem"), &other).unwrap();
    fs::write(at.join("half.pem"), half).unwrap();
    for (arguments, line) in [
        (
            &["--tls-cert", "cert.pem"][..],
            "the following required arguments were not provided: --tls-key <FILE>",
        ),
        (
            &["--tls-key", "key.pem"],
            "the following required arguments were not provided: --tls-cert <FILE>",
        ),
        (
            &["--tls-cert", "no.pem", "--tls-key", "key.pem"],
            "cannot read no.pem: ",
        ),
        (
            &["--tls-cert", "key.pem", "--tls-key", "key.pem"],
            "key.pem holds no certificate in PEM form",
        ),
        (
            &["--tls-cert", "cert.pem", "--tls-key", "half.pem"],
            "half.pem holds no RSA, ECDSA or Ed25519 key in PEM form without a password",
        ),
        (
            &["--tls-cert", "cert.pem", "--tls-key", "other.pem"],
            "the key in other.pem is not the one of the certificate in cert.pem",
        ),
    ] {
        let serve = ["serve", "--store", "memory:", "--listen", "127.0.0.1:0"];
        let output = run(at, &[&serve[..], arguments].concat());
        let said = said(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?} {said}");
        assert!(said.starts_with(&format!("verigator: {line}")), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(output.stdout.is_empty());
        let secrets = identity.key.lines().chain(other.lines());
        for secret in secrets.filter(|it| !it.starts_with("-----")) {
            assert!(!said.contains(secret), "{said}");
        }
    }
}

#[test]
fn a_key_that_all_can_read_is_taken_with_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    put(at, &Authority::new().identity());
    // It ends by itself, after it has read the key.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (mode, warnings) in [(0o600, 0), (0o640, 0), (0o644, 1)] {
        fs::set_permissions(at.join("key.pem"), Permissions::from_mode(mode)).unwrap();
        let output = run(at, &[&SERVE[..], &["key.pem", "--listen", &taken]].concat());
        let said = said(&output.stderr);
        let warned = said.matches("everybody on this machine can read the key");
        assert_eq!(warned.count(), warnings, "{mode:o} {said}");
        assert_eq!(said.lines().count(), 1 + warnings, "{mode:o} {said}");
    }
}

/// Whether a server is trusted by those who trust `authority`.
fn trusts(served: &Served, authority: &Authority) -> bool {
    let api = Api::builder("shop", "wrong")
        .endpoint(&served.url)
        .ca_bundle(CaBundle::Pem(authority.pem().into_bytes()))
        .max_retries(0)
        .build_blocking()
        .unwrap();
    match api.services.get("x").unwrap_err().kind() {
        ErrorKind::WrongCredentials => true,
        ErrorKind::Connection => false,
        other => panic!("{other:?}"),
    }
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn sighup_renews_the_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    account(at, "shop");
    let (old, new) = (Authority::new(), Authority::new());
    put(at, &old.identity());
    let tls = ["--tls-cert", "cert.pem", "--tls-key", "key.pem"];
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    let log = at.join("log");
    let logged = |text: &str| fs::read_to_string(&log).unwrap().contains(text);
    let mut command = verigator(at, &[&serve[..], &tls].concat());
    command.stderr(File::create(&log).unwrap());
    let mut served = Served::spawn(&mut command, &Printed::default());
    assert!(
        served.url.starts_with("https://127.0.0.1:"),
        "{}",
        served.url
    );
    assert!(trusts(&served, &old) && !trusts(&served, &new));

    put(at, &new.identity());
    assert!(!trusts(&served, &new), "nobody has said so yet");
    served.signal("-HUP");
    until("it is renewed", || trusts(&served, &new));
    assert!(!trusts(&served, &old));
    assert!(logged("the certificate was read again"));

    let key = old.identity().key;
    fs::write(at.join("key.pem"), &key).unwrap();
    served.signal("-HUP");
    until("it is told", || logged("the certificate stays as it was"));
    assert!(logged(
        "the key in key.pem is not the one of the certificate in cert.pem"
    ));
    let shown = fs::read_to_string(&log).unwrap();
    assert!(
        key.lines()
            .skip(1)
            .all(|line| line.starts_with("-----") || !shown.contains(line))
    );
    assert!(trusts(&served, &new));

    put(at, &old.identity());
    served.signal("-HUP");
    until("it is renewed again", || trusts(&served, &old));
    assert_eq!(served.end("-TERM"), Some(0));
}
