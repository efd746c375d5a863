//! Many who sign in at the same time by way of the client of this project, which asks again as it
//! always does.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use verigator::{Api, Error, ErrorKind, Idempotency, Method};

use super::{
    house::House,
    ledger::{Ledger, new_phone},
    program::{Printed, pin_within},
};

/// Those who sign in.
pub(crate) struct Crowd {
    one: Arc<One>,
    all: JoinSet<()>,
}

/// What each of them needs.
struct One {
    api: Api,
    service: String,
    ledger: Ledger,
    printed: Printed,
    /// Calls that failed.
    failures: Mutex<Vec<Error>>,
    enough: CancellationToken,
}

impl Crowd {
    /// So many sign in at the server at `url`, again and again.
    pub(crate) async fn gather(house: &House, url: &str, many: usize) -> Self {
        let api = Api::builder("shop", &house.password)
            .endpoint(url)
            .idempotency(Idempotency::On)
            .deadline(Duration::from_secs(20))
            .build()
            .unwrap();
        let service = api.services.create("shop.example.com", "shop").await;
        let one = Arc::new(One {
            api,
            service: service.unwrap().id,
            ledger: Ledger::default(),
            printed: Arc::clone(&house.printed),
            failures: Mutex::default(),
            enough: CancellationToken::new(),
        });
        let mut all = JoinSet::new();
        for _ in 0..many {
            let one = Arc::clone(&one);
            all.spawn(async move {
                while !one.enough.is_cancelled() {
                    one.sign_in().await;
                }
            });
        }
        Self { one, all }
    }

    /// Waits until so many more of them have signed in.
    pub(crate) async fn sign_in(&mut self, more: usize) {
        let target = self.one.ledger.verified() + more;
        let signed_in = async {
            while self.one.ledger.verified() < target {
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_millis(5)) => {}
                    // One that found something wrong.
                    Some(ended) = self.all.join_next() => ended.unwrap(),
                }
            }
        };
        let signed_in = tokio::time::timeout(Duration::from_mins(1), signed_in).await;
        assert!(signed_in.is_ok(), "nobody is let in");
    }

    /// Lets them come to an end. Gives what they were told, and what failed.
    pub(crate) async fn end(self) -> (Ledger, Vec<Error>) {
        self.one.enough.cancel();
        self.all.join_all().await;
        let failures = std::mem::take(&mut *self.one.failures.lock().unwrap());
        (self.one.ledger.clone(), failures)
    }
}

impl One {
    /// A call that fails ends it: what the call did is not known.
    async fn sign_in(&self) {
        if let Err(error) = self.try_to_sign_in().await {
            let may_have_done_it = error.attempts() > 1;
            let is_excused = match error.kind() {
                // The same was asked for before, and did happen.
                ErrorKind::NoSuchResource | ErrorKind::ResourceAlreadyExists => may_have_done_it,
                ErrorKind::Connection | ErrorKind::Timeout => true,
                ErrorKind::Internal => error.code() == 503,
                _ => false,
            };
            assert!(is_excused, "{error:?}");
            self.failures.lock().unwrap().push(error);
            // As people do.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn try_to_sign_in(&self) -> Result<(), Error> {
        let phone = new_phone();
        let user = (self.api.users)
            .create(&self.service, &phone, &phone)
            .await?
            .id;
        let path = format!("/v1/service/service/{}/users/{user}", self.service);
        let place = self.ledger.add(path, phone.clone());
        let (service, auth) = (&self.service, &self.api.auth);
        auth.initiate(service, &user, Method::Sms).await?;
        self.ledger.note(place, |it| it.started = true);
        let pin = pin_within(&self.printed, &phone, Duration::from_mins(1)).await;
        let pin = pin.unwrap_or_else(|| panic!("a message was lost"));
        self.ledger.note(place, |it| it.unanswered = true);
        assert!(
            auth.verify(service, &user, &pin).await?,
            "a right PIN is refused"
        );
        self.ledger.note(place, |it| {
            it.unanswered = false;
            it.verified += 1;
        });
        // Of all others, some try theirs again.
        if place.is_multiple_of(4) {
            let again = auth.verify(service, &user, &pin).await;
            assert!(!matches!(again, Ok(true)), "a PIN is right twice");
        }
        Ok(())
    }
}
