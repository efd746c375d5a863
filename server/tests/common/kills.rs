//! A server that is killed again and again under load, whatever its store.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{
    common::{Answer, Client},
    ledger::{Ledger, new_phone},
    program::{Printed, Served, account_in, pin},
};

/// How many sign in at the same time.
const CROWD: usize = 6;

/// Kills a server that serves with these arguments so often, each time under load, and holds it to
/// what it said: no answered request is lost, no PIN is verified twice, and every message that was
/// committed is sent within `patience` of the last start.
pub(crate) async fn survives_kills(
    folder: &Path,
    arguments: &[&str],
    kills: u64,
    patience: Duration,
) {
    let auth = format!("shop:{}", account_in(folder, "shop", arguments));
    let (printed, ledger) = (Printed::default(), Ledger::default());
    let mut service = None;
    for kill in 0..kills {
        let mut served = Served::start(folder, arguments, &printed);
        let client = served.client(&auth);
        if service.is_none() {
            service = Some(client.service("shop").await);
        }
        let (gone, answers) = (CancellationToken::new(), Arc::new(AtomicU64::new(0)));
        let mut crowd = JoinSet::new();
        for _ in 0..CROWD {
            let load = Load {
                client: client.clone(),
                service: service.clone().unwrap(),
                ledger: ledger.clone(),
                printed: Arc::clone(&printed),
                answers: Arc::clone(&answers),
                gone: gone.clone(),
            };
            crowd.spawn(load.until_it_is_gone());
        }
        // Not always in the same place, and as far on a slow machine as on a fast one.
        let enough = 10 + kill * 37 % 50;
        let serving = async {
            while answers.load(Ordering::Relaxed) < enough {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            tokio::time::sleep(Duration::from_micros(kill * 7919 % 10_000)).await;
        };
        let served_enough = tokio::time::timeout(Duration::from_secs(20), serving).await;
        assert!(served_enough.is_ok(), "it serves nobody");
        assert_eq!(served.end("-KILL"), None);
        gone.cancel();
        crowd.join_all().await;
    }

    let served = Served::start(folder, arguments, &printed);
    let audit = ledger
        .audit(&served.client(&auth), &printed, patience)
        .await;
    assert!(audit.verified > 50, "only {} were verified", audit.verified);
    assert!(
        audit.resumed > 0,
        "no kill came between a message and its check"
    );
}

/// One of those who sign in.
struct Load {
    client: Client,
    service: String,
    ledger: Ledger,
    printed: Printed,
    /// How many requests this server has answered.
    answers: Arc<AtomicU64>,
    gone: CancellationToken,
}

impl Load {
    async fn until_it_is_gone(self) {
        while self.sign_in().await.is_some() {}
    }

    /// None once the server is gone.
    async fn sign_in(&self) -> Option<()> {
        let phone = new_phone();
        let body = json!({"phone_number": phone, "id_in_service": phone});
        let made = self
            .ask("POST", &format!("{}/users", self.service), &body)
            .await?;
        assert_eq!(made.status, 201);
        let path = format!(
            "{}/users/{}",
            self.service,
            made.json()["id"].as_str().unwrap()
        );
        let place = self.ledger.add(path.clone(), phone.clone());
        let auth = format!("{path}/auth");
        let start = self.ask("POST", &auth, &json!({"method": "sms"})).await?;
        assert_eq!(start.status, 201);
        self.ledger.note(place, |it| it.started = true);
        let pin = tokio::select! {
            pin = pin(&self.printed, &phone) => pin?,
            () = self.gone.cancelled() => return None,
        };
        self.ledger.note(place, |it| it.unanswered = true);
        let body = json!({ "token": pin });
        let checks: [_; 3] = tokio::join!(
            self.ask("PUT", &auth, &body),
            self.ask("PUT", &auth, &body),
            self.ask("PUT", &auth, &body),
        )
        .into();
        let right = |it: &&Answer| it.json()["verified"] == Value::Bool(true);
        let verified = checks.iter().flatten().filter(right).count();
        self.ledger.note(place, |it| it.verified += verified);
        if checks.iter().any(Option::is_none) {
            return None;
        }
        assert_eq!(verified, 1, "a right PIN was refused");
        self.ledger.note(place, |it| it.unanswered = false);
        Some(())
    }

    async fn ask(&self, method: &str, path: &str, body: &Value) -> Option<Answer> {
        let asked = self.client.try_raw(method, path, body.to_string()).await;
        if asked.is_ok() {
            self.answers.fetch_add(1, Ordering::Relaxed);
        }
        asked.ok()
    }
}
