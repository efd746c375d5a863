//! One user, two servers and what may happen to them, one step after another.
//!
//! Every decision is the server's own: what a store makes of a user is [`AuthState`], what becomes
//! of a message is [`Round`]. Only the store is a plain list here, each of whose steps happens
//! wholly or not at all; that the real ones do the same is what `walks` shows.

use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::Timestamp;
use uuid::Uuid;
use verigator_server::{
    config::Rules,
    delivery::{
        DeliveryError, Reason,
        round::{ATTEMPT, Round, lease},
    },
    engine::{
        authentication::{
            AuthState, Challenge, Check, CheckRequest, Confirm, Enrol, Method, Start, StartRequest,
        },
        budget::{Budgets, MaySend},
        message::{Message, Sender},
        phone::Phone,
        pin::{MacKey, Pin, Resend},
        totp::TotpSecret,
    },
    store::{Outgoing, Settled},
};

use crate::history::{Heard, History};

/// Moments of the model lie as far apart as one attempt of a provider may take.
pub(crate) type Tick = u8;

/// What was started: numbered in the order it was asked for.
pub(crate) type Number = u8;

pub(crate) const SERVERS: usize = 2;

/// What may happen at all: the bounds of one exploration.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    pub(crate) rules: Rules,
    /// What is asked for: starts by these methods, so many of them.
    pub(crate) methods: &'static [Method],
    pub(crate) starts: Number,
    /// Whether users and strangers guess, too.
    pub(crate) guesses: bool,
    /// Whether time passes and servers die between what a server is asked and what its store does.
    pub(crate) in_flight: bool,
    /// How many providers messages are sent with; none leaves sending out.
    pub(crate) providers: usize,
    /// How often a server dies.
    pub(crate) deaths: u8,
    /// After this, nothing is started and nobody dies.
    pub(crate) last: Tick,
    /// After this, nothing happens.
    pub(crate) end: Tick,
    pub(crate) flaw: Option<Flaw>,
}

/// What no server may do: put in on purpose, to see that the model notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// A check reads in one step and writes in another.
    ReadThenWrite,
    /// A right guess is not written down.
    NotSpent,
    /// A wrong guess is not written down.
    NotCounted,
    /// A start gives all tries back.
    TriesGivenBack,
    /// The time is up a moment late.
    ValidTooLong,
    /// The resend delay is not kept.
    NoDelay,
    /// The step of a code is not written down.
    StepNotUsedUp,
    /// A message waits on when another start has replaced its own.
    ReplacedIsKept,
    /// A message leaves the outbox when it is picked up.
    ForgottenWhenPickedUp,
    /// A lease ends before the round does.
    ShortLease,
    /// A lease never ends.
    EndlessLease,
    /// Who lost its lease settles all the same.
    AnyoneSettles,
    /// A dead PIN is sent.
    SentLate,
    /// The next provider is asked when this one may have the message.
    AskedAllTheSame,
}

