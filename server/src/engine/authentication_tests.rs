//! Tests of the state machine: its table by example, its promises by random histories.

use proptest::prelude::*;

use super::*;
use crate::engine::mac;

const WRONG: &str = "wrong!";

fn key() -> MacKey {
    MacKey::new([1; 32])
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + second).unwrap()
}

/// Starts that are not a second apart have different ids and PINs, too.
fn id(second: i64) -> Uuid {
    Uuid::from_u128(u128::try_from(1_000_000 + second).unwrap())
}

/// The PIN of a start at this second.
fn pin(second: i64) -> Pin {
    Pin::derive(PinLength::default(), &key(), id(second))
}

fn start_by(state: &mut AuthState, method: Method, second: i64, rules: &Rules) -> Start {
    let request = StartRequest {
        method,
        id: id(second),
        pin: &pin(second),
        key: &key(),
        now: at(second),
        rules,
    };
    state.start(&request, MaySend::Now)
}

fn start_with(state: &mut AuthState, method: Method, second: i64) -> Start {
    start_by(state, method, second, &Rules::default())
}

fn start(state: &mut AuthState, second: i64) -> Start {
    start_with(state, Method::Sms, second)
}

fn check_at(state: &mut AuthState, guess: &str, now: Timestamp) -> Check {
    state.check(&CheckRequest {
        guess,
        key: &key(),
        now,
        rules: &Rules::default(),
    })
}

fn check(state: &mut AuthState, guess: &str, second: i64) -> Check {
    check_at(state, guess, at(second))
}

/// Checks the PIN of the start at second `of`.
fn check_pin(state: &mut AuthState, of: i64, second: i64) -> Check {
    check(state, pin(of).expose(), second)
}

fn sent(second: i64) -> Start {
    Start::Sms {
        pin: pin(second),
        expires_at: at(second + 600),
    }
}

fn by_totp(second: i64) -> Start {
    let expires_at = at(second + 600);
    Start::Totp { expires_at }
}

fn too_soon(seconds: u64) -> Start {
    let retry_after = Duration::from_secs(seconds);
    Start::TooSoon { retry_after }
}

