//! The client against the server as people run it, on each store: every operation, an authenticator,
//! the styles, and a request that is repeated with its key.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::string_slice,
    reason = "a test"
)]

use std::{
    collections::HashMap,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::Duration,
};

use tempfile::TempDir;
use tokio::runtime::Handle;
use verigator::{
    Api, ErrorKind, Idempotency, Method,
    object_style::{Service, Verigator},
};
use verigator_server::sandbox::Sandbox;
use verigator_tests::faults::{Cut, CuttingProxy, Direction, How};

const ACCOUNT: &str = "shop";
const NUMBER: &str = "+37255555555";
/// How long anything may take that is quick when it works.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server that runs in a folder of its own, with one account; killed when dropped.
struct Served {
    server: Child,
    url: String,
    password: String,
    printed: Arc<Printed>,
    _folder: TempDir,
    _database: Option<Database>,
}

/// The PINs that were printed, by number.
#[derive(Default)]
struct Printed {
    pins: Mutex<HashMap<String, Vec<String>>>,
    came: Condvar,
}

/// A PostgreSQL for as long as this lives: its end is that of its standard input.
struct Database {
    program: Child,
    input: Option<ChildStdin>,
}

impl Drop for Database {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.program.wait();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The program, built beside the tests' own.
fn verigator(folder: &Path, arguments: &[&str]) -> Command {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_verigator-peer")).with_file_name("verigator");
    let is_there = program.exists();
    assert!(is_there, "it is missing: cargo build -p verigator-server");
    let mut command = Command::new(program);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("VERIGATOR_")) {
        command.env_remove(name);
    }
    command.args(arguments).current_dir(folder);
    command.stdin(Stdio::null());
    command
}

impl Served {
    fn on(store: &str, database: Option<Database>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let create = ["account", "create", ACCOUNT, "--store", store];
        let made = verigator(folder.path(), &create).output().unwrap();
        let complaint = String::from_utf8_lossy(&made.stderr).into_owned();
        assert!(made.status.success(), "{complaint}");
        let serve = ["serve", "--listen", "127.0.0.1:0", "--store", store];
        let mut server = verigator(folder.path(), &serve)
            .env("VERIGATOR_LOG", "error")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let printed = Arc::new(Printed::default());
        let reader = Arc::clone(&printed);
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                // "<time> <number>: <pin> is your …"
                let mut words = line.split(' ').skip(1);
                let (to, pin) = (words.next().unwrap(), words.next().unwrap());
                let to = to.trim_end_matches(':').to_owned();
                let mut pins = reader.pins.lock().unwrap();
                pins.entry(to).or_default().push(pin.to_owned());
                reader.came.notify_all();
            }
        });
        Self {
            server,
            url: first.strip_prefix("Verigator on ").unwrap().to_owned(),
            password: String::from_utf8(made.stdout).unwrap().trim().to_owned(),
            printed,
            _folder: folder,
            _database: database,
        }
    }

    fn on_sqlite() -> Self {
        Self::on("sqlite:verigator.db", None)
    }

    fn on_postgres() -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/postgres.py");
        let mut program = Command::new("python3")
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        let output = program.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut url).unwrap();
        let input = program.stdin.take();
        let database = Database { program, input };
        Self::on(url.trim(), Some(database))
    }

    fn api(&self) -> Api {
        Api::builder(ACCOUNT, &self.password)
            .endpoint(&self.url)
            .build()
            .unwrap()
    }

    /// All PINs that were sent to a number, once there are so many.
    fn pins(&self, to: &str, at_least: usize) -> Vec<String> {
        let pins = self.printed.pins.lock().unwrap();
        let (pins, waited) = (self.printed.came)
            .wait_timeout_while(pins, PATIENCE, |pins| {
                pins.get(to).map_or(0, Vec::len) < at_least
            })
            .unwrap();
        assert!(!waited.timed_out(), "no message came");
        pins.get(to).unwrap().clone()
    }
}

fn wrong(pin: &str) -> String {
    let last = if pin.ends_with('0') { '1' } else { '0' };
    format!("{}{last}", &pin[..pin.len() - 1])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_client_on_sqlite() {
    all(&Served::on_sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_client_on_postgres() {
    all(&Served::on_postgres()).await;
}

async fn all(served: &Served) {
    every_operation(served).await;
    an_authenticator(served).await;
    the_object_style(served).await;
    what_is_asked_twice_with_a_key_happens_once(served).await;
    thread::scope(|scope| scope.spawn(|| waiting(served)).join()).unwrap();
}

async fn every_operation(served: &Served) {
    let api = served.api();
    let service = api.services.create("one.example", "One").await.unwrap();
    assert_eq!(api.services.get(&service.id).await.unwrap(), service);
    let user = api.users.create(&service.id, NUMBER, "john").await.unwrap();
    let (sid, uid) = (&service.id, &user.id);
    assert_eq!(api.users.get(sid, uid).await.unwrap(), user);
    let users = api.users.get_all(sid).await.unwrap();
    assert_eq!(users, std::slice::from_ref(&user));

    let method = api.auth.initiate(sid, uid, Method::Totp).await.unwrap();
    assert_eq!(method, Method::Sms);
    let soon = api.auth.initiate(sid, uid, Method::Sms).await.unwrap_err();
    assert_eq!(soon.error_code(), "resend_too_soon");
    assert!(soon.retry_after().is_some());
    let pin = served.pins(NUMBER, 1).pop().unwrap();
    let verify = async |guess: &str| api.auth.verify(sid, uid, guess).await;
    assert!(!verify(&wrong(&pin)).await.unwrap());
    let refused = api.auth.verify_or_error(sid, uid, &wrong(&pin)).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::NotVerified);
    assert!(verify(&pin).await.unwrap());
    let spent = verify(&pin).await.unwrap_err();
    assert_eq!(spent.error_code(), "authentication_not_found");

    api.users.delete(sid, uid).await.unwrap();
    assert_eq!(api.users.get_all(sid).await.unwrap(), []);
    api.services.delete(sid).await.unwrap();
    let gone = api.services.get(sid).await.unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::NoSuchResource);

    let stranger = Api::builder(ACCOUNT, "another")
        .endpoint(&served.url)
        .build();
    let refused = stranger.unwrap().services.get(sid).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::WrongCredentials);
}

