//! What a witness writes down who sees everything and takes no state's word: what was promised,
//! and whether it was kept.

use std::collections::BTreeSet;

use verigator_server::{
    config::Rules,
    delivery::round::ATTEMPT,
    engine::{
        authentication::{Check, Method, Start},
        pin::Resend,
    },
    store::Settled,
};

use crate::system::{CONFIRMED, Deed, Guess, Number, System, Tick, at, step};

/// What is promised, each for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Promise {
    VerifiedOnce,
    NoMoreThanAllTriesCompared,
    DeadAfterSuccess,
    DeadAfterExpiry,
    DeadWhenThrottled,
    DeadWhenReplaced,
    CodeUsedOnce,
    ComparedWhileOpen,
    RightIsAccepted,
    PinsApart,
    StartedWhenAllowed,
    StartedAsSaid,
    NotSentWhenDead,
    NotSentWhenReplaced,
    SentOnce,
    NotLost,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct History {
    pub(crate) current: Option<Current>,
    /// Wrong guesses since the last right one.
    in_a_row: u32,
    last_pin: Option<Tick>,
    /// The last step of the authenticator whose code was accepted.
    last_step: u8,
    pub(crate) messages: Vec<Sent>,
    pub(crate) broken: BTreeSet<Promise>,
}

/// The authentication that was started last.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Current {
    /// The start whose PIN opens it; none when it is a code.
    pin: Option<Number>,
    started: Tick,
    pub(crate) expires: Tick,
    /// Wrong guesses compared, also before a resend.
    pub(crate) wrong: u32,
    pub(crate) verified: u8,
    /// Starts that went on with the tries of the one before.
    pub(crate) resends: u8,
}

/// A message that was committed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Sent {
    pub(crate) number: Number,
    /// The start whose PIN is in it.
    pub(crate) pin: Number,
    pub(crate) at: Tick,
    pub(crate) expires: Tick,
    /// How often a provider got it.
    pub(crate) taken: u8,
    /// Servers that died, or stood still for too long, while they had it.
    pub(crate) died: u8,
    /// Whether nothing more is to be done with it: it was settled or replaced.
    pub(crate) over: bool,
}

/// What a server heard of its providers in one round.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Heard {
    /// One may have the message, for all that is known.
    unknown: bool,
    /// One asked to come again.
    come_again: bool,
}

impl Heard {
    pub(crate) fn answer(&mut self, deed: Deed) {
        self.unknown |= matches!(deed, Deed::TakesUnheard | Deed::RefusesUnheard);
        self.come_again |= deed == Deed::AsksToComeAgain;
    }
}

fn ticks(period: std::time::Duration) -> Tick {
    Tick::try_from(period.as_secs() / ATTEMPT.as_secs()).unwrap()
}

impl Current {
    /// Whether a guess has to be compared.
    fn is_open(&self, now: Tick, rules: &Rules) -> bool {
        self.verified == 0 && self.wrong < rules.tries && now < self.expires
    }
}

impl History {
    fn check(&mut self, kept: bool, promise: Promise) {
        if !kept {
            self.broken.insert(promise);
        }
    }

    fn is_locked(&self, rules: &Rules) -> bool {
        self.in_a_row >= rules.lock_after
    }

    /// Whether `guess` is what the last start asks for.
    fn is_right(&self, guess: Guess, now: Tick) -> bool {
        let asked_for = self.current.as_ref().map(|it| it.pin);
        match guess {
            Guess::Pin(pin) => asked_for == Some(Some(pin)),
            Guess::Code(code) => {
                asked_for == Some(None) && code.abs_diff(step(now)) <= 1 && code > self.last_step
            }
            Guess::Wrong => false,
        }
    }

    pub(crate) fn checked(&mut self, rules: &Rules, now: Tick, guess: Guess, check: Check) {
        let is_right = self.is_right(guess, now);
        let is_locked = self.is_locked(rules);
        let Some(current) = self.current.clone() else {
            self.check(check == Check::NotStarted, Promise::StartedAsSaid);
            return;
        };
        let is_open = current.is_open(now, rules) && !is_locked;
        let is_throttled = current.wrong >= rules.tries || is_locked;
        match check {
            Check::Verified(_) => {
                self.check(current.verified == 0, Promise::VerifiedOnce);
                self.check(current.verified == 0, Promise::DeadAfterSuccess);
                self.check(now < current.expires, Promise::DeadAfterExpiry);
                self.check(!is_throttled, Promise::DeadWhenThrottled);
                if let Guess::Code(code) = guess {
                    self.check(code > self.last_step, Promise::CodeUsedOnce);
                    self.last_step = self.last_step.max(code);
                }
                self.check(is_right, Promise::DeadWhenReplaced);
                self.in_a_row = 0;
            }
            Check::Invalid { .. } => {
                self.check(is_open, Promise::NoMoreThanAllTriesCompared);
                self.check(!is_right, Promise::RightIsAccepted);
                self.in_a_row += 1;
            }
            Check::Expired(_) | Check::Throttled(_) | Check::NotStarted => {
                self.check(!is_open, Promise::ComparedWhileOpen);
            }
        }
        if let Some(current) = &mut self.current {
            current.verified += u8::from(matches!(check, Check::Verified(_)));
            current.wrong += u32::from(matches!(check, Check::Invalid { .. }));
        }
    }

