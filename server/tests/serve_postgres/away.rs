//! A database that is gone for a while, in each of the ways that it goes.

use std::{
    process::{Output, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    common::{Client, wrong},
    house::{House, SECRET},
    ledger::{Ledger, new_phone},
    postgres::Postgres,
    program::{Served, pin, pin_within, said, verigator},
    proxy::Proxy,
};

/// How long it is gone.
const GONE: Duration = Duration::from_secs(10);
/// How long it is silent, which each request needs a while to find out.
const SILENT: Duration = Duration::from_secs(13);
/// No request takes longer: a client of this project waits for 30 seconds.
const BOUND: Duration = Duration::from_secs(20);
/// How many ask all the time.
const VISITORS: usize = 12;

/// Once it stands, messages wait for two seconds.
const LATER: &str = "
    CREATE FUNCTION later() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN NEW.due = NEW.due + 2000000; RETURN NEW; END $$;
    CREATE TRIGGER later BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION later()";

/// What one request came to.
#[derive(Debug)]
struct Visit {
    begun: Instant,
    took: Duration,
    status: u16,
    retry_after: Option<u64>,
}

/// Those who ask for this and that all the time.
struct Visitors {
    visits: Arc<Mutex<Vec<Visit>>>,
    enough: CancellationToken,
    all: JoinSet<()>,
}

impl Visitors {
    /// Of a service and a user of it that has been started.
    fn invite(client: &Client, service: &str, user: &str) -> Self {
        let (visits, enough) = (Arc::default(), CancellationToken::new());
        let mut all = JoinSet::new();
        for _ in 0..VISITORS {
            let visitor = Visitor {
                client: client.clone(),
                service: service.to_owned(),
                user: user.to_owned(),
                visits: Arc::clone(&visits),
            };
            let enough = enough.clone();
            all.spawn(async move {
                while !enough.is_cancelled() {
                    visitor.visit().await;
                }
            });
        }
        Self {
            visits,
            enough,
            all,
        }
    }

    /// How many requests were answered so far.
    fn count(&self) -> usize {
        self.visits.lock().unwrap().len()
    }

    async fn leave(self) -> Vec<Visit> {
        self.enough.cancel();
        let left = timeout(BOUND * 2, self.all.join_all()).await;
        assert!(left.is_ok(), "a request hangs");
        std::mem::take(&mut *self.visits.lock().unwrap())
    }
}

struct Visitor {
    client: Client,
    service: String,
    user: String,
    visits: Arc<Mutex<Vec<Visit>>>,
}

impl Visitor {
    async fn visit(&self) {
        let phone = new_phone();
        let keyed = self.client.with_key(&phone);
        let users = format!("{}/users", self.service);
        let auth = format!("{}/auth", self.user);
        let new = json!({"phone_number": phone, "id_in_service": phone});
        let start = json!({"method": "sms"});
        let check = json!({"token": "x"});
        self.ask(&self.client, "GET", &self.user, "").await;
        self.ask(&keyed, "POST", &users, &new.to_string()).await;
        self.ask(&self.client, "POST", &auth, &start.to_string())
            .await;
        self.ask(&self.client, "PUT", &auth, &check.to_string())
            .await;
        self.ask(&self.client, "GET", "/readyz", "").await;
        sleep(Duration::from_millis(10)).await;
    }

    async fn ask(&self, client: &Client, method: &str, path: &str, body: &str) {
        let begun = Instant::now();
        let answer = client.raw(method, path, body.to_owned()).await;
        let retry_after = answer.headers.get("retry-after");
        let visit = Visit {
            begun,
            took: begun.elapsed(),
            status: answer.status.as_u16(),
            retry_after: retry_after.map(|it| it.to_str().unwrap().parse().unwrap()),
        };
        self.visits.lock().unwrap().push(visit);
    }
}

/// A server whose database goes, with what must still be right when it is back.
struct Scene {
    house: House,
    served: Served,
    client: Client,
    visitors: Visitors,
    /// Users who have their PINs.
    ledger: Ledger,
    /// A number whose message is committed, and waits.
    late: String,
}

impl Scene {
    async fn set(house: House, url: &str) -> Self {
        let served = house.serve_by(url, &["--resend-delay", "0s", "--user-budget", "none"]);
        let client = house.client(&served);
        let service = client.service("shop").await;
        let ledger = Ledger::default();
        for _ in 0..10 {
            let (user, phone) = started(&client, &service).await;
            let place = ledger.add(user, phone);
            ledger.note(place, |it| it.started = true);
        }
        let (user, _) = started(&client, &service).await;
        let visitors = Visitors::invite(&client, &service, &user);
        while visitors.count() < 100 {
            sleep(Duration::from_millis(5)).await;
        }
        house.database.batch_execute(LATER).await.unwrap();
        let (_, late) = started(&client, &service).await;
        Self {
            house,
            served,
            client,
            visitors,
            ledger,
            late,
        }
    }

    /// The process is alive while the database is gone for so long.
    async fn lives(&self, long: Duration) {
        let begun = Instant::now();
        while begun.elapsed() < long {
            let lives = self.client.get("/healthz").await;
            assert_eq!(lives.status, 200);
            sleep(Duration::from_millis(100)).await;
        }
    }

    async fn is_ready(&self) {
        let ready = async {
            while self.client.get("/readyz").await.status != 200 {
                sleep(Duration::from_millis(50)).await;
            }
        };
        let ready = timeout(Duration::from_secs(20), ready).await;
        assert!(ready.is_ok(), "it does not come back by itself");
    }

    /// Once it is back, all is well.
    async fn ends_well(mut self, going: Instant, gone: Instant, back: Instant) {
        let ready = Instant::now();
        let so_far = self.visitors.count();
        while self.visitors.count() < so_far + 200 {
            sleep(Duration::from_millis(5)).await;
        }
        let visits = self.visitors.leave().await;
        let (mut refused, mut served) = (0, 0);
        for visit in &visits {
            assert!(visit.took < BOUND, "{visit:?}");
            let end = visit.begun + visit.took;
            if end < going || visit.begun > ready {
                assert_ne!(visit.status, 503, "{visit:?}");
                served += 1;
            } else if visit.begun > gone && end < back {
                assert_eq!(visit.status, 503, "{visit:?}");
                assert!(visit.retry_after.is_some_and(|it| it > 0), "{visit:?}");
                refused += 1;
            }
        }
        assert!(served > 200 && refused > 5, "{served} {refused}");

        let late = pin_within(&self.house.printed, &self.late, Duration::from_secs(30)).await;
        assert!(late.is_some(), "a committed message was lost");
        let patience = Duration::from_secs(1);
        let (client, printed) = (&self.client, &self.house.printed);
        let audit = self.ledger.audit(client, printed, patience).await;
        assert_eq!(audit.resumed, 10, "PINs from before are right");

        assert_eq!(self.served.end("-TERM"), Some(0));
        let log = self.house.log();
        assert!(log.contains("the store failed"));
        assert!(!log.contains(SECRET));
        let lines = log.lines().count();
        let first: Vec<&str> = log.lines().take(20).collect();
        assert!(
            lines < 60,
            "{lines} lines for {refused} requests: {first:#?}"
        );
    }
}

/// A user's path and number, once its PIN has been sent.
async fn started(client: &Client, service: &str) -> (String, String) {
    let phone = new_phone();
    let body = json!({"phone_number": phone, "id_in_service": phone});
    let users = format!("{service}/users");
    let made = client.send("POST", &users, body).await;
    let user = format!("{users}/{}", made.json()["id"].as_str().unwrap());
    assert_eq!(client.initiate(&user, "sms").await.status, 201);
    (user, phone)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_stops_for_10_seconds_costs_no_more_than_these() {
    let mut postgres = tokio::task::spawn_blocking(Postgres::start).await.unwrap();
    let house = House::at(&postgres.database().await).await;
    let url = house.url.clone();
    let scene = Scene::set(house, &url).await;
    let going = Instant::now();
    postgres.stop_now();
    let gone = Instant::now();
    scene.lives(GONE).await;
    let back = Instant::now();
    postgres.start_again();
    scene.is_ready().await;
    scene.ends_well(going, gone, back).await;
}

/// As when a cable is pulled: nothing is refused, and nothing answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_silent_for_a_while_costs_no_more_than_that() {
    let house = House::new().await;
    let wire = Proxy::start(vec![house.address()]).await;
    let url = house.url_by(wire.address());
    let scene = Scene::set(house, &url).await;
    let going = Instant::now();
    wire.stop();
    let gone = Instant::now();
    scene.lives(SILENT).await;
    let back = Instant::now();
    wire.go_on();
    scene.is_ready().await;
    scene.ends_well(going, gone, back).await;
}

/// As when a machine in between has forgotten the connections, or the database has moved.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_fall_silent_cost_one_request() {
    let house = House::new().await;
    let wire = Proxy::start(vec![house.address()]).await;
    let served = house.serve_by(&house.url_by(wire.address()), &[]);
    let client = house.client(&served);
    let service = client.service("shop").await;
    let mut busy = JoinSet::new();
    for _ in 0..64 {
        let (client, service) = (client.clone(), service.clone());
        busy.spawn(async move { client.get(&service).await.status });
    }
    assert!(busy.join_all().await.iter().all(|it| *it == 200));
    wire.forget();
    let begun = Instant::now();
    assert_eq!(client.get(&service).await.status, 503);
    assert!(begun.elapsed() < BOUND);
    for _ in 0..20 {
        assert_eq!(client.get(&service).await.status, 200);
    }
}

