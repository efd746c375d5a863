//! Every history of one user and its messages, within bounds: two servers with requests in flight,
//! providers that fail in every way, and deaths at any moment. What is promised must hold in each.
//!
//! That a model can fail is shown by [`every_flaw_is_found`]; that the stores do what the model
//! does, by `walks`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod common;
#[path = "model/history.rs"]
mod history;
#[cfg(feature = "postgres")]
#[path = "common/postgres.rs"]
mod postgres;
#[path = "common/stores.rs"]
mod stores;
#[path = "model/system.rs"]
mod system;
#[path = "model/walks.rs"]
mod walks;

use std::collections::BTreeSet;

use stateright::{Checker, HasDiscoveries, Model, Property};
use verigator_server::engine::{authentication::Method, pin::Resend};

use history::Promise;
use stores::TestStore;
use system::{Action, Bounds, Flaw, State, System, rules};

impl Model for System {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![self.begin()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.possible(state, actions);
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut next = last.clone();
        self.act(&mut next, action);
        let next = next.in_order();
        // A step that changes nothing leads nowhere.
        (next != *last).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = always();
        properties.extend(sometimes(self));
        properties
    }
}

/// A promise as a property, named for what it says.
macro_rules! kept {
    ($name:literal, $promise:ident) => {
        Property::always($name, |_, state: &State| {
            !state.history.broken.contains(&Promise::$promise)
        })
    };
}

fn always() -> Vec<Property<System>> {
    vec![
        kept!("an authentication is verified at most once", VerifiedOnce),
        kept!(
            "no more wrong guesses are compared than there are tries",
            NoMoreThanAllTriesCompared
        ),
        kept!("no PIN is valid after success", DeadAfterSuccess),
        kept!("no PIN is valid after its time", DeadAfterExpiry),
        kept!(
            "no PIN is valid once its tries are used up",
            DeadWhenThrottled
        ),
        kept!("no PIN is valid but the last", DeadWhenReplaced),
        kept!("no code is used twice", CodeUsedOnce),
        kept!(
            "a guess is compared as long as it may be",
            ComparedWhileOpen
        ),
        kept!("a right guess is accepted", RightIsAccepted),
        kept!("two PINs are as far apart as they must be", PinsApart),
        kept!("what may be started is", StartedWhenAllowed),
        kept!("a start says what it did", StartedAsSaid),
        kept!("no PIN is sent after its time", NotSentWhenDead),
        kept!(
            "no message is picked up that was replaced",
            NotSentWhenReplaced
        ),
        kept!("a message goes out again only after a death", SentOnce),
        kept!("no message is given up that may still arrive", NotLost),
        Property::always(
            "no two servers that live send one message",
            |_, state: &State| state.sends_each_once(),
        ),
        Property::always(
            "no message is forgotten",
            |system: &System, state: &State| system.bounds.providers == 0 || state.loses_nothing(),
        ),
        Property::always(
            "no message waits for ever",
            |system: &System, state: &State| {
                state.now < system.bounds.end || state.waits_for_nobody()
            },
        ),
    ]
}

/// What must come about, or the exploration shows nothing.
fn sometimes(system: &System) -> Vec<Property<System>> {
    let mut properties = Vec::new();
    if system.bounds.starts > 1 {
        properties.push(Property::sometimes(
            "a PIN is sent again",
            |_, state: &State| state.history.current.iter().any(|it| it.resends > 0),
        ));
    }
    if system.bounds.starts > 1 && system.bounds.guesses {
        properties.push(Property::sometimes(
            "throttled after another PIN",
            |_, state: &State| {
                let mut current = state.history.current.iter();
                current.any(|it| it.resends > 0 && it.wrong == 2)
            },
        ));
        properties.push(Property::sometimes("locked", |_, state: &State| {
            state.user.0.wrong_in_a_row == 3
        }));
    }
    if system.bounds.guesses {
        properties.extend([
            Property::sometimes("verified", |_, state: &State| {
                state.history.current.iter().any(|it| it.verified > 0)
            }),
            Property::sometimes("throttled", |_, state: &State| {
                state.user.0.running.iter().any(|it| it.tries_left == 0)
            }),
            Property::sometimes("expired", |_, state: &State| {
                let mut running = state.user.0.running.iter();
                running.any(|it| it.expires_at <= system::at(state.now))
            }),
        ]);
    }
    if system.bounds.providers > 0 {
        properties.extend([
            Property::sometimes("sent", |_, state: &State| {
                state.history.messages.iter().any(|it| it.taken > 0)
            }),
            Property::sometimes("sent after a death", |_, state: &State| {
                let mut messages = state.history.messages.iter();
                messages.any(|it| it.died == 1 && it.taken == 1 && it.over)
            }),
            Property::sometimes(
                "sent twice, since the first server died",
                |_, state: &State| state.history.messages.iter().any(|it| it.taken == 2),
            ),
            Property::sometimes("given up", |_, state: &State| {
                let mut messages = state.history.messages.iter();
                messages.any(|it| it.over && it.taken == 0)
            }),
        ]);
    }
    if system.bounds.providers > 1 {
        properties.push(Property::sometimes("failed over", |_, state: &State| {
            state.fails_over()
        }));
    }
    if system.bounds.deaths > 0 {
        properties.push(Property::sometimes("a server died", |_, state: &State| {
            state.died > 0
        }));
    }
    properties
}