    pub(crate) fn started(
        &mut self,
        system: &System,
        number: Number,
        method: Method,
        now: Tick,
        start: &Start,
    ) {
        let rules = &system.bounds.rules;
        let (valid, delay) = (ticks(rules.valid_for), ticks(rules.resend_delay));
        let current = self.current.clone();
        let open = current.clone().filter(|it| it.is_open(now, rules));
        let throttled = current.filter(|it| it.wrong >= rules.tries && it.verified == 0);
        let by_pin = method == Method::Sms;
        let last_pin = self.last_pin.filter(|_| by_pin || throttled.is_some());
        let waits = [last_pin, throttled.map(|it| it.started)];
        let must_wait = waits.into_iter().flatten().any(|it| now < it + delay);
        if !matches!(start, Start::Sms { .. } | Start::Totp { .. }) {
            self.check(
                must_wait || self.is_locked(rules),
                Promise::StartedWhenAllowed,
            );
            return;
        }
        self.check(!must_wait, Promise::PinsApart);
        self.check(!self.is_locked(rules), Promise::DeadWhenThrottled);
        let same = open
            .clone()
            .filter(|_| rules.resend == Resend::Same && by_pin);
        let (pin, started, expires) = match same {
            Some(Current {
                pin: Some(pin),
                started,
                expires,
                ..
            }) => (pin, started, expires),
            _ => (number, now, now + valid),
        };
        let as_said = match start {
            Start::Sms {
                pin: given,
                expires_at,
            } => by_pin && given == system.pin(pin) && *expires_at == at(expires),
            Start::Totp { expires_at } => !by_pin && *expires_at == at(expires),
            _ => false,
        };
        self.check(as_said, Promise::StartedAsSaid);
        self.current = Some(Current {
            pin: by_pin.then_some(pin),
            started,
            expires,
            wrong: open.as_ref().map_or(0, |it| it.wrong),
            verified: 0,
            resends: open.map_or(0, |it| it.resends + 1),
        });
        for replaced in &mut self.messages {
            replaced.over = true;
        }
        if by_pin {
            self.last_pin = Some(now);
            self.messages.push(Sent {
                number,
                pin,
                at: now,
                expires,
                taken: 0,
                died: 0,
                over: false,
            });
        }
    }

    /// An authenticator that was confirmed before anything else.
    pub(crate) fn confirmed() -> Self {
        Self {
            last_step: CONFIRMED,
            ..Self::default()
        }
    }

    pub(crate) fn message(&self, number: Number) -> &Sent {
        self.messages.iter().find(|it| it.number == number).unwrap()
    }

    fn message_mut(&mut self, number: Number) -> &mut Sent {
        let mut all = self.messages.iter_mut();
        all.find(|it| it.number == number).unwrap()
    }

    pub(crate) fn picked_up(&mut self, number: Number) {
        let is_wanted = !self.message(number).over;
        self.check(is_wanted, Promise::NotSentWhenReplaced);
    }

    /// A provider is asked.
    pub(crate) fn asked(&mut self, number: Number, now: Tick) {
        let alive = now < self.message(number).expires;
        self.check(alive, Promise::NotSentWhenDead);
    }

    pub(crate) fn answered(&mut self, number: Number, deed: Deed) {
        let message = self.message_mut(number);
        message.taken += u8::from(matches!(deed, Deed::Takes | Deed::TakesUnheard));
        let once = message.taken <= 1 + message.died;
        self.check(once, Promise::SentOnce);
    }

    /// A server died, or stands still; a provider may have got the message from it all the same.
    pub(crate) fn died(&mut self, number: Number, taken: bool) {
        let message = self.message_mut(number);
        message.died += 1;
        message.taken += u8::from(taken);
    }

    pub(crate) fn settled(&mut self, number: Number, heard: &Heard, settled: Settled, now: Tick) {
        let message = self.message_mut(number);
        let arrived = message.taken > 0 || heard.unknown;
        // Waiting takes less than from one moment to the next.
        let may_arrive = heard.come_again && now + 1 < message.expires;
        message.over |= settled == Settled::Over;
        let lost = settled == Settled::Over && !arrived && may_arrive;
        self.check(!lost, Promise::NotLost);
    }
}
