//! One user's authentication as a state machine: none → pending → verified, expired or throttled.
//!
//! Every function takes the state, the time and the rules, changes the state and says what came
//! of it. A store runs one of them between reading and writing a user's row, in one transaction:
//! that, and nothing here, is what makes a step atomic.
//!
//! Choices where the rules leave room:
//!
//! - *Tries and resends.* A resend while an authentication is pending gets the tries that are
//!   left, never new ones. Once throttled or expired, a new start begins afresh; after throttling
//!   only when the resend delay has passed, whatever the method. What bounds an endless
//!   alternation of guessing and resending is the lock below.
//! - *The resend delay* counts from the last PIN sent to the user, verified or not: it limits
//!   messages. A start by authenticator sends none and waits only after throttling.
//! - *The same PIN again* ([`Resend::Same`]) goes on with the authentication that is pending: it
//!   ends when it would have, so that no PIN is valid for longer than any other.
//! - *The lock.* After `lock_after` wrong guesses in a row over all authentications nothing is
//!   compared any more: a check is `Throttled` and a start `Locked` until an operator unlocks. A
//!   right guess before that sets the count back to zero.
//! - *Throttled before expired.* A throttled authentication stays throttled when its time is up,
//!   since throttling lasts "until a new PIN".

use std::{fmt, hint::black_box, str::FromStr, time::Duration};

use jiff::Timestamp;
use thiserror::Error;
use uuid::Uuid;

use super::{
    budget::MaySend,
    pin::{MacKey, Pin, PinLength, PinMac, Resend},
    time::{after, remaining},
    totp::{TotpSecret, Window},
};
use crate::config::Rules;

/// How a user proves who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// A PIN in a message.
    Sms,
    /// A code of an authenticator app.
    Totp,
}

