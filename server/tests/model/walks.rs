//! The model's steps, taken by a real store: what it answers is what the model said.

use std::{collections::BTreeSet, sync::Arc};

use uuid::Uuid;
use verigator_server::{
    delivery::round::ATTEMPT,
    engine::authentication::{Check, CheckRequest, Confirm, Enrol, Method, Start, StartRequest},
    random,
    store::{
        Account, Hold, NewService, NewUser, Pickup, ServiceScope, Settled, Settlement, Started,
        Store, UserScope,
    },
};

use crate::system::{Action, Bounds, CONFIRMED, Outcome, SERVERS, State, System, at};

/// Steps of one walk.
const STEPS: usize = 60;

/// Numbers that look like chance and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % limit as u64).unwrap()
    }
}

/// Takes so many walks through what may happen within the bounds. Gives what was met on the way.
pub(crate) async fn walk(
    store: &Arc<dyn Store>,
    service: ServiceScope,
    bounds: &Bounds,
    walks: u64,
) -> BTreeSet<&'static str> {
    let mut met = BTreeSet::new();
    for seed in 0..walks {
        let system = System::new(bounds.clone(), random::uuid().unwrap().as_u128() << 8);
        let user = user(store, &system, service).await;
        one(store, &system, user, Dice(seed), &mut met).await;
        clear(store).await;
    }
    met
}

/// Where the walks' users are.
pub(crate) async fn service(store: &Arc<dyn Store>) -> ServiceScope {
    let account = Account {
        id: random::uuid().unwrap(),
        username: "walker".to_owned(),
        password_hash: String::new(),
        disabled: false,
        created_at: at(0),
    };
    store.create_account(&account).await.unwrap();
    let new = NewService {
        id: random::uuid().unwrap(),
        account: account.id,
        name: "shop".to_owned(),
        fqdn: "shop.ee".to_owned(),
        template: None,
        created_at: at(0),
    };
    let service = store.create_service(&new).await.unwrap();
    ServiceScope {
        account: account.id,
        service: service.id,
    }
}

async fn user(store: &Arc<dyn Store>, system: &System, service: ServiceScope) -> UserScope {
    let id = random::uuid().unwrap();
    let new = NewUser {
        id,
        id_in_service: id.to_string(),
        phone: System::phone(),
        created_at: at(0),
    };
    store.create_user(service, &new).await.unwrap();
    let user = UserScope { service, user: id };
    if system.bounds.methods.contains(&Method::Totp) {
        let (code, when) = system.code(CONFIRMED);
        let enrolled = store.enrol_totp(user, &system.secret).await.unwrap();
        assert_eq!(enrolled, Enrol::Enrolled);
        let confirmed = store.confirm_totp(user, code, when).await.unwrap();
        assert_eq!(confirmed, Confirm::Confirmed);
    }
    user
}

async fn one(
    store: &Arc<dyn Store>,
    system: &System,
    user: UserScope,
    mut dice: Dice,
    met: &mut BTreeSet<&'static str>,
) {
    let mut state = system.begin();
    let mut taken = Vec::new();
    // A guess is always possible, so there is no other end.
    for _ in 0..STEPS {
        let mut possible = Vec::new();
        system.possible(&state, &mut possible);
        if possible.is_empty() {
            return;
        }
        let mut action = possible[dice.below(possible.len())];
        if let Action::PickedUp(server, _) = action {
            action = pick_up(store, system, &state, server).await;
            assert!(possible.contains(&action), "{action:?} after {taken:?}");
        }
        taken.push(action);
        let outcome = system.act(&mut state, action);
        met.extend(word(&outcome));
        follow(store, system, user, outcome, &taken).await;
    }
}

fn word(outcome: &Outcome) -> Option<&'static str> {
    Some(match outcome {
        Outcome::Nothing => return None,
        Outcome::Started { start, .. } => match start {
            Start::Sms { .. } => "sms",
            Start::Totp { .. } => "totp",
            Start::TooSoon { .. } => "too soon",
            Start::Locked => "locked",
            Start::OverBudget { .. } | Start::NotAllowed => "not sent",
        },
        Outcome::Checked { check, .. } => match check {
            Check::Verified(_) => "verified",
            Check::Invalid { .. } => "invalid",
            Check::Expired(_) => "expired",
            Check::Throttled(_) => "throttled",
            Check::NotStarted => "not started",
        },
        Outcome::Settled { settled, .. } => match settled {
            Settled::Over => "over",
            Settled::Again(_) => "again",
        },
    })
}

