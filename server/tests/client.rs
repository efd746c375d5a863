//! The client's commands, from a shell, against `verigator serve` itself.
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
    fs,
    io::{Read, Write},
    net::TcpListener,
    path::Path,
    process::{Command, Output, Stdio},
    thread,
    time::Duration,
};

use certificates::Authority;
use common::{PHONE, wrong};
use program::{Printed, Served, account, pin, run, said, verigator};
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;
use verigator_server::{
    clock::{Clock, SystemClock},
    engine::totp::TotpSecret,
};

/// A server, and a shell whose environment names it.
struct House {
    folder: TempDir,
    served: Served,
    password: String,
    printed: Printed,
}

impl House {
    fn new(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (password, printed) = (account(folder.path(), "shop"), Printed::default());
        let served = Served::start(folder.path(), arguments, &printed);
        Self {
            folder,
            served,
            password,
            printed,
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = verigator(self.folder.path(), arguments);
        command
            .env("VERIGATOR_ENDPOINT", &self.served.url)
            .env("VERIGATOR_USERNAME", "shop")
            .env("VERIGATOR_PASSWORD", &self.password);
        command
    }

    fn ask(&self, arguments: &[&str]) -> Answer {
        Answer::of(&self.command(arguments).output().unwrap())
    }

    /// With a line on standard input.
    fn tell(&self, arguments: &[&str], line: &str) -> Answer {
        told(&mut self.command(arguments), line)
    }

    /// What it prints with `--json`: one line.
    fn json(&self, arguments: &[&str]) -> Value {
        one_line(&self.ask(&[arguments, &["--json"]].concat()))
    }

    /// The ids of a new service and a new user.
    fn user(&self) -> [String; 2] {
        let service = self.json(&["services", "create", "shop.example", "Shop"]);
        let service = text(&service["id"]);
        let user = self.json(&["users", "create", &service, PHONE, "jo"]);
        [service, text(&user["id"])]
    }

    async fn pin(&self) -> String {
        pin(&self.printed, PHONE).await.unwrap()
    }
}

fn told(command: &mut Command, line: &str) -> Answer {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = piped.stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(line.as_bytes()).unwrap();
    drop(input);
    Answer::of(&child.wait_with_output().unwrap())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[derive(Debug)]
struct Answer {
    status: i32,
    out: String,
    error: String,
}

impl Answer {
    fn of(output: &Output) -> Self {
        Self {
            status: output.status.code().unwrap(),
            out: said(&output.stdout),
            error: said(&output.stderr),
        }
    }

    /// That nothing was refused, and this was printed.
    fn is(&self, status: i32, out: &str) {
        let is = (self.status, self.out.as_str(), self.error.as_str());
        assert_eq!(is, (status, out, ""));
    }

    /// That it was refused with this status, in one line that begins so.
    fn is_refused(&self, status: i32, line: &str) {
        assert_eq!((self.status, self.out.as_str()), (status, ""), "{self:?}");
        let begins = self.error.starts_with(&format!("verigator: {line}"));
        assert!(begins && self.error.ends_with('\n'), "{self:?}");
        assert_eq!(self.error.lines().count(), 1, "{self:?}");
    }
}

fn one_line(answer: &Answer) -> Value {
    assert_eq!(answer.error, "");
    let line = answer.out.strip_suffix('\n').unwrap();
    assert!(!line.contains('\n'), "{line}");
    serde_json::from_str(line).unwrap()
}

/// The names in an object, in the order they were written.
fn names(line: &str) -> Vec<&str> {
    let quoted = line.split('"').skip(1).step_by(2);
    quoted
        .collect::<Vec<_>>()
        .chunks(2)
        .map(|it| it[0])
        .collect()
}

#[test]
fn services_and_users() {
    let house = House::new(&[]);
    let create = ["services", "create", "shop.example", "Shop"];
    let made = house.ask(&create);
    let lines: Vec<&str> = made.out.lines().collect();
    let id = lines[0].strip_prefix("id       ").unwrap();
    assert!(id.parse::<Uuid>().is_ok(), "{made:?}");
    assert!(lines[1].starts_with("created  2"), "{made:?}");
    assert_eq!(lines[2..], ["name     Shop"]);
    house.ask(&["services", "get", id]).is(0, &made.out);
    let shown = house.ask(&["services", "get", id, "--json"]);
    assert_eq!(names(&shown.out), ["id", "ctime", "name"]);
    let service = one_line(&shown);
    assert_eq!(
        (&service["id"], &service["name"]),
        (&json!(id), &json!("Shop"))
    );
    house
        .ask(&create)
        .is_refused(3, "the account has a service of this name or fqdn (");

    let users = ["users", "list", id];
    house.ask(&users).is(0, "");
    assert_eq!(house.json(&users), json!([]));
    let made = house.ask(&["users", "create", id, "+372 5555 5555", "jo"]);
    let lines: Vec<&str> = made.out.lines().collect();
    let user = lines[0].strip_prefix("id        ").unwrap();
    let created = lines[1].strip_prefix("created   ").unwrap();
    assert_eq!(lines[2..], ["username  jo"]);
    house.ask(&["users", "get", id, user]).is(0, &made.out);
    // An option may stand anywhere.
    let shown = house.ask(&["users", "--json", "get", id, user]);
    assert_eq!(names(&shown.out), ["id", "ctime", "id_in_service"]);
    let other = house.json(&["users", "create", id, "+37255555556", "é"]);
    house.ask(&users).is(
        0,
        &format!(
            "{user}  {created}  jo\n{}  {}  é\n",
            text(&other["id"]),
            text(&other["ctime"])
        ),
    );
    assert_eq!(house.json(&users), json!([one_line(&shown), other]));

    house.ask(&["users", "delete", id, user]).is(0, "done\n");
    let other = text(&other["id"]);
    assert_eq!(house.json(&["users", "delete", id, &other]), json!({}));
    house
        .ask(&["users", "get", id, user])
        .is_refused(3, "no such user (outcome: rejected");
    assert_eq!(house.json(&["services", "delete", id]), json!({}));
    let gone = house.ask(&["services", "delete", id]);
    gone.is_refused(3, "no such service (outcome: rejected; request ");
}

#[tokio::test]
async fn a_pin() {
    let house = House::new(&["--tries", "3"]);
    let [service, user] = &house.user();
    let initiate = ["auth", "initiate", service, user];
    let verify = |token: &str, more: &[&str]| {
        house.ask(&[&["auth", "verify", service, user, token], more].concat())
    };
    verify("1", &[]).is_refused(3, "no authentication was started (outcome: rejected");
    house.ask(&initiate).is(0, "sms\n");
    let again = house.ask(&initiate);
    again.is_refused(3, "an authentication was started a moment ago");
    assert!(
        again.error.contains("(outcome: rejected; try again in "),
        "{again:?}"
    );
    let pin = house.pin().await;
    verify(&wrong(&pin), &[]).is(1, "not verified: INVALID\n");
    let no = verify(&wrong(&pin), &["--json", "--method", "sms"]);
    assert_eq!(no.status, 1);
    let no = one_line(&no);
    assert_eq!(
        (&no["verified"], &no["method"]),
        (&json!(false), &json!("sms"))
    );
    assert_eq!(no["status"]["result"], "INVALID");
    let stdin = ["auth", "verify", service, user, "-"];
    house
        .tell(&stdin, &format!(" {pin}\r\nand more\n"))
        .is(0, "verified\n");
    let spent = house.tell(&stdin, &format!("{pin}\n"));
    spent.is_refused(3, "no authentication was started (");

    // A second user: throttled, then right.
    let user = house.json(&["users", "create", service, "+37255555556", "al"]);
    let user = &text(&user["id"]);
    let initiate = [
        "auth", "initiate", service, user, "--json", "--method", "totp",
    ];
    let started = house.ask(&initiate);
    assert_eq!(started.out, "{\"method\":\"sms\"}\n");
    let pin = program::pin(&house.printed, "+37255555556").await.unwrap();
    let verify = |token: &str| house.ask(&["auth", "verify", service, user, token, "--json"]);
    for _ in 0..3 {
        verify("x");
    }
    let no = verify(&pin);
    assert_eq!(
        (no.status, &one_line(&no)["status"]["result"]),
        (1, &json!("THROTTLED"))
    );
}

#[tokio::test]
async fn a_right_pin_in_json_is_0() {
    let house = House::new(&[]);
    let [service, user] = &house.user();
    house
        .ask(&["auth", "initiate", service, user])
        .is(0, "sms\n");
    let pin = house.pin().await;
    let yes = house.ask(&["auth", "verify", service, user, &pin, "--json"]);
    yes.is(0, "{\"verified\":true,\"method\":\"sms\"}\n");
}

#[test]
fn an_authenticator() {
    let house = House::new(&[]);
    let [service, user] = &house.user();
    let enrol = ["totp", "enrol", service, user];
    let shown = house.ask(&enrol);
    let lines: Vec<&str> = shown.out.lines().collect();
    let uri = lines[0].strip_prefix("uri     ").unwrap();
    let secret = lines[1].strip_prefix("secret  ").unwrap();
    assert!(
        uri.starts_with("otpauth://totp/") && uri.contains(secret),
        "{shown:?}"
    );
    assert_eq!(lines.len(), 2);
    let enrolled = house.json(&enrol);
    assert!(text(&enrolled["qr"]).starts_with("data:image/svg+xml;base64,"));
    assert_eq!(enrolled.as_object().unwrap().len(), 3);
    assert!(text(&enrolled["uri"]).contains(&text(&enrolled["secret"])));

    let secret = TotpSecret::from_base32(&text(&enrolled["secret"])).unwrap();
    let code = |step: u64| {
        secret.code_at(
            SystemClock
                .now()
                .saturating_add(Duration::from_secs(30 * step))
                .unwrap(),
        )
    };
    let confirm = ["totp", "confirm", service, user, "-"];
    house.tell(&confirm, "x\n").is(1, "not confirmed\n");
    let json = [&confirm[..], &["--json"]].concat();
    house.tell(&json, "x\n").is(1, "{\"confirmed\":false}\n");
    house.tell(&confirm, &code(0)).is(0, "confirmed\n");
    house
        .ask(&enrol)
        .is_refused(3, "the user has an authenticator; remove it first (");
    let initiate = ["auth", "initiate", service, user, "--method", "totp"];
    house.ask(&initiate).is(0, "totp\n");
    let verify = [
        "auth",
        "verify",
        service,
        user,
        &code(1),
        "--method",
        "totp",
    ];
    house.ask(&verify).is(0, "verified\n");
    let remove = ["totp", "remove", service, user];
    house.ask(&remove).is(0, "done\n");
    house
        .ask(&remove)
        .is_refused(3, "the user has no authenticator (");
    let enrolled = house.json(&enrol);
    let secret = TotpSecret::from_base32(&text(&enrolled["secret"])).unwrap();
    let code = secret.code_at(SystemClock.now());
    house
        .ask(&["totp", "confirm", service, user, &code, "--json"])
        .is(0, "{\"confirmed\":true}\n");
    assert_eq!(house.json(&remove), json!({}));
}

#[test]
fn what_it_cannot_use_is_2() {
    let house = House::new(&[]);
    let get = ["services", "get", "x"];
    for (variable, value, line) in [
        ("VERIGATOR_USERNAME", "", "username is missing"),
        ("VERIGATOR_PASSWORD", "", "password is missing"),
        ("VERIGATOR_ENDPOINT", "nowhere", "endpoint is not a URL"),
        (
            "VERIGATOR_ENDPOINT",
            "http://shop.example",
            "endpoint must be https",
        ),
        (
            "VERIGATOR_TIMEOUT",
            "soon",
            "VERIGATOR_TIMEOUT must be a number",
        ),
        (
            "VERIGATOR_CA_BUNDLE",
            "missing.pem",
            "ca_bundle missing.pem cannot be read",
        ),
    ] {
        let output = house.command(&get).env(variable, value).output().unwrap();
        Answer::of(&output).is_refused(2, line);
    }
    for (arguments, line) in [
        (&["services", "get", ""][..], "service_id is empty"),
        (&["services", "get", ".."], "service_id"),
        (
            &["services", "get"],
            "the following required arguments were not provided: <ID>",
        ),
        (
            &["services", "get", "x", "--bogus"],
            "unexpected argument '--bogus' found",
        ),
        (
            &["services", "get", "x", "--config", "x"],
            "unexpected argument '--config' found",
        ),
        (&["services", "unlock"], "unrecognized subcommand 'unlock'"),
        (
            &["auth", "initiate", "s", "u", "--method", "push"],
            "invalid value 'push' for '--method <METHOD>': method must be \"sms\" or \"totp\"",
        ),
        (
            &["auth", "verify", "s", "u", "-"],
            "there is nothing on standard input",
        ),
        (
            &["users", "get", "s", "u", "--store", "memory:"],
            "unexpected argument '--store' found",
        ),
    ] {
        house.ask(arguments).is_refused(2, line);
    }
    house
        .tell(&["totp", "confirm", "s", "u", "-"], "\n1\n")
        .is_refused(2, "there is nothing");
    let mut closed = house.command(&["users", "list", "s"]);
    closed.env("VERIGATOR_ENDPOINT", say_once(200, "{\"users\":[]}"));
    closed
        .arg("--json")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = closed.spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    Answer::of(&output).is_refused(2, "cannot write to standard output: ");
}

/// The address of a server that answers one request so.
fn say_once(status: u16, body: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let length = body.len();
    let answer = format!("HTTP/1.1 {status} .\r\ncontent-length: {length}\r\n\r\n{body}");
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        stream.write_all(answer.as_bytes()).unwrap();
        // Until the client has it.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    url
}

#[test]
fn a_server_that_refuses_fails_or_is_not_there_is_3() {
    let house = House::new(&[]);
    let get = ["services", "get", "x"];
    let ask = |arguments: &[&str], variable: &str, value: &str| {
        let mut command = house.command(arguments);
        command
            .env("VERIGATOR_MAX_RETRIES", "0")
            .env("VERIGATOR_TIMEOUT", "0.5");
        Answer::of(&command.env(variable, value).output().unwrap())
    };
    let wrong = ask(&get, "VERIGATOR_PASSWORD", "wrong");
    wrong.is_refused(
        3,
        "X-Service-Auth must be <username>:<password> of an account (outcome: rejected; request ",
    );
    let endpoint = |arguments: &[&str], url: &str| ask(arguments, "VERIGATOR_ENDPOINT", url);
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let refused = endpoint(&get, &closed);
    refused.is_refused(3, "the server could not be reached: Connection refused");
    assert!(
        refused.error.ends_with(" (outcome: not_sent)\n"),
        "{refused:?}"
    );
    // It takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let initiate = ["auth", "initiate", "s", "u"];
    let failed = endpoint(&initiate, &url);
    failed.is_refused(3, "the server did not answer in time (");
    assert!(
        failed.error.ends_with(" (outcome: unknown)\n"),
        "{failed:?}"
    );
    for (status, body, outcome) in [(502, "<html>", "unknown"), (201, "{}", "accepted")] {
        let failed = endpoint(&initiate, &say_once(status, body));
        failed.is_refused(3, "");
        let end = format!(" (outcome: {outcome})\n");
        assert!(failed.error.ends_with(&end), "{failed:?}");
    }
}

#[test]
fn what_a_server_writes_moves_no_cursor_and_makes_no_line() {
    let house = House::new(&[]);
    let get = |url| {
        let mut get = house.command(&["services", "get", "s"]);
        Answer::of(&get.env("VERIGATOR_ENDPOINT", url).output().unwrap())
    };
    let service = r#"{"id":"s","ctime":"t\u009b","name":"a\u001b[2J\nb\u007f"}"#;
    let shown = "id       s\ncreated  t\\u{9b}\nname     a\\u{1b}[2J\\nb\\u{7f}\n";
    get(say_once(200, service)).is(0, shown);
    let refusal = r#"{"message":"a\u001b[2J\r\n b \t"}"#;
    get(say_once(400, refusal)).is_refused(3, "a\\u{1b}[2J b (outcome: rejected)\n");
}

#[test]
fn a_file_for_the_server_is_not_in_the_way() {
    let house = House::new(&["--lock-after", "1"]);
    let at = house.folder.path();
    let [service, user] = &house.user();
    let file = "listen = \"127.0.0.1:0\"\nstore = \"sqlite:verigator.db\"\nkey-file = \"verigator.key\"\ntries = 3\n";
    fs::write(at.join("verigator.toml"), file).unwrap();
    for name in ["verigator.toml", "missing.toml"] {
        let mut get = house.command(&["users", "get", service, user]);
        let output = get.env("VERIGATOR_CONFIG", name).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", said(&output.stderr));
        let output = verigator(at, &["--version"])
            .env("VERIGATOR_CONFIG", name)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", said(&output.stderr));
    }
    // A user may have the name of a command.
    let mut create = house.command(&["users", "create", service, "+37255555556", "unlock"]);
    let output = create
        .env("VERIGATOR_CONFIG", "verigator.toml")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output.stderr));