impl Method {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Totp => "totp",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A method that is neither `sms` nor `totp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a method is sms or totp")]
pub struct UnknownMethod;

impl FromStr for Method {
    type Err = UnknownMethod;

    fn from_str(text: &str) -> Result<Self, UnknownMethod> {
        match text {
            "sms" => Ok(Self::Sms),
            "totp" => Ok(Self::Totp),
            _ => Err(UnknownMethod),
        }
    }
}

/// All that is remembered of one user between requests.
#[derive(Debug, Clone, Default)]
pub struct AuthState {
    /// The authentication that is pending, expired or throttled; none when never started or spent.
    pub running: Option<Authentication>,
    /// When the last PIN went out; outlives the authentication, since the resend delay does.
    pub last_pin_at: Option<Timestamp>,
    /// Wrong guesses since the last right one, over all authentications.
    pub wrong_in_a_row: u32,
    /// The user's authenticator app, enrolled or confirmed.
    pub authenticator: Option<Authenticator>,
}

/// An authentication that was started and not yet spent.
#[derive(Debug, Clone)]
pub struct Authentication {
    /// What the PIN's MAC is bound to.
    pub id: Uuid,
    /// What a guess is compared with.
    pub challenge: Challenge,
    /// When it was started.
    pub started_at: Timestamp,
    /// From this moment on nothing is compared.
    pub expires_at: Timestamp,
    /// Wrong guesses left; at zero it is throttled.
    pub tries_left: u32,
}

/// What a guess is compared with.
#[derive(Debug, Clone)]
pub enum Challenge {
    /// The PIN that was sent, as its MAC.
    Sms(PinMac),
    /// The codes of the user's authenticator.
    Totp,
}

impl Challenge {
    fn method(&self) -> Method {
        match self {
            Self::Sms(_) => Method::Sms,
            Self::Totp => Method::Totp,
        }
    }
}

/// A user's authenticator app.
#[derive(Debug, Clone)]
pub struct Authenticator {
    /// What it shares with the server.
    pub secret: TotpSecret,
    /// Whether a first code proved that the app has the secret. Until then it is not used.
    pub confirmed: bool,
    /// The last step whose code was used; earlier ones are refused too.
    pub last_step: Option<i64>,
}

/// What a start needs beside the user's state.
#[derive(Debug)]
pub struct StartRequest<'a> {
    /// The method asked for.
    pub method: Method,
    /// A new id, for an authentication that may come of it.
    pub id: Uuid,
    /// A new PIN for that id, made with [`Pin::new`].
    pub pin: &'a Pin,
    /// What PINs are kept with.
    pub key: &'a MacKey,
    /// The time.
    pub now: Timestamp,
    /// The rules.
    pub rules: &'a Rules,
}

/// What a start came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// Pending; this PIN must now be sent, and counts against the budgets.
    Sms {
        /// The PIN, which is not kept.
        pin: Pin,
        /// When the authentication ends.
        expires_at: Timestamp,
    },
    /// Pending; the user's authenticator has the codes.
    Totp {
        /// When the authentication ends.
        expires_at: Timestamp,
    },
    /// Too soon after the last one.
    TooSoon {
        /// How long to wait; at most the resend delay.
        retry_after: Duration,
    },
    /// So many messages were sent that a budget is used up.
    OverBudget {
        /// How long to wait; at most the budget's period.
        retry_after: Duration,
    },
    /// No message may go to the user's number.
    NotAllowed,
    /// Too many wrong guesses in a row.
    Locked,
}

/// What a check needs beside the user's state. `Debug` does not show the guess.
pub struct CheckRequest<'a> {
    /// What the user typed.
    pub guess: &'a str,
    /// What PINs are kept with.
    pub key: &'a MacKey,
    /// The time.
    pub now: Timestamp,
    /// The rules.
    pub rules: &'a Rules,
}

impl fmt::Debug for CheckRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckRequest")
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

/// What a check came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// Right, and spent.
    Verified(Method),
    /// Compared, and wrong.
    Invalid {
        /// By which method.
        method: Method,
        /// Guesses left before it is throttled.
        tries_left: u32,
    },
    /// Not compared: the time is up.
    Expired(Method),
    /// Not compared: the tries are used up, or the user is locked.
    Throttled(Method),
    /// There is nothing to compare with.
    NotStarted,
}

/// What an enrolment came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enrol {
    /// The secret waits for its first code.
    Enrolled,
    /// A confirmed authenticator must be removed first.
    AlreadyConfirmed,
}

/// What a first code came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirm {
    /// The authenticator is in use from now on.
    Confirmed,
    /// Not one of its codes.
    WrongCode,
    /// It was confirmed before.
    AlreadyConfirmed,
    /// There is none.
    NotEnrolled,
}

impl Authentication {
    /// Whether a guess would still be compared.
    fn is_pending(&self, now: Timestamp) -> bool {
        self.tries_left > 0 && now < self.expires_at
    }

    /// Its PIN, if it was derived and so can be had again.
    fn derived_pin(&self, length: PinLength, key: &MacKey) -> Option<Pin> {
        let Challenge::Sms(mac) = &self.challenge else {
            return None;
        };
        // None when the rule, the length or the key was another at its start.
        Pin::derive_again(length, key, self.id, mac)
    }
}

impl AuthState {
    /// Starts an authentication, or replaces the one that is running.
    ///
    /// [`Method::Totp`] falls back to [`Method::Sms`] when the user has no confirmed
    /// authenticator. `may_send` says what the budgets have to say, should a message be needed.
    pub fn start(&mut self, request: &StartRequest<'_>, may_send: MaySend) -> Start {
        let StartRequest { now, rules, .. } = *request;
        if self.wrong_in_a_row >= rules.lock_after {
            return Start::Locked;
        }
        let has_authenticator = self.authenticator.as_ref().is_some_and(|it| it.confirmed);
        let method = match request.method {
            Method::Totp if has_authenticator => Method::Totp,
            Method::Totp | Method::Sms => Method::Sms,
        };
        let sends = method == Method::Sms;
        if sends && may_send == MaySend::Never {
            return Start::NotAllowed;
        }
        let throttled = self.running.as_ref().filter(|it| it.tries_left == 0);
        let last_pin = self.last_pin_at.filter(|_| sends || throttled.is_some());
        let wait = [last_pin, throttled.map(|it| it.started_at)]
            .into_iter()
            .flatten()
            .filter_map(|since| remaining(since, rules.resend_delay, now))
            .max();
        if let Some(retry_after) = wait {
            return Start::TooSoon { retry_after };
        }
        if let (true, MaySend::After(retry_after)) = (sends, may_send) {
            return Start::OverBudget { retry_after };
        }
        if sends {
            self.start_by_sms(request)
        } else {
            let expires_at = self.replace(request, Challenge::Totp);
            Start::Totp { expires_at }
        }
    }

    fn start_by_sms(&mut self, request: &StartRequest<'_>) -> Start {
        let StartRequest {
            id,
            key,
            now,
            rules,
            ..
        } = *request;
        self.last_pin_at = Some(now);
        if rules.resend == Resend::Same
            && let Some(pending) = self.running.as_ref().filter(|it| it.is_pending(now))
            && let Some(pin) = pending.derived_pin(rules.pin_length, key)
        {
            let expires_at = pending.expires_at;
            return Start::Sms { pin, expires_at };
        }
        let pin = request.pin.clone();
        let mac = PinMac::of(key, id, pin.expose());
        let expires_at = self.replace(request, Challenge::Sms(mac));
        Start::Sms { pin, expires_at }
    }

    /// Puts a new authentication in place of the one that is running, with the tries that one has
    /// left. Gives the moment it ends.
    fn replace(&mut self, request: &StartRequest<'_>, challenge: Challenge) -> Timestamp {
        let StartRequest { id, now, rules, .. } = *request;
        let pending = self.running.as_ref().filter(|it| it.is_pending(now));
        let tries_left = pending.map_or(rules.tries, |it| it.tries_left);
        let expires_at = after(now, rules.valid_for);
        self.running = Some(Authentication {
            id,
            challenge,
            started_at: now,
            expires_at,
            tries_left,
        });
        expires_at
    }

    /// Compares a guess with what is pending.
    ///
    /// What the guess would be compared with is computed whatever the state, so that wrong,
    /// expired and throttled take the same time; it is compared only when the state allows.
    pub fn check(&mut self, request: &CheckRequest<'_>) -> Check {
        let CheckRequest {
            guess,
            key,
            now,
            rules,
        } = *request;
        let Some(running) = &mut self.running else {
            return Check::NotStarted;
        };
        let method = running.challenge.method();
        let authenticator = self.authenticator.as_mut();
        let guessed = black_box(PinMac::under_each(key, running.id, guess));
        let window = (authenticator.as_ref().filter(|_| method == Method::Totp))
            .map(|it| black_box(it.secret.window_at(now)));
        if running.tries_left == 0 || self.wrong_in_a_row >= rules.lock_after {
            return Check::Throttled(method);
        }
        if now >= running.expires_at {
            return Check::Expired(method);
        }
        let right = match (&running.challenge, authenticator, window) {
            (Challenge::Sms(mac), ..) => mac.is_among(&guessed),
            (Challenge::Totp, Some(app), Some(window)) => app.accept(&window, guess),
            (Challenge::Totp, ..) => false,
        };
        if right {
            self.running = None;
            self.wrong_in_a_row = 0;
            Check::Verified(method)
        } else {
            running.tries_left -= 1;
            self.wrong_in_a_row = self.wrong_in_a_row.saturating_add(1);
            Check::Invalid {
                method,
                tries_left: running.tries_left,
            }
        }
    }

    /// Forgets the wrong guesses in a row. An authentication that is throttled stays so until the
    /// next start.
    pub fn unlock(&mut self) {
        self.wrong_in_a_row = 0;
    }

    /// Takes a new authenticator, in place of one that was never confirmed.
    pub fn enrol(&mut self, secret: TotpSecret) -> Enrol {
        if self.authenticator.as_ref().is_some_and(|it| it.confirmed) {
            return Enrol::AlreadyConfirmed;
        }
        self.authenticator = Some(Authenticator {
            secret,
            confirmed: false,
            last_step: None,
        });
        Enrol::Enrolled
    }

    /// Confirms the authenticator by a first code, whose step is then used up.
    ///
    /// Guessing here wins nothing: the secret was just shown to whoever enrolled it.
    pub fn confirm(&mut self, guess: &str, now: Timestamp) -> Confirm {
        match &mut self.authenticator {
            None => Confirm::NotEnrolled,
            Some(app) if app.confirmed => Confirm::AlreadyConfirmed,
            Some(app) => {
                let window = app.secret.window_at(now);
                app.confirmed = app.accept(&window, guess);
                if app.confirmed {
                    Confirm::Confirmed
                } else {
                    Confirm::WrongCode
                }
            }
        }
    }

    /// Forgets the authenticator and an authentication that waits for its code.
    ///
    /// False when there was none.
    pub fn remove_authenticator(&mut self) -> bool {
        if self
            .running
            .as_ref()
            .is_some_and(|it| it.challenge.method() == Method::Totp)
        {
            self.running = None;
        }
        self.authenticator.take().is_some()
    }
}

impl Authenticator {
    /// Whether `guess` is a code of `window` that was not used before; it then is.
    fn accept(&mut self, window: &Window, guess: &str) -> bool {
        let step = window.accept(guess, self.last_step);
        self.last_step = step.or(self.last_step);
        step.is_some()
    }
}

#[cfg(test)]
#[path = "authentication_tests.rs"]
mod tests;