/// Somebody at the database's own prompt, say, who has gone for a walk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_that_is_never_given_back_costs_nobody_else() {
    let house = House::new().await;
    let served = house.serve();
    let client = house.client(&served);
    let service = client.service("shop").await;
    let (user, phone) = started(&client, &service).await;
    let right = pin(&house.printed, &phone).await.unwrap();
    let lock = "BEGIN; SELECT 1 FROM users FOR UPDATE";
    house.database.batch_execute(lock).await.unwrap();
    let mut checks = JoinSet::new();
    // Fewer than a server has connections.
    for _ in 0..8 {
        let (client, user) = (client.clone(), user.clone());
        checks.spawn(async move {
            let begun = Instant::now();
            let answer = client.verify(&user, "x").await;
            assert!(begun.elapsed() < BOUND);
            answer
        });
    }
    let (other, phone) = started(&client, &service).await;
    let pin = pin(&house.printed, &phone).await.unwrap();
    assert_eq!(client.verify(&other, &pin).await.json()["verified"], true);
    for answer in checks.join_all().await {
        assert_eq!(answer.status, 503);
        assert!(answer.headers.contains_key("retry-after"));
    }
    let gone = async {
        let waiting = "SELECT count(*) FROM pg_stat_activity
            WHERE wait_event_type = 'Lock' AND datname = current_database()";
        while house.value::<i64>(waiting).await > 0 {
            sleep(Duration::from_millis(50)).await;
        }
    };
    let gone = timeout(BOUND, gone).await;
    assert!(gone.is_ok(), "somebody waits for ever");
    house.database.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(client.verify(&user, &right).await.json()["verified"], true);
}