fn secret() -> TotpSecret {
    TotpSecret::from_base32("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap()
}

fn with_authenticator() -> AuthState {
    let mut state = AuthState::default();
    assert_eq!(state.enrol(secret()), Enrol::Enrolled);
    assert_eq!(
        state.confirm(&secret().code_at(at(-300)), at(-300)),
        Confirm::Confirmed
    );
    state
}

#[test]
fn a_right_pin_is_accepted_once() {
    let mut state = AuthState::default();
    assert_eq!(check_pin(&mut state, 0, 0), Check::NotStarted);
    assert_eq!(start(&mut state, 0), sent(0));
    assert_eq!(check_pin(&mut state, 0, 1), Check::Verified(Method::Sms));
    assert_eq!(check_pin(&mut state, 0, 2), Check::NotStarted);
}

#[test]
fn five_wrong_tries_throttle_even_the_right_pin() {
    let mut state = AuthState::default();
    start(&mut state, 0);
    for tries_left in (0..5).rev() {
        let method = Method::Sms;
        let invalid = Check::Invalid { method, tries_left };
        assert_eq!(check(&mut state, WRONG, 1), invalid);
    }
    let throttled = Check::Throttled(Method::Sms);
    assert_eq!(check_pin(&mut state, 0, 1), throttled);
    assert_eq!(check_pin(&mut state, 0, 10_000), throttled);
    assert_eq!(start(&mut state, 29), too_soon(1));
    assert_eq!(start(&mut state, 30), sent(30));
    assert_eq!(check_pin(&mut state, 30, 31), Check::Verified(Method::Sms));
}

#[test]
fn a_pin_is_valid_for_ten_minutes_to_the_nanosecond() {
    let mut state = AuthState::default();
    start(&mut state, 0);
    let last = at(600).saturating_sub(Duration::from_nanos(1)).unwrap();
    let mut late = state.clone();
    let in_time = check_at(&mut state, pin(0).expose(), last);
    assert_eq!(in_time, Check::Verified(Method::Sms));
    assert_eq!(check_pin(&mut late, 0, 600), Check::Expired(Method::Sms));
    assert_eq!(check(&mut late, WRONG, 600), Check::Expired(Method::Sms));
    assert_eq!(late.wrong_in_a_row, 0);
}

#[test]
fn a_resend_replaces_the_pin_and_gives_no_tries_back() {
    let mut state = AuthState::default();
    start(&mut state, 0);
    check(&mut state, WRONG, 1);
    check(&mut state, WRONG, 1);
    assert_eq!(start(&mut state, 10), too_soon(20));
    assert_eq!(start(&mut state, 30), sent(30));
    let invalid = Check::Invalid {
        method: Method::Sms,
        tries_left: 2,
    };
    assert_eq!(check_pin(&mut state, 0, 31), invalid, "the old one");
    assert_eq!(check_pin(&mut state, 30, 31), Check::Verified(Method::Sms));
}

#[test]
fn the_same_pin_again_goes_on_with_the_authentication() {
    let rules = Rules {
        resend: Resend::Same,
        ..Rules::default()
    };
    let again = |state: &mut AuthState, second| start_by(state, Method::Sms, second, &rules);
    let mut state = AuthState::default();
    assert_eq!(again(&mut state, 0), sent(0));
    check(&mut state, WRONG, 1);
    assert_eq!(again(&mut state, 29), too_soon(1));
    assert_eq!(
        again(&mut state, 30),
        sent(0),
        "the same PIN until the same time"
    );
    assert_eq!(
        again(&mut state, 59),
        too_soon(1),
        "the delay counts from the last"
    );
    assert_eq!(again(&mut state, 599), sent(0));
    let mut late = state.clone();
    assert_eq!(check_pin(&mut late, 0, 600), Check::Expired(Method::Sms));
    assert_eq!(
        again(&mut late, 629),
        sent(629),
        "a new one once it is over"
    );
    let invalid = Check::Invalid {
        method: Method::Sms,
        tries_left: 3,
    };
    assert_eq!(
        check(&mut state, WRONG, 599),
        invalid,
        "no tries are given back"
    );
    let mut spent = state.clone();
    assert_eq!(check_pin(&mut spent, 0, 599), Check::Verified(Method::Sms));
    assert_eq!(
        again(&mut spent, 629),
        sent(629),
        "a new one once it is spent"
    );
    for _ in 0..3 {
        check(&mut state, WRONG, 599);
    }
    assert_eq!(check_pin(&mut state, 0, 599), Check::Throttled(Method::Sms));
    assert_eq!(again(&mut state, 628), too_soon(1));
    assert_eq!(
        again(&mut state, 629),
        sent(629),
        "a new one after throttling"
    );
    assert_eq!(
        check_pin(&mut state, 629, 630),
        Check::Verified(Method::Sms)
    );
}

#[test]
fn a_pin_that_cannot_be_had_again_is_replaced() {
    let same = Rules {
        resend: Resend::Same,
        ..Rules::default()
    };
    let longer = Rules {
        pin_length: PinLength::new(8).unwrap(),
        ..same.clone()
    };
    // A drawn PIN, as the rule was another when it was sent.
    let mut state = AuthState::default();
    let drawn = Pin::derive(PinLength::default(), &key(), id(77));
    let request = StartRequest {
        method: Method::Sms,
        id: id(0),
        pin: &drawn,
        key: &key(),
        now: at(0),
        rules: &Rules::default(),
    };
    state.start(&request, MaySend::Now);
    let mut other_length = state.clone();
    assert_eq!(start_by(&mut state, Method::Sms, 30, &same), sent(30));
    // A PIN of another length.
    start_by(&mut other_length, Method::Sms, 30, &same);
    let replaced = start_by(&mut other_length, Method::Sms, 60, &longer);
    assert_eq!(replaced, sent(60));
    // The rule to send a new one.
    assert_eq!(start(&mut state, 60), sent(60));
}

#[test]
fn after_expiry_the_tries_are_new() {
    let mut state = AuthState::default();
    start(&mut state, 0);
    check(&mut state, WRONG, 1);
    start(&mut state, 600);
    let invalid = Check::Invalid {
        method: Method::Sms,
        tries_left: 4,
    };
    assert_eq!(check(&mut state, WRONG, 601), invalid);
}

#[test]
fn the_resend_delay_outlives_success_and_bears_a_clock_set_back() {
    let mut state = AuthState::default();
    start(&mut state, 0);
    check_pin(&mut state, 0, 1);
    assert_eq!(start(&mut state, 5), too_soon(25));
    assert_eq!(start(&mut state, -1_000), too_soon(30));
}

#[test]
fn what_may_not_be_sent_is_not_started() {
    let rules = Rules::default();
    let ask = |state: &mut AuthState, method, second, may_send| {
        let request = StartRequest {
            method,
            id: id(second),
            pin: &pin(second),
            key: &key(),
            now: at(second),
            rules: &rules,
        };
        state.start(&request, may_send)
    };
    let wait = Duration::from_mins(7);
    let over = Start::OverBudget { retry_after: wait };
    let mut state = with_authenticator();
    start(&mut state, 0);
    let after = MaySend::After(wait);
    assert_eq!(ask(&mut state, Method::Sms, 29, after), too_soon(1));
    assert_eq!(ask(&mut state, Method::Sms, 30, after), over);
    let never = MaySend::Never;
    assert_eq!(ask(&mut state, Method::Sms, 30, never), Start::NotAllowed);
    assert_eq!(
        check_pin(&mut state, 0, 30),
        Check::Verified(Method::Sms),
        "it runs on"
    );
    // An authenticator needs no message.
    assert_eq!(ask(&mut state, Method::Totp, 31, after), by_totp(31));
    assert_eq!(ask(&mut state, Method::Totp, 31, never), by_totp(31));
    // Without one, totp is sms.
    let mut state = AuthState::default();
    assert_eq!(ask(&mut state, Method::Totp, 31, after), over);
    assert_eq!(ask(&mut state, Method::Totp, 31, never), Start::NotAllowed);
    assert_eq!(check(&mut state, WRONG, 31), Check::NotStarted);
}

#[test]
fn a_hundred_wrong_guesses_in_a_row_lock_until_unlocked() {
    let mut state = AuthState::default();
    for round in 0..20 {
        assert_eq!(start(&mut state, round * 30), sent(round * 30));
        for _ in 0..5 {
            check(&mut state, WRONG, round * 30);
        }
    }
    assert_eq!(start(&mut state, 10_000), Start::Locked);
    assert_eq!(
        check_pin(&mut state, 570, 571),
        Check::Throttled(Method::Sms)
    );
    state.unlock();
    assert_eq!(
        check_pin(&mut state, 570, 571),
        Check::Throttled(Method::Sms)
    );
    assert_eq!(start(&mut state, 10_000), sent(10_000));
    assert_eq!(
        check_pin(&mut state, 10_000, 10_000),
        Check::Verified(Method::Sms)
    );

    state.wrong_in_a_row = 99;
    assert_eq!(start(&mut state, 20_000), sent(20_000));
    assert_eq!(
        check_pin(&mut state, 20_000, 20_001),
        Check::Verified(Method::Sms)
    );
    assert_eq!(state.wrong_in_a_row, 0);

    // With tries left, too: the lock is over all authentications.
    start(&mut state, 30_000);
    state.wrong_in_a_row = 99;
    check(&mut state, WRONG, 30_000);
    assert_eq!(
        check_pin(&mut state, 30_000, 30_000),
        Check::Throttled(Method::Sms)
    );
}

#[test]
fn totp_needs_a_confirmed_authenticator() {
    let mut state = AuthState::default();
    assert_eq!(state.confirm("123456", at(0)), Confirm::NotEnrolled);
    state.enrol(secret());
    assert_eq!(start_with(&mut state, Method::Totp, 0), sent(0));
    assert_eq!(state.confirm("000000", at(0)), Confirm::WrongCode);
    let code = secret().code_at(at(0));
    assert_eq!(state.confirm(&code, at(0)), Confirm::Confirmed);
    assert_eq!(state.confirm(&code, at(0)), Confirm::AlreadyConfirmed);
    assert_eq!(state.enrol(secret()), Enrol::AlreadyConfirmed);
    assert_eq!(start_with(&mut state, Method::Totp, 1), by_totp(1));
    // The confirming code is used up, the next one is not.
    assert!(matches!(check(&mut state, &code, 2), Check::Invalid { .. }));
    let next = secret().code_at(at(30));
    assert_eq!(check(&mut state, &next, 30), Check::Verified(Method::Totp));
    start_with(&mut state, Method::Totp, 31);
    let again = check(&mut state, &next, 31);
    assert!(matches!(again, Check::Invalid { .. }));
}

#[test]
fn an_unconfirmed_authenticator_opens_nothing() {
    let mut state = AuthState::default();
    state.enrol(secret());
    start_with(&mut state, Method::Totp, 0);
    let guessed = check(&mut state, &secret().code_at(at(0)), 0);
    assert!(matches!(
        guessed,
        Check::Invalid {
            method: Method::Sms,
            ..
        }
    ));
}

#[test]
fn totp_tries_count_the_same_and_a_new_start_gives_none_back() {
    let mut state = with_authenticator();
    for tries_left in (0..5).rev() {
        assert_eq!(start_with(&mut state, Method::Totp, 0), by_totp(0));
        let method = Method::Totp;
        let invalid = Check::Invalid { method, tries_left };
        assert_eq!(check(&mut state, WRONG, 0), invalid);
    }
    assert_eq!(start_with(&mut state, Method::Totp, 0), too_soon(30));
    assert_eq!(start_with(&mut state, Method::Sms, 0), too_soon(30));
    let right = secret().code_at(at(0));
    assert_eq!(check(&mut state, &right, 0), Check::Throttled(Method::Totp));
    assert_eq!(start_with(&mut state, Method::Totp, 30), by_totp(30));
}

#[test]
fn another_method_gives_no_tries_back_and_no_way_around_the_delay() {
    let mut state = with_authenticator();
    start(&mut state, 0);
    for _ in 0..2 {
        check(&mut state, WRONG, 1);
    }
    start_with(&mut state, Method::Totp, 1);
    let method = Method::Totp;
    let invalid = |tries_left| Check::Invalid { method, tries_left };
    assert_eq!(
        check(&mut state, pin(0).expose(), 1),
        invalid(2),
        "the PIN is gone"
    );
    assert_eq!(start(&mut state, 1), too_soon(29));
    check(&mut state, WRONG, 1);
    assert_eq!(check(&mut state, WRONG, 1), invalid(0));
    assert_eq!(start_with(&mut state, Method::Totp, 2), too_soon(29));
}

#[test]
fn after_throttling_another_method_waits_for_the_last_of_several_messages() {
    let rules = Rules {
        resend: Resend::Same,
        ..Rules::default()
    };
    let mut state = with_authenticator();
    for second in [0, 500] {
        assert_eq!(start_by(&mut state, Method::Sms, second, &rules), sent(0));
    }
    for _ in 0..5 {
        check(&mut state, WRONG, 501);
    }
    let by_another = start_by(&mut state, Method::Totp, 502, &rules);
    assert_eq!(by_another, too_soon(28));
}

#[test]
fn removing_the_authenticator_ends_what_waits_for_it() {
    let mut state = with_authenticator();
    start_with(&mut state, Method::Totp, 0);
    assert!(state.remove_authenticator());
    assert!(!state.remove_authenticator());
    assert_eq!(check(&mut state, WRONG, 0), Check::NotStarted);
    start(&mut state, 0);
    state.remove_authenticator();
    assert_eq!(check_pin(&mut state, 0, 0), Check::Verified(Method::Sms));
}

/// Whatever the state and the guess, a check computes as many MACs. How long it takes follows: the
/// example `check_timing` shows by how much.
#[test]
fn wrong_expired_throttled_and_locked_cost_the_same() {
    let old = [[2; 32], [3; 32]];
    for (method, keys, wanted) in [
        (Method::Sms, MacKey::new([1; 32]), 1),
        (Method::Sms, MacKey::rotated([1; 32], old.into_iter()), 3),
        // And the codes of the window.
        (Method::Totp, MacKey::new([1; 32]), 4),
        (Method::Totp, MacKey::rotated([1; 32], old.into_iter()), 6),
    ] {
        let mut pending = with_authenticator();
        start_with(&mut pending, method, 0);
        let mut throttled = pending.clone();
        for _ in 0..5 {
            check(&mut throttled, WRONG, 0);
        }
        let mut locked = pending.clone();
        locked.wrong_in_a_row = 100;
        let cost = |state: &AuthState, guess: &str, second| {
            let mut state = state.clone();
            mac::runs::during(|| {
                state.check(&CheckRequest {
                    guess,
                    key: &keys,
                    now: at(second),
                    rules: &Rules::default(),
                });
            })
        };
        let code = secret().code_at(at(600));
        for guess in [pin(0).expose(), &code, WRONG, ""] {
            for (state, second) in [
                (&pending, 0),
                (&pending, 600),
                (&throttled, 0),
                (&locked, 0),
            ] {
                assert_eq!(
                    cost(state, guess, second),
                    wanted,
                    "{method} {guess} {second}"
                );
            }
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Start(bool),
    Right,
    Wrong,
    Wait(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        any::<bool>().prop_map(Step::Start),
        Just(Step::Right),
        Just(Step::Wrong),
        (0_i64..400).prop_map(Step::Wait),
    ];
    proptest::collection::vec(step, 1..200)
}

proptest! {
    /// Whatever happens in whatever order: one success a PIN, never more than five wrong guesses
    /// compared between fresh starts, none after expiry, and no two PINs within the delay.
    #[test]
    fn any_history_keeps_the_promises(steps in steps(), same in any::<bool>()) {
        let resend = if same { Resend::Same } else { Resend::New };
        let rules = Rules { resend, ..Rules::default() };
        let mut current = None;
        let mut state = with_authenticator();
        let mut second = 0;
        let mut last_pin: Option<i64> = None;
        let mut expires = 0;
        let mut compared = 0;
        let mut open = false;
        for step in steps {
            match step {
                Step::Wait(seconds) => second += seconds,
                Step::Start(totp) => {
                    let method = if totp { Method::Totp } else { Method::Sms };
                    let fresh = !open || compared >= 5 || second >= expires;
                    match start_by(&mut state, method, second, &rules) {
                        Start::Sms { pin, expires_at } => {
                            prop_assert!(last_pin.is_none_or(|last| second - last >= 30));
                            last_pin = Some(second);
                            let is_new = current != Some(pin.clone());
                            prop_assert!(is_new || resend == Resend::Same && !fresh);
                            if is_new {
                                expires = second + 600;
                                current = Some(pin);
                            }
                            prop_assert_eq!(expires_at, at(expires));
                            open = true;
                        }
                        Start::Totp { .. } => {
                            expires = second + 600;
                            current = None;
                            open = true;
                        }
                        _ => continue,
                    }
                    if fresh { compared = 0; }
                }
                Step::Right => {
                    let method = state.running.as_ref().map(|it| it.challenge.method());
                    let guess = match method {
                        Some(Method::Totp) => secret().code_at(at(second)),
                        _ => current.as_ref().map_or(WRONG, Pin::expose).to_owned(),
                    };
                    match check(&mut state, &guess, second) {
                        Check::Verified(_) => {
                            prop_assert!(open && compared < 5 && second < expires);
                            open = false;
                        }
                        Check::Invalid { method, .. } => {
                            // A code whose step was used before.
                            prop_assert_eq!(method, Method::Totp);
                            compared += 1;
                        }
                        Check::NotStarted => prop_assert!(!open),
                        Check::Expired(_) => prop_assert!(second >= expires),
                        Check::Throttled(_) => {
                            prop_assert!(compared >= 5 || state.wrong_in_a_row >= 100);
                        }
                    }
                }
                Step::Wrong => {
                    if let Check::Invalid { tries_left, .. } = check(&mut state, WRONG, second) {
                        prop_assert!(open && second < expires);
                        compared += 1;
                        prop_assert_eq!(tries_left, 5 - compared);
                    }
                }
            }
            prop_assert!(compared <= 5);
        }
    }
}