    fs::rename(at.join("verigator.key"), at.join("other.key")).unwrap();
    let file = file.replace("verigator.key", "other.key");
    fs::write(at.join("verigator.toml"), file).unwrap();
    let unlock = ["--config", "verigator.toml", "users", "unlock", user];
    Answer::of(&run(at, &unlock)).is(0, "");
    let json = ["users", "--json", "unlock", user, "--config=verigator.toml"];
    Answer::of(&run(at, &json)).is(0, "{}\n");
    run_sandbox(at);
}

/// It takes its own options from the file, and lets the others be.
fn run_sandbox(at: &Path) {
    let mut command = verigator(at, &["sandbox", "--config", "verigator.toml"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 38];
    let read = child.stdout.take().unwrap().read_exact(&mut first);
    child.kill().unwrap();
    child.wait().unwrap();
    read.unwrap();
    let first = said(&first);
    assert!(
        first.starts_with("Verigator sandbox on http://127.0.0.1:"),
        "{first}"
    );
}

#[tokio::test]
async fn no_secret_is_in_the_log() {
    // Ten digits: six would turn up in some id or time by chance.
    let house = House::new(&["--pin-length", "10", "--resend-delay", "0s"]);
    let mut log = String::new();
    let mut ask = |arguments: &[&str], line: &str| {
        let mut command = house.command(arguments);
        command.env("VERIGATOR_LOG", "trace");
        let answer = told(&mut command, line);
        log.push_str(&answer.error);
        answer
    };
    let made = ask(
        &["services", "create", "shop.example", "Shop", "--json"],
        "",
    );
    let service = text(&serde_json::from_str::<Value>(&made.out).unwrap()["id"]);
    let create = [
        "users",
        "create",
        &service,
        "+372987654321",
        "pErson",
        "--json",
    ];
    let made = ask(&create, "");
    let user = text(&serde_json::from_str::<Value>(&made.out).unwrap()["id"]);
    ask(&create, "");
    ask(&["users", "list", &service], "");
    ask(&["auth", "initiate", &service, &user], "");
    let pin = program::pin(&house.printed, "+372987654321").await.unwrap();
    let other = wrong(&pin);
    ask(&["auth", "verify", &service, &user, &other], "");
    let verified = ask(&["auth", "verify", &service, &user, "-"], &pin);
    assert_eq!(verified.status, 0);
    ask(&["auth", "verify", &service, &user, &pin], "");
    let enrolled = ask(&["totp", "enrol", &service, &user, "--json"], "");
    let enrolled: Value = serde_json::from_str(&enrolled.out).unwrap();
    let secret = text(&enrolled["secret"]);
    ask(&["totp", "confirm", &service, &user, &other], "");
    let code = TotpSecret::from_base32(&secret)
        .unwrap()
        .code_at(SystemClock.now());
    let confirmed = ask(&["totp", "confirm", &service, &user, "-"], &code);
    assert_eq!(confirmed.status, 0);
    ask(&["users", "delete", &service, &user], "");
    // It was there to be seen.
    for operation in ["users.create", "auth.verify", "totp.confirm"] {
        assert!(log.contains(operation), "{operation} is not in the log");
    }
    assert!(log.contains("TRACE"), "{log}");
    let qr = text(&enrolled["qr"]);
    let secrets = [
        &house.password,
        "987654321",
        "pErson",
        &pin,
        &other,
        &secret,
        &qr[40..80],
    ];
    for secret in secrets {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

#[test]
fn a_server_with_a_certificate_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let authority = Authority::new();
    let identity = authority.identity();
    fs::write(at.join("cert.pem"), &identity.certificate).unwrap();
    fs::write(at.join("key.pem"), &identity.key).unwrap();
    fs::write(at.join("ca.pem"), authority.pem()).unwrap();
    let password = account(at, "shop");
    let serve = ["--tls-cert", "cert.pem", "--tls-key", "key.pem"];
    let served = Served::start(at, &serve, &Printed::default());
    assert!(
        served.url.starts_with("https://127.0.0.1:"),
        "{}",
        served.url
    );
    let ask = |bundle: Option<&str>| {
        let mut command = verigator(at, &["services", "create", "shop.example", "Shop"]);
        command
            .env("VERIGATOR_ENDPOINT", &served.url)
            .env("VERIGATOR_USERNAME", "shop")
            .env("VERIGATOR_PASSWORD", &password)
            .envs(bundle.map(|it| ("VERIGATOR_CA_BUNDLE", it)));
        Answer::of(&command.output().unwrap())
    };
    let refused = ask(None);
    refused.is_refused(3, "");
    assert!(refused.error.contains("certificate"), "{refused:?}");
    assert!(
        refused.error.ends_with("(outcome: not_sent)\n"),
        "{refused:?}"
    );
    assert_eq!(ask(Some("ca.pem")).status, 0);
}