/// The other server's users wait for no longer than a step takes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_cut_off_lets_go_of_its_locks() {
    let house = House::new().await;
    let wire = Proxy::start(vec![house.address()]).await;
    let cut_off = house.serve_by(&house.url_by(wire.address()), &[]);
    let other = house.serve();
    let (client, lucky) = (house.client(&cut_off), house.client(&other));
    let service = client.service("shop").await;
    let mut users = Vec::new();
    for _ in 0..16 {
        let (user, phone) = started(&client, &service).await;
        users.push((user, pin(&house.printed, &phone).await.unwrap()));
    }
    let enough = CancellationToken::new();
    let mut guesses = JoinSet::new();
    for (user, pin) in &users {
        let (client, enough) = (client.clone(), enough.clone());
        let (user, guess) = (user.clone(), wrong(pin));
        guesses.spawn(async move {
            while !enough.is_cancelled() {
                client.verify(&user, &guess).await;
            }
        });
    }
    // One of them, at least, holds a lock as the bytes stop.
    let locked = "SELECT count(*) FROM pg_stat_activity
        WHERE state = 'idle in transaction' AND datname = current_database()";
    let mut is_locked = false;
    for _ in 0..200 {
        wire.stop();
        sleep(Duration::from_millis(20)).await;
        is_locked = house.value::<i64>(locked).await > 0;
        if is_locked {
            break;
        }
        wire.go_on();
        sleep(Duration::from_millis(7)).await;
    }
    assert!(is_locked, "nothing was locked");
    enough.cancel();

    let begun = Instant::now();
    let mut checks = JoinSet::new();
    for (user, _) in users {
        let client = lucky.clone();
        checks.spawn(async move {
            loop {
                let answer = client.verify(&user, "x").await;
                if answer.status != 503 {
                    return answer.status;
                }
            }
        });
    }
    let checked = timeout(BOUND, checks.join_all()).await.unwrap();
    assert!(checked.iter().all(|it| *it == 200), "{checked:?}");
    assert!(begun.elapsed() < BOUND);
    assert!(guesses.join_all().await.len() == 16);
}

/// What whoever runs the server is told when it starts and the database is not there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_database_it_does_not_start_and_says_why() {
    let house = House::new().await;
    let wire = Proxy::start(vec![house.address()]).await;
    wire.stop();
    let silent = house.url_by(wire.address());
    let nobody = house.url_by("127.0.0.1:1".parse().unwrap());
    let none = format!("{}x", house.url);
    // What 2 says is of no use to be tried again.
    for (url, code) in [(silent, 3), (nobody, 3), (none, 2)] {
        for command in ["serve", "migrate"] {
            let mut command = verigator(house.path(), &[command, "--store", &url]);
            command.env("VERIGATOR_LISTEN", "127.0.0.1:0");
            let ended = tokio::task::spawn_blocking(move || ends(command));
            let Output { status, stderr, .. } = timeout(BOUND, ended).await.unwrap().unwrap();
            let said = said(&stderr);
            assert_eq!(status.code(), Some(code), "{said}");
            assert!(said.starts_with("verigator: cannot open postgres://"));
            assert!(
                !said.contains(SECRET) && said.lines().count() == 1,
                "{said}"
            );
        }
    }
}

fn ends(mut command: std::process::Command) -> Output {
    command.stdout(Stdio::null()).output().unwrap()
}