fn lease(server: usize) -> Uuid {
    Uuid::from_u128(server as u128 + 1)
}

/// Lets a server pick up a message. Of those that are due at the same moment, any may come.
async fn pick_up(store: &Arc<dyn Store>, system: &System, state: &State, server: usize) -> Action {
    let pickup = Pickup {
        hold: Hold {
            lease: lease(server),
            until: system.until(state.now),
        },
        now: at(state.now),
        at_most: 1,
    };
    let picked = store.pick_up_messages(pickup).await.unwrap();
    let [outgoing] = &picked.messages[..] else {
        panic!("{} messages", picked.messages.len());
    };
    let mut sent = state.history.messages.iter();
    let sent = sent.find(|it| system.id(it.number) == outgoing.id).unwrap();
    let message = &outgoing.message;
    assert_eq!(message.pin, *system.pin(sent.pin));
    assert_eq!(message.expires_at, at(sent.expires));
    let mut rows = state.outbox.iter();
    let row = rows.find(|it| it.message == sent.number).unwrap();
    assert_eq!(outgoing.failures, row.failures);
    let others = state.outbox.iter().filter(|it| it.message != sent.number);
    let next = others.map(|it| it.due).chain([pickup.hold.until]).min();
    assert_eq!(picked.next, next);
    Action::PickedUp(server, sent.number)
}

/// Lets the store do what the model did.
async fn follow(
    store: &Arc<dyn Store>,
    system: &System,
    user: UserScope,
    outcome: Outcome,
    taken: &[Action],
) {
    let rules = &system.bounds.rules;
    match outcome {
        Outcome::Nothing => {}
        Outcome::Started {
            number,
            method,
            at: now,
            start,
        } => {
            let request = StartRequest {
                method,
                id: system.id(number),
                pin: system.pin(number),
                key: &system.key,
                now: at(now),
                rules,
            };
            let started = store.start_authentication(user, &request, None, None).await;
            let started = started.unwrap().done().unwrap();
            let is_same = match (&started, &start) {
                (Started::Sms(message), Start::Sms { pin, expires_at }) => {
                    (&message.pin, message.expires_at) == (pin, *expires_at)
                }
                (Started::TooSoon { retry_after }, Start::TooSoon { retry_after: wait }) => {
                    retry_after == wait
                }
                (Started::Totp, Start::Totp { .. }) | (Started::Locked, Start::Locked) => true,
                _ => false,
            };
            assert!(is_same, "{started:?} for {start:?} after {taken:?}");
        }
        Outcome::Checked {
            guess,
            at: now,
            check,
        } => {
            let request = CheckRequest {
                guess: system.text(guess),
                key: &system.key,
                now: at(now),
                rules,
            };
            let checked = store.check(user, &request, None).await.unwrap();
            assert_eq!(checked.done(), Some(check), "after {taken:?}");
        }
        Outcome::Settled {
            server,
            message,
            settled,
        } => {
            let (id, lease) = (system.id(message), lease(server));
            let settlement = Settlement { id, lease, settled };
            store.settle_messages(&[settlement]).await.unwrap();
        }
    }
}

/// Empties the outbox for the next walk.
async fn clear(store: &Arc<dyn Store>) {
    let now = at(u8::MAX);
    let pickup = Pickup {
        hold: Hold {
            lease: lease(SERVERS),
            until: now + ATTEMPT,
        },
        now,
        at_most: 100,
    };
    let picked = store.pick_up_messages(pickup).await.unwrap();
    let over = picked.messages.iter().map(|it| Settlement {
        id: it.id,
        lease: pickup.hold.lease,
        settled: Settled::Over,
    });
    let over: Vec<Settlement> = over.collect();
    store.settle_messages(&over).await.unwrap();
}
