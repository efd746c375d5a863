//! One flow's steps on a store.

use std::{sync::Arc, time::Duration};

use futures_util::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;
use uuid::Uuid;
use verigator_benches::flows::Failure;
use verigator_server::{
    clock::{Clock, SystemClock},
    config::Rules,
    engine::{
        authentication::{Check, CheckRequest, Method, StartRequest},
        budget::{Budget, Budgets},
        message::Message,
        phone::Phone,
        pin::Pin,
    },
    random,
    store::{
        Answers, Claim, Hold, Keyed, NewService, NewUser, Once, ServiceScope, Started,
        StoredAnswer, UserScope,
    },
};

use crate::place::Opened;

/// Steps that are taken at once when a store is filled: as many as SQLite commits together.
pub(crate) const AT_ONCE: usize = 256;

/// A user who can sign in.
#[derive(Clone)]
pub(crate) struct User {
    pub(crate) scope: UserScope,
    pub(crate) phone: String,
}

/// Rules that refuse no flow, yet cost what a server's cost: what the messages count against is
/// looked up and written. So many a user may have in such a time.
pub(crate) fn rules(messages: u32, per: Duration) -> Rules {
    let budget = Some(Budget { messages, per });
    Rules {
        resend_delay: Duration::ZERO,
        budgets: Budgets {
            user: budget,
            number: budget,
            ..Budgets::unlimited()
        },
        ..Rules::default()
    }
}

impl Opened {
    pub(crate) async fn make_service(&self, account: Uuid) -> Result<ServiceScope, Failure> {
        let id = random::uuid()?;
        let service = NewService {
            id,
            account,
            name: "Bench".to_owned(),
            fqdn: "bench.example.com".to_owned(),
            template: None,
            created_at: SystemClock.now(),
        };
        self.store.create_service(&service).await?;
        Ok(ServiceScope {
            account,
            service: id,
        })
    }

    /// Users with these numbers, in this order.
    pub(crate) async fn make_users(
        &self,
        service: ServiceScope,
        numbers: impl Iterator<Item = u32>,
    ) -> Result<Vec<User>, Failure> {
        let making = numbers.map(|number| self.make_user(service, number));
        stream::iter(making).buffered(AT_ONCE).try_collect().await
    }

    async fn make_user(&self, service: ServiceScope, number: u32) -> Result<User, Failure> {
        let phone = format!("+3725{number:07}");
        let user = NewUser {
            id: random::uuid()?,
            id_in_service: format!("user-{number}"),
            phone: Phone::parse(&phone)?,
            created_at: SystemClock.now(),
        };
        self.store.create_user(service, &user).await?;
        let scope = UserScope {
            service,
            user: user.id,
        };
        Ok(User { scope, phone })
    }

    /// Starts an authentication of this id, once if there is a claim: the message that is now in the
    /// outbox, with a hold or for whoever picks it up.
    pub(crate) async fn start(
        &self,
        id: Uuid,
        user: &User,
        rules: &Rules,
        now: Timestamp,
        hold: Option<Hold>,
        claim: Option<Claim>,
    ) -> Result<Message, Failure> {
        let pin = Pin::new(rules.resend, rules.pin_length, &self.key, id, random::fill)?;
        let start = StartRequest {
            method: Method::Sms,
            id,
            pin: &pin,
            key: &self.key,
            now,
            rules,
        };
        let keyed = claim.map(|claim| {
            let answer: Answers<Started> = Arc::new(|_| Some(answer(201, STARTED)));
            Keyed { claim, answer }
        });
        let starting = (self.store).start_authentication(user.scope, &start, hold, keyed);
        match starting.await? {
            Once::Done(Started::Sms(message)) => Ok(message),
            other => Err(format!("not started: {other:?}").into()),
        }
    }

    /// Checks a PIN that is right, once if there is a claim.
    pub(crate) async fn check(
        &self,
        user: &User,
        pin: &Pin,
        rules: &Rules,
        now: Timestamp,
        claim: Option<Claim>,
    ) -> Result<(), Failure> {
        let check = CheckRequest {
            guess: pin.expose(),
            key: &self.key,
            now,
            rules,
        };
        let keyed = claim.map(|claim| {
            let answer: Answers<Check> = Arc::new(|_| Some(answer(200, VERIFIED)));
            Keyed { claim, answer }
        });
        match self.store.check(user.scope, &check, keyed).await? {
            Once::Done(Check::Verified(_)) => Ok(()),
            other => Err(format!("not verified: {other:?}").into()),
        }
    }
}

/// What the server answers.
const STARTED: &str = r#"{"method":"sms"}"#;
const VERIFIED: &str = r#"{"method":"sms","verified":true}"#;

fn answer(status: u16, body: &str) -> StoredAnswer {
    let body = body.as_bytes().to_vec();
    StoredAnswer { status, body }
}