/// Starts, resends and guesses, with requests in flight between two servers and their store.
fn authentication(resend: Resend) -> Bounds {
    Bounds {
        rules: rules(resend),
        methods: &[Method::Sms],
        starts: 3,
        guesses: true,
        in_flight: true,
        providers: 0,
        deaths: 0,
        last: 4,
        end: 5,
        flaw: None,
    }
}

/// The same with a death: what was asked may never be done.
fn cut_off() -> Bounds {
    Bounds {
        starts: 2,
        deaths: 1,
        ..authentication(Resend::New)
    }
}

/// Both methods, one step after another.
fn authenticator() -> Bounds {
    Bounds {
        methods: &[Method::Totp, Method::Sms],
        in_flight: false,
        end: 7,
        ..authentication(Resend::New)
    }
}

/// One message, two servers, two providers and guesses all the while.
fn delivery() -> Bounds {
    Bounds {
        starts: 1,
        in_flight: false,
        providers: 2,
        deaths: 2,
        last: 3,
        end: 8,
        ..authentication(Resend::New)
    }
}

/// Two messages of one user.
fn deliveries() -> Bounds {
    Bounds {
        starts: 2,
        guesses: false,
        deaths: 1,
        last: 2,
        end: 7,
        ..delivery()
    }
}

/// Explores all of it. `at_least` states, so that it cannot become trivial unseen.
fn explore(bounds: Bounds, at_least: usize) {
    let system = System::new(bounds, 1);
    let checker = system.checker().finish_when(HasDiscoveries::AnyFailures);
    let checker = checker.threads(2).spawn_bfs().join();
    checker.assert_properties();
    let states = checker.unique_state_count();
    assert!(states >= at_least, "{states} states");
}

#[test]
fn a_new_pin_at_each_start() {
    explore(authentication(Resend::New), 60_000);
}

#[test]
fn the_same_pin_again() {
    explore(authentication(Resend::Same), 50_000);
}

#[test]
fn servers_that_die_between_request_and_step() {
    explore(cut_off(), 25_000);
}

#[test]
fn pins_and_codes() {
    explore(authenticator(), 20_000);
}

#[test]
fn a_message_and_its_providers() {
    explore(delivery(), 10_000);
}

#[test]
fn two_messages() {
    explore(deliveries(), 100_000);
}

/// Whether a promise is found broken once a flaw is in the system.
fn finds(promise: &'static str, flaw: Flaw, bounds: Bounds) -> bool {
    let flawed = Bounds {
        flaw: Some(flaw),
        ..bounds
    };
    let found = HasDiscoveries::AllOf([promise].into());
    let checker = System::new(flawed, 1).checker().finish_when(found);
    let checker = checker.threads(2).spawn_bfs().join();
    checker.discovery(promise).is_some()
}

#[test]
fn every_flaw_is_found() {
    const COMPARED: &str = "no more wrong guesses are compared than there are tries";
    let new = || authentication(Resend::New);
    for (flaw, bounds, promise) in [
        (
            Flaw::ReadThenWrite,
            new(),
            "an authentication is verified at most once",
        ),
        (Flaw::ReadThenWrite, new(), COMPARED),
        (Flaw::NotSpent, new(), "no PIN is valid after success"),
        (Flaw::NotCounted, new(), COMPARED),
        (Flaw::TriesGivenBack, new(), COMPARED),
        (Flaw::ValidTooLong, new(), "no PIN is valid after its time"),
        (
            Flaw::NoDelay,
            new(),
            "two PINs are as far apart as they must be",
        ),
        (
            Flaw::StepNotUsedUp,
            authenticator(),
            "no code is used twice",
        ),
        (
            Flaw::ReplacedIsKept,
            deliveries(),
            "no message is picked up that was replaced",
        ),
        (
            Flaw::ForgottenWhenPickedUp,
            delivery(),
            "no message is forgotten",
        ),
        (
            Flaw::ShortLease,
            delivery(),
            "no two servers that live send one message",
        ),
        (Flaw::EndlessLease, delivery(), "no message waits for ever"),
        (
            Flaw::AnyoneSettles,
            delivery(),
            "no two servers that live send one message",
        ),
        (Flaw::SentLate, delivery(), "no PIN is sent after its time"),
        (
            Flaw::AskedAllTheSame,
            delivery(),
            "a message goes out again only after a death",
        ),
    ] {
        assert!(finds(promise, flaw, bounds), "{flaw:?}: {promise}");
    }
}

/// A store answers as the model does, on many ways through it.
async fn the_store_does_the_same(store: TestStore) {
    let service = walks::service(&store.store).await;
    let mut met = BTreeSet::new();
    for bounds in [
        authentication(Resend::New),
        authentication(Resend::Same),
        authenticator(),
        delivery(),
        deliveries(),
    ] {
        met.append(&mut walks::walk(&store.store, service, &bounds, 30).await);
    }
    let all = "sms totp verified invalid expired throttled over again locked";
    let all = all.split(' ').chain(["too soon", "not started"]);
    assert_eq!(met, all.collect(), "not all was met");
}

stores::on_each_store!(the_store_does_the_same);
