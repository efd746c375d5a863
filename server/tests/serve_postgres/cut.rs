//! The connection to the database breaks at any byte of what is said on it: before a statement,
//! behind it, and between a commit and its answer.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::time::sleep;
use uuid::Uuid;

use super::{
    common::{Answer, Client},
    house::House,
    ledger::new_phone,
    proxy::{Direction, Proxy},
};

/// A prime, so that no two turns meet the same places of messages that are as long as others.
const STRIDE: usize = 19;

/// A key that is held for so long, while the database is there, is held by nobody.
const STUCK: Duration = Duration::from_secs(20);

struct Bench {
    house: House,
    wire: Proxy,
    client: Client,
    service: String,
}

/// A user whose start or check is cut.
struct Subject {
    id: Uuid,
    auth: String,
    phone: String,
}

impl Bench {
    async fn subject(&self) -> Subject {
        let phone = new_phone();
        let body = json!({"phone_number": phone, "id_in_service": phone});
        let users = format!("{}/users", self.service);
        let made = self.client.send("POST", &users, body).await.json();
        let id = made["id"].as_str().unwrap();
        Subject {
            id: id.parse().unwrap(),
            auth: format!("{users}/{id}/auth"),
            phone,
        }
    }

    /// Whether a user has been started, and not verified since.
    async fn is_started(&self, subject: &Subject) -> bool {
        let sql = "SELECT auth_id IS NOT NULL FROM users WHERE id = $1";
        let rows = self.house.database.query_one(sql, &[&subject.id]).await;
        rows.unwrap().get(0)
    }

    /// Asks once while the connection is to be cut, and holds an answer that says so to it: what
    /// is to be tried again did not happen. Gives the answer, and whether anything was cut.
    async fn ask_and_cut(
        &self,
        (direction, after): (Direction, usize),
        subject: &Subject,
        (method, body): (&str, &str),
    ) -> (Answer, bool) {
        let before = self.is_started(subject).await;
        self.wire.cut(Some((direction, after)));
        let client = self.client.with_key(&format!("{method}-{}", subject.id));
        let answer = client.raw(method, &subject.auth, body.to_owned()).await;
        let was_cut = !self.wire.is_to_cut();
        self.wire.cut(None);
        if answer.status == 503 && answer.headers.contains_key("retry-after") {
            let after = self.is_started(subject).await;
            assert_eq!(before, after, "{method} is said not to have happened");
        }
        (answer, was_cut)
    }

    /// Asks the same again until there is an answer to it.
    async fn ask_again(&self, subject: &Subject, (method, body): (&str, &str)) -> Answer {
        let client = self.client.with_key(&format!("{method}-{}", subject.id));
        let begun = Instant::now();
        loop {
            assert!(begun.elapsed() < STUCK, "the key is not given back");
            let answer = client.raw(method, &subject.auth, body.to_owned()).await;
            let is_running = answer.status == 409 && answer.code() == "idempotency_in_progress";
            if answer.status != 503 && !is_running {
                return answer;
            }
            sleep(Duration::from_millis(20)).await;
        }
    }
}

/// How the ends of what was cut were told.
#[derive(Debug, Default)]
struct Told {
    done: usize,
    not_done: usize,
    unknown: usize,
}

impl Told {
    fn note(&mut self, answer: &Answer) {
        let is_refused = answer.status == 503;
        match (is_refused, answer.headers.contains_key("retry-after")) {
            (true, true) => self.not_done += 1,
            (true, false) => self.unknown += 1,
            _ => self.done += 1,
        }
    }

    fn met_all(&self) -> bool {
        self.done > 0 && self.not_done > 0 && self.unknown > 0
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_a_connection_is_cut_a_key_has_one_effect() {
    let house = House::new().await;
    let wire = Proxy::start(vec![house.address()]).await;
    let served = house.serve_by(&house.url_by(wire.address()), &[]);
    let client = house.client(&served);
    let service = client.service("shop").await;
    let bench = Bench {
        house,
        wire,
        client,
        service,
    };

    let start = ("POST", "{\"method\":\"sms\"}");
    let mut told = Told::default();
    let mut subjects = Vec::new();
    for direction in [Direction::Request, Direction::Answer] {
        let mut after = 0;
        loop {
            let subject = bench.subject().await;
            let (first, was_cut) = bench.ask_and_cut((direction, after), &subject, start).await;
            told.note(&first);
            let again = bench.ask_again(&subject, start).await;
            if first.status == 201 {
                assert_eq!((again.status, &again.bytes), (first.status, &first.bytes));
            } else {
                let happened = again.status == 409 && again.code() == "resend_too_soon";
                assert!(again.status == 201 || happened, "{}", again.status);
            }
            assert!(bench.is_started(&subject).await, "a start was lost");
            subjects.push(subject);
            if !was_cut {
                break;
            }
            after += STRIDE;
        }
    }
    assert!(told.met_all(), "{told:?}");
    bench.house.until_all_is_sent().await;

    let mut told = Told::default();
    let mut verified = 0;
    for (n, subject) in subjects.iter().enumerate() {
        let prints = bench.house.printed.lock().unwrap()[&subject.phone].clone();
        assert_eq!(prints.len(), 1, "one start made {} messages", prints.len());
        let body = json!({"token": prints[0].pin}).to_string();
        let check = ("PUT", &*body);
        let direction = [Direction::Request, Direction::Answer][n % 2];
        let (first, _) = bench
            .ask_and_cut((direction, n / 2 * STRIDE), subject, check)
            .await;
        told.note(&first);
        let again = bench.ask_again(subject, check).await;
        if first.status == 200 {
            assert_eq!((again.status, &again.bytes), (first.status, &first.bytes));
        }
        if again.status == 200 {
            assert_eq!(again.json()["verified"], true);
            verified += 1;
        } else {
            assert_eq!(again.status, 404);
            assert_eq!(first.status, 503, "a check was lost");
        }
        let other = bench.client.raw("PUT", &subject.auth, body).await;
        assert_eq!(other.status, 404, "a PIN is right twice");
    }
    assert!(told.met_all(), "{told:?}");
    assert!(verified > subjects.len() / 2, "{verified}");
}