async fn an_authenticator(served: &Served) {
    let (api, number) = (served.api(), "+37255555001");
    let service = api.services.create("two.example", "Two").await.unwrap();
    let user = api.users.create(&service.id, number, "john").await.unwrap();
    let (sid, uid) = (&service.id, &user.id);
    // Its clock is that of the server until it is moved.
    let app = Sandbox::start().await.unwrap();
    let secret = api.totp.enrol(sid, uid).await.unwrap().secret;
    let first = app.totp_code(&secret).unwrap();
    assert!(!api.totp.confirm(sid, uid, &wrong(&first)).await.unwrap());
    assert!(api.totp.confirm(sid, uid, &first).await.unwrap());

    let method = api.auth.initiate(sid, uid, Method::Totp).await.unwrap();
    assert_eq!(method, Method::Totp);
    // Each code counts once. The next one is good as well: a clock may be a step ahead.
    assert!(!api.auth.verify(sid, uid, &first).await.unwrap());
    app.advance(Duration::from_secs(30));
    let next = app.totp_code(&secret).unwrap();
    assert!(api.auth.verify(sid, uid, &next).await.unwrap());

    api.totp.remove(sid, uid).await.unwrap();
    let method = api.auth.initiate(sid, uid, Method::Totp).await.unwrap();
    assert_eq!(method, Method::Sms);
}

async fn the_object_style(served: &Served) {
    let number = "+37255555002";
    let verigator = Verigator::from(served.api());
    let made = verigator.create_service("Three", "three.example");
    let made = made.await.unwrap();
    let service = Service::get(&verigator, &made.id).await.unwrap();
    let user = service.register_user("jane", number).await.unwrap();
    assert_eq!(user.authenticate_using_sms().await.unwrap(), Method::Sms);
    let pin = served.pins(number, 1).pop().unwrap();
    let checked = user.verify_pin(&wrong(&pin)).await.unwrap();
    assert!(!checked.is_verified());
    assert!(user.verify_pin(&pin).await.unwrap().is_verified());
    user.delete().await.unwrap();
    service.delete().await.unwrap();
}

async fn what_is_asked_twice_with_a_key_happens_once(served: &Served) {
    let (api, number) = (served.api(), "+37255555003");
    let service = api.services.create("four.example", "Four").await.unwrap();
    let user = api.users.create(&service.id, number, "john").await.unwrap();
    let (sid, uid) = (&service.id, &user.id);
    // The server has acted when the answer is lost.
    let cut = Cut {
        direction: Direction::Answer,
        after: 0,
        how: How::Reset,
        times: 1,
    };
    let address = served.url.strip_prefix("http://").unwrap();
    let losing = || {
        let proxy = CuttingProxy::start(&Handle::current(), address.parse().unwrap(), Some(cut));
        let proxy = proxy.unwrap();
        let api = Api::builder(ACCOUNT, &served.password)
            .endpoint(format!("http://{}", proxy.address()))
            .idempotency(Idempotency::On)
            .build();
        (proxy, api.unwrap())
    };
    let (proxy, lossy) = losing();
    let method = lossy.auth.initiate(sid, uid, Method::Sms).await.unwrap();
    assert_eq!((method, proxy.connections()), (Method::Sms, 2));
    let pin = served.pins(number, 1).pop().unwrap();
    for (guess, verified) in [(wrong(&pin), false), (pin.clone(), true)] {
        let (proxy, lossy) = losing();
        let checked = lossy.auth.verify(sid, uid, &guess).await.unwrap();
        assert_eq!((checked, proxy.connections()), (verified, 2));
    }
    assert_eq!(served.pins(number, 1), [pin]);
}

/// The blocking client, on a thread that is none of the runtime's.
fn waiting(served: &Served) {
    let number = "+37255555004";
    let api = Api::builder(ACCOUNT, &served.password)
        .endpoint(&served.url)
        .build_blocking()
        .unwrap();
    let service = api.services.create("five.example", "Five").unwrap();
    let user = api.users.create(&service.id, number, "john").unwrap();
    let (sid, uid) = (&service.id, &user.id);
    assert_eq!(
        api.auth.initiate(sid, uid, Method::Sms).unwrap(),
        Method::Sms
    );
    let pin = served.pins(number, 1).pop().unwrap();
    assert!(!api.auth.verify(sid, uid, &wrong(&pin)).unwrap());
    assert!(api.auth.verify(sid, uid, &pin).unwrap());
    api.services.delete(sid).unwrap();
}