/// The bounds, and what goes with them.
#[derive(Debug)]
pub(crate) struct System {
    pub(crate) bounds: Bounds,
    /// Sets the ids of one run apart from those of others in the same store.
    ids: u128,
    pub(crate) key: MacKey,
    pub(crate) secret: TotpSecret,
    pins: Vec<Pin>,
    codes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) now: Tick,
    /// What the store has of the user.
    pub(crate) user: User,
    /// What the store has to be sent.
    pub(crate) outbox: Vec<Row>,
    pub(crate) servers: [Server; SERVERS],
    /// Starts that were asked for.
    pub(crate) asked: Number,
    /// Servers that died.
    pub(crate) died: u8,
    pub(crate) history: History,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Row {
    pub(crate) message: Number,
    pub(crate) due: Timestamp,
    /// The server that has it.
    lease: Option<usize>,
    pub(crate) failures: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Server {
    /// What it was asked, and its store has not done.
    request: Option<Request>,
    /// The message that it is sending.
    holds: Option<Holds>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Request {
    ask: Ask,
    at: Tick,
    /// What a flawed check has read.
    read: Option<User>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Holds {
    message: Number,
    round: Round,
    /// Providers that were asked.
    asked: usize,
    /// Since when the last of them is at it; none when it is done.
    asking: Option<Tick>,
    heard: Heard,
    /// Whether the server was put to sleep, and may go on long after its lease.
    stands_still: bool,
}

/// What a store is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Ask {
    Start(Number, Method),
    Check(Guess),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Guess {
    /// The PIN of this start.
    Pin(Number),
    /// The code of this step, counted from the beginning.
    Code(u8),
    Wrong,
}

/// What a provider does with a message, and answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Deed {
    Takes,
    Refuses,
    AsksToComeAgain,
    /// Its answer is lost.
    TakesUnheard,
    RefusesUnheard,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    TimePasses,
    /// A server is asked.
    Asked(usize, Ask),
    /// Its store does what it was asked.
    Done(usize),
    /// Half of a flawed check.
    Read(usize),
    PickedUp(usize, Number),
    Answered(usize, Deed),
    Settled(usize),
    /// A server stops for a while and knows nothing of it.
    StandsStill(usize),
    /// A server dies, and another takes its place; a provider that is being asked may have got all
    /// of it.
    Dies(usize, bool),
}

/// What a step came to, for whoever does the same with a real store.
#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    Nothing,
    Started {
        number: Number,
        method: Method,
        at: Tick,
        start: Start,
    },
    Checked {
        guess: Guess,
        at: Tick,
        check: Check,
    },
    Settled {
        server: usize,
        message: Number,
        settled: Settled,
    },
}

/// A user's state, told from others by all that is in it.
#[derive(Clone, Debug)]
pub(crate) struct User(pub(crate) AuthState);

impl User {
    fn parts(&self) -> impl PartialEq + Hash {
        let running = self.0.running.as_ref().map(|it| {
            let mac = match &it.challenge {
                Challenge::Sms(mac) => Some(*mac.as_bytes()),
                Challenge::Totp => None,
            };
            (it.id, mac, it.started_at, it.expires_at, it.tries_left)
        });
        let app = self.0.authenticator.as_ref();
        let app = app.map(|it| (it.confirmed, it.last_step));
        (running, self.0.last_pin_at, self.0.wrong_in_a_row, app)
    }
}

impl PartialEq for User {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for User {}

impl Hash for User {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

/// Rules that bring everything about within a few moments: two tries, four moments to use them,
/// one between two PINs, and the lock after three wrong guesses.
pub(crate) fn rules(resend: Resend) -> Rules {
    Rules {
        tries: 2,
        valid_for: ATTEMPT * 4,
        resend_delay: ATTEMPT,
        lock_after: 3,
        resend,
        budgets: Budgets::unlimited(),
        ..Rules::default()
    }
}

/// The step whose code confirmed the authenticator: the one before the beginning.
pub(crate) const CONFIRMED: u8 = 0;

/// The step of an authenticator that a moment falls into, counted so that none is below zero.
pub(crate) fn step(now: Tick) -> u8 {
    CONFIRMED + 1 + now / 3
}

/// When a moment is. The first is the beginning of a step.
pub(crate) fn at(tick: Tick) -> Timestamp {
    Timestamp::from_second(1_700_000_010).unwrap() + ATTEMPT * u32::from(tick)
}

/// A moment in a step of an authenticator.
fn within(step: u8) -> Timestamp {
    at(0) + 3 * ATTEMPT * u32::from(step) - 3 * ATTEMPT
}

impl System {
    pub(crate) fn new(bounds: Bounds, ids: u128) -> Self {
        let key = MacKey::new([7; 32]);
        let secret = TotpSecret::from_base32("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap();
        let id = |number| Uuid::from_u128(ids + u128::from(number));
        let length = bounds.rules.pin_length;
        let pin = |number| Pin::derive(length, &key, id(number));
        let pins: Vec<Pin> = (0..bounds.starts).map(pin).collect();
        let codes: Vec<String> = (0..=step(bounds.end) + 2)
            .map(|it| secret.code_at(within(it)))
            .collect();
        let system = Self {
            bounds,
            ids,
            key,
            secret,
            pins,
            codes,
        };
        let mut guesses: Vec<&str> = system.pins.iter().map(Pin::expose).collect();
        guesses.extend(system.codes.iter().map(String::as_str));
        guesses.sort_unstable();
        assert!(guesses.windows(2).all(|it| it[0] != it[1]), "no two alike");
        system
    }

    /// The id of a start, which is that of its message, too.
    pub(crate) fn id(&self, number: Number) -> Uuid {
        Uuid::from_u128(self.ids + u128::from(number))
    }

    pub(crate) fn pin(&self, number: Number) -> &Pin {
        &self.pins[usize::from(number)]
    }

    pub(crate) fn text(&self, guess: Guess) -> &str {
        match guess {
            Guess::Pin(number) => self.pin(number).expose(),
            Guess::Code(step) => &self.codes[usize::from(step)],
            Guess::Wrong => "wrong",
        }
    }

    pub(crate) fn code(&self, step: u8) -> (&str, Timestamp) {
        (&self.codes[usize::from(step)], within(step))
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.bounds.flaw == Some(flaw)
    }

    pub(crate) fn begin(&self) -> State {
        let mut user = AuthState::default();
        let mut history = History::default();
        if self.bounds.methods.contains(&Method::Totp) {
            let (code, when) = self.code(CONFIRMED);
            assert_eq!(user.enrol(self.secret.clone()), Enrol::Enrolled);
            assert_eq!(user.confirm(code, when), Confirm::Confirmed);
            history = History::confirmed();
        }
        State {
            now: 0,
            user: User(user),
            outbox: Vec::new(),
            servers: Default::default(),
            asked: 0,
            died: 0,
            history,
        }
    }

    /// Everything that may happen next.
    pub(crate) fn possible(&self, state: &State, actions: &mut Vec<Action>) {
        if self.time_may_pass(state) {
            actions.push(Action::TimePasses);
        }
        // Where nothing is in flight, it is the same whichever server is asked.
        let asked = if self.bounds.in_flight { SERVERS } else { 1 };
        for (place, server) in state.servers.iter().enumerate() {
            if place < asked && server.request.is_none() {
                let asked = self.may_be_asked(state).into_iter();
                actions.extend(asked.map(|ask| Action::Asked(place, ask)));
            }
            if let Some(request) = &server.request {
                let is_check = matches!(request.ask, Ask::Check(_));
                let reads = self.has(Flaw::ReadThenWrite) && is_check && request.read.is_none();
                actions.push(if reads {
                    Action::Read(place)
                } else {
                    Action::Done(place)
                });
            }
            may_be_done_with_messages(state, place, actions);
            let has_work = server.request.is_some() || server.holds.is_some();
            let may_die = state.died < self.bounds.deaths && state.now <= self.bounds.last;
            if has_work && may_die {
                actions.push(Action::Dies(place, false));
                if server.holds.as_ref().is_some_and(|it| !it.stands_still) {
                    actions.push(Action::StandsStill(place));
                }
                if server.holds.as_ref().is_some_and(|it| it.asking.is_some()) {
                    actions.push(Action::Dies(place, true));
                }
            }
        }
    }

    /// Time waits for nobody but for what is done in no time, or in one attempt's.
    fn time_may_pass(&self, state: &State) -> bool {
        let waits = |server: &Server| {
            let request = server.request.as_ref();
            let holds = server.holds.as_ref().filter(|it| !it.stands_still);
            request.is_some_and(|it| it.at < state.now)
                || holds.is_some_and(|it| it.asking.is_none_or(|since| since < state.now))
        };
        state.now < self.bounds.end && !state.servers.iter().any(waits)
    }

    fn may_be_asked(&self, state: &State) -> Vec<Ask> {
        let mut asks = Vec::new();
        if state.asked < self.bounds.starts && state.now <= self.bounds.last {
            let methods = self.bounds.methods.iter();
            asks.extend(methods.map(|method| Ask::Start(state.asked, *method)));
        }
        if self.bounds.guesses {
            let mut guesses = vec![Guess::Wrong];
            let pins = state.history.messages.iter().map(|it| it.pin);
            guesses.extend(pins.map(Guess::Pin));
            if self.bounds.methods.contains(&Method::Totp) {
                let now = step(state.now);
                guesses.extend((now.saturating_sub(2)..=now + 2).map(Guess::Code));
            }
            guesses.dedup();
            asks.extend(guesses.into_iter().map(Ask::Check));
        }
        asks
    }

    /// Lets it happen.
    pub(crate) fn act(&self, state: &mut State, action: Action) -> Outcome {
        match action {
            Action::TimePasses => state.now += 1,
            Action::Asked(place, ask) => {
                state.asked += u8::from(matches!(ask, Ask::Start(..)));
                let at = state.now;
                let read = None;
                if self.bounds.in_flight {
                    state.servers[place].request = Some(Request { ask, at, read });
                } else {
                    return self.done(state, Request { ask, at, read });
                }
            }
            Action::Read(place) => {
                let user = state.user.clone();
                let request = state.servers[place].request.as_mut();
                request.unwrap().read = Some(user);
            }
            Action::Done(place) => {
                let request = state.servers[place].request.take().unwrap();
                return self.done(state, request);
            }
            Action::PickedUp(place, message) => self.picked_up(state, place, message),
            Action::Answered(place, deed) => self.answered(state, place, deed),
            Action::Settled(place) => return self.settled(state, place),
            Action::StandsStill(place) => {
                state.died += 1;
                let holds = state.servers[place].holds.as_mut().unwrap();
                holds.stands_still = true;
                state.history.died(holds.message, false);
            }
            Action::Dies(place, taken) => {
                state.died += 1;
                let server = std::mem::take(&mut state.servers[place]);
                if let Some(holds) = server.holds {
                    state.history.died(holds.message, taken);
                }
            }
        }
        Outcome::Nothing
    }

    /// The store does what a server was asked.
    fn done(&self, state: &mut State, request: Request) -> Outcome {
        let (rules, at) = (&self.bounds.rules, request.at);
        match request.ask {
            Ask::Start(number, method) => {
                let start = self.start(state, number, method, at);
                state.history.started(self, number, method, at, &start);
                let replaces = matches!(start, Start::Sms { .. } | Start::Totp { .. });
                if replaces && !self.has(Flaw::ReplacedIsKept) {
                    // Also one that is on its way: it is not tried again.
                    state.outbox.clear();
                }
                if self.bounds.providers > 0 && matches!(start, Start::Sms { .. }) {
                    state.outbox.push(Row {
                        message: number,
                        due: crate::system::at(at),
                        lease: None,
                        failures: 0,
                    });
                }
                Outcome::Started {
                    number,
                    method,
                    at,
                    start,
                }
            }
            Ask::Check(guess) => {
                if let Some(read) = request.read {
                    state.user = read;
                }
                let check = self.check(state, guess, at);
                state.history.checked(rules, at, guess, check);
                Outcome::Checked { guess, at, check }
            }
        }
    }

    fn start(&self, state: &mut State, number: Number, method: Method, now: Tick) -> Start {
        let rules = &self.bounds.rules;
        let user = &mut state.user.0;
        if self.has(Flaw::NoDelay) {
            user.last_pin_at = None;
        }
        let request = StartRequest {
            method,
            id: self.id(number),
            pin: self.pin(number),
            key: &self.key,
            now: at(now),
            rules,
        };
        let start = user.start(&request, MaySend::Now);
        if let Some(running) = user.running.as_mut()
            && self.has(Flaw::TriesGivenBack)
            && matches!(start, Start::Sms { .. })
        {
            running.tries_left = rules.tries;
        }
        start
    }

    fn check(&self, state: &mut State, guess: Guess, now: Tick) -> Check {
        let before = state.user.clone();
        let late = self.has(Flaw::ValidTooLong);
        let request = CheckRequest {
            guess: self.text(guess),
            key: &self.key,
            now: at(now.saturating_sub(u8::from(late))),
            rules: &self.bounds.rules,
        };
        let check = state.user.0.check(&request);
        match (self.bounds.flaw, check) {
            (Some(Flaw::NotSpent), Check::Verified(_))
            | (Some(Flaw::NotCounted), Check::Invalid { .. }) => state.user = before,
            (Some(Flaw::StepNotUsedUp), Check::Verified(_)) => {
                state.user.0.authenticator = before.0.authenticator;
            }
            _ => {}
        }
        check
    }

    /// Until when a server has the messages that it picks up now.
    pub(crate) fn until(&self, now: Tick) -> Timestamp {
        let lease = match self.bounds.flaw {
            Some(Flaw::ShortLease) => lease(self.bounds.providers) / 3,
            Some(Flaw::EndlessLease) => lease(self.bounds.providers) * 100,
            _ => lease(self.bounds.providers),
        };
        at(now) + lease
    }

    pub(crate) fn phone() -> Phone {
        Phone::parse("+37255555555").unwrap()
    }

    fn picked_up(&self, state: &mut State, place: usize, number: Number) {
        let row = state.outbox.iter_mut().find(|it| it.message == number);
        let row = row.unwrap();
        row.lease = Some(place);
        row.due = self.until(state.now);
        let failures = row.failures;
        if self.has(Flaw::ForgottenWhenPickedUp) {
            state.outbox.retain(|it| it.message != number);
        }
        let sent = state.history.message(number);
        let sender = Sender {
            name: "shop",
            fqdn: "shop.ee",
            template: None,
        };
        let (pin, rules) = (self.pin(sent.pin).clone(), &self.bounds.rules);
        let (sent_at, expires_at) = (at(sent.at), at(sent.expires));
        let (id, to) = (self.id(number), Self::phone());
        let message = Message::new(id, to, sender, pin, sent_at, expires_at, rules);
        let outgoing = Outgoing {
            id,
            message,
            failures,
        };
        state.history.picked_up(number);
        state.servers[place].holds = Some(Holds {
            message: number,
            round: Round::new(&outgoing, self.has(Flaw::AskedAllTheSame)),
            asked: 0,
            asking: None,
            heard: Heard::default(),
            stands_still: false,
        });
        self.ask_next(state, place);
    }

    /// Asks the next provider, if there is one to ask.
    fn ask_next(&self, state: &mut State, place: usize) {
        let now = state.now;
        let holds = state.servers[place].holds.as_mut().unwrap();
        let goes_on = holds.round.goes_on(at(now)) || self.has(Flaw::SentLate);
        holds.asking = (goes_on && holds.asked < self.bounds.providers).then_some(now);
        if holds.asking.is_some() {
            holds.asked += 1;
            state.history.asked(holds.message, now);
        }
    }

    fn answered(&self, state: &mut State, place: usize, deed: Deed) {
        let holds = state.servers[place].holds.as_mut().unwrap();
        state.history.answered(holds.message, deed);
        holds.heard.answer(deed);
        let reason = Reason::new("provider", "it said so");
        holds.round.note(&match deed {
            Deed::Takes => Ok(()),
            Deed::Refuses => Err(DeliveryError::Refused(reason)),
            Deed::AsksToComeAgain => Err(DeliveryError::Failed(reason)),
            Deed::TakesUnheard | Deed::RefusesUnheard => Err(DeliveryError::Unknown(reason)),
        });
        self.ask_next(state, place);
    }

    fn settled(&self, state: &mut State, place: usize) -> Outcome {
        let holds = state.servers[place].holds.take().unwrap();
        let settled = holds.round.settled(at(state.now));
        let message = holds.message;
        let row = state.outbox.iter().position(|it| {
            it.message == message && (it.lease == Some(place) || self.has(Flaw::AnyoneSettles))
        });
        if let Some(row) = row {
            let (history, heard) = (&mut state.history, &holds.heard);
            history.settled(message, heard, settled, state.now);
            match settled {
                Settled::Over => {
                    state.outbox.remove(row);
                }
                Settled::Again(due) => {
                    let row = &mut state.outbox[row];
                    (row.due, row.lease) = (due, None);
                    row.failures += 1;
                }
            }
        }
        Outcome::Settled {
            server: place,
            message,
            settled,
        }
    }
}

/// What a server may do with messages.
fn may_be_done_with_messages(state: &State, place: usize, actions: &mut Vec<Action>) {
    match &state.servers[place].holds {
        None => {
            let first = state.outbox.iter().map(|it| it.due).min();
            let due = first.filter(|due| *due <= at(state.now));
            let rows = state.outbox.iter().filter(|it| Some(it.due) == due);
            actions.extend(rows.map(|it| Action::PickedUp(place, it.message)));
        }
        Some(holds) if holds.asking.is_some() => actions.extend(
            [
                Deed::Takes,
                Deed::Refuses,
                Deed::AsksToComeAgain,
                Deed::TakesUnheard,
                Deed::RefusesUnheard,
            ]
            .map(|deed| Action::Answered(place, deed)),
        ),
        Some(_) => actions.push(Action::Settled(place)),
    }
}

impl State {
    /// The same with the servers in a certain order: which is which makes no difference, so half of
    /// the states need no look.
    pub(crate) fn in_order(mut self) -> Self {
        let [one, other] = self.servers.each_ref().map(|server| {
            let mut hasher = DefaultHasher::new();
            server.hash(&mut hasher);
            hasher.finish()
        });
        if one > other {
            self.servers.swap(0, 1);
            for row in &mut self.outbox {
                row.lease = row.lease.map(|server| 1 - server);
            }
        }
        self
    }

    /// Whether each message that is not done with is still there to be sent.
    pub(crate) fn loses_nothing(&self) -> bool {
        let mut messages = self.history.messages.iter();
        messages.all(|it| it.over || self.outbox.iter().any(|row| row.message == it.number))
    }

    /// Whether each message that is left is being sent, or can be picked up.
    pub(crate) fn waits_for_nobody(&self) -> bool {
        let is_held = |row: &Row| {
            let mut held = self.servers.iter().filter_map(|it| it.holds.as_ref());
            held.any(|it| it.message == row.message)
        };
        let mut rows = self.outbox.iter();
        rows.all(|row| row.due <= at(self.now) || is_held(row))
    }

    /// Whether no two servers that live are sending one message.
    pub(crate) fn sends_each_once(&self) -> bool {
        let lives = |server: &Server| {
            let holds = server.holds.as_ref().filter(|it| !it.stands_still);
            holds.map(|it| it.message)
        };
        let [one, other] = self.servers.each_ref().map(lives);
        one.is_none() || one != other
    }

    /// Whether a server asks a provider after the first.
    pub(crate) fn fails_over(&self) -> bool {
        let mut held = self.servers.iter().filter_map(|it| it.holds.as_ref());
        held.any(|it| it.asked > 1)
    }
}
