//! Messages that must be sent.

use verigator_server::store::Settlement;

use super::*;

async fn pick_up(store: &Shared, lease: Uuid, second: i64, at_most: u32) -> PickedUp {
    let pickup = Pickup {
        hold: Hold {
            lease,
            until: at(second + 60),
        },
        now: at(second),
        at_most,
    };
    store.pick_up_messages(pickup).await.unwrap()
}

async fn settle(store: &Shared, id: Uuid, lease: Uuid, settled: Settled) {
    let settlement = Settlement { id, lease, settled };
    store.settle_messages(&[settlement]).await.unwrap();
}

/// Each test begins and ends with an empty outbox.
async fn clear(store: &Shared) {
    let lease = Uuid::new_v4();
    loop {
        let picked = pick_up(store, lease, 1_000_000_000, 1_000).await.messages;
        if picked.is_empty() {
            return;
        }
        for it in picked {
            settle(store, it.id, lease, Settled::Over).await;
        }
    }
}

pub(super) async fn outbox(store: &Shared) {
    clear(store).await;
    let (one, two) = (some_user(store).await, some_user(store).await);
    let pins = [sent_pin(store, one, 0).await, sent_pin(store, two, 1).await];
    // What starts nothing sends nothing.
    assert!(matches!(
        start(store, one, Method::Sms, 2).await,
        Started::TooSoon { .. }
    ));
    let [mine, other] = [Uuid::new_v4(), Uuid::new_v4()];
    let first = pick_up(store, mine, 5, 1).await;
    assert_eq!(first.next, Some(at(1)));
    let second = pick_up(store, other, 5, 9).await;
    assert_eq!(second.next, Some(at(65)));
    let (first, second) = (&first.messages[0], &second.messages[..]);
    assert_eq!(second.len(), 1);
    let second = &second[0];
    for (sent, pin) in [(first, &pins[0]), (second, &pins[1])] {
        assert_eq!(sent.message.pin.expose(), pin);
        assert!(sent.message.text.starts_with(pin.as_str()));
        assert_eq!(sent.message.to.expose(), "+37255555555");
        assert_eq!(sent.failures, 0);
    }
    assert_eq!(first.message.id, first.id);
    assert_eq!(first.message.sent_at, at(0));
    assert_eq!(first.message.expires_at, at(600));
    assert!(pick_up(store, mine, 64, 9).await.messages.is_empty());

    // One is tried again later, one is over; whoever lost a lease settles nothing.
    let settle = async |id, lease, settled| settle(store, id, lease, settled).await;
    settle(first.id, other, Settled::Over).await;
    settle(first.id, mine, Settled::Again(at(20))).await;
    settle(second.id, other, Settled::Over).await;
    assert!(pick_up(store, mine, 19, 9).await.messages.is_empty());
    let again = pick_up(store, mine, 20, 9).await;
    assert_eq!(again.messages.len(), 1);
    let again = &again.messages[0];
    assert_eq!((again.id, again.failures), (first.id, 1));
    assert_eq!(again.message.pin.expose(), pins[0]);

    // Its worker dies; another gets it when the lease is over, and the dead one comes back late.
    let heir = pick_up(store, other, 80, 9).await;
    assert_eq!(heir.messages.len(), 1);
    settle(first.id, mine, Settled::Over).await;
    settle(first.id, other, Settled::Over).await;
    let none = pick_up(store, mine, 1_000, 9).await;
    assert!(none.messages.is_empty() && none.next.is_none());
}

/// Many are settled together, each in its own way, and those of another are left alone.
pub(super) async fn settled_together(store: &Shared) {
    clear(store).await;
    for second in 0..6 {
        sent_pin(store, some_user(store).await, second).await;
    }
    let [mine, other] = [Uuid::new_v4(), Uuid::new_v4()];
    let mut picked = pick_up(store, mine, 4, 9).await.messages;
    picked.extend(pick_up(store, other, 5, 9).await.messages);
    let ids: Vec<Uuid> = picked.iter().map(|it| it.id).collect();
    let say = |n: usize, lease, settled| Settlement {
        id: ids[n],
        lease,
        settled,
    };
    let said = [
        say(0, mine, Settled::Over),
        say(1, mine, Settled::Again(at(20))),
        say(2, mine, Settled::Over),
        // Another's lease, which is among these, too.
        say(3, other, Settled::Over),
        say(4, mine, Settled::Again(at(30))),
        say(5, other, Settled::Over),
    ];
    // Nothing more happens the second time, as when the first answer was lost.
    for _ in 0..2 {
        store.settle_messages(&said).await.unwrap();
        assert_eq!(store.queue(9).await.unwrap().messages, 3);
    }
    store.settle_messages(&[]).await.unwrap();
    let left = pick_up(store, mine, 1_000, 9).await.messages;
    let mut left: Vec<(Uuid, u32)> = left.iter().map(|it| (it.id, it.failures)).collect();
    let mut expected = [(ids[1], 1), (ids[3], 0), (ids[4], 1)];
    left.sort_unstable();
    expected.sort_unstable();
    assert_eq!(left, expected);
    clear(store).await;
}

/// What is put in on hold comes to nobody else until that is over.
pub(super) async fn held(store: &Shared) {
    clear(store).await;
    let (one, two) = (some_user(store).await, some_user(store).await);
    let lease = Uuid::new_v4();
    let hold = async |second| {
        let until = at(second + 60);
        let (rules, hold) = (unlimited(), Some(Hold { lease, until }));
        match start_held(store, one, Method::Sms, second, &rules, hold).await {
            Started::Sms(message) => message,
            other => panic!("not started: {other:?}"),
        }
    };
    let settle = async |id, lease, settled| settle(store, id, lease, settled).await;
    let mine = hold(0).await;
    sent_pin(store, two, 1).await;
    let other = Uuid::new_v4();
    let picked = pick_up(store, other, 59, 9).await;
    assert_eq!(picked.messages.len(), 1);
    assert_ne!(picked.messages[0].id, mine.id);
    assert_eq!(picked.next, Some(at(60)));
    settle(picked.messages[0].id, other, Settled::Over).await;

    // Nobody else settles it, and it is tried again as any other.
    settle(mine.id, other, Settled::Over).await;
    settle(mine.id, lease, Settled::Again(at(20))).await;
    settle(mine.id, lease, Settled::Over).await;
    let again = pick_up(store, other, 20, 9).await.messages;
    assert_eq!(again.len(), 1);
    assert_eq!((again[0].id, again[0].failures), (mine.id, 1));
    settle(mine.id, other, Settled::Over).await;
    assert_eq!(store.queue(9).await.unwrap().messages, 0);

    // Its worker dies, and comes back too late.
    let lost = hold(100).await;
    assert!(pick_up(store, other, 159, 9).await.messages.is_empty());
    let heir = pick_up(store, other, 160, 9).await.messages;
    assert_eq!((heir[0].id, heir[0].failures), (lost.id, 0));
    assert_eq!(heir[0].message.pin, lost.pin);
    settle(lost.id, lease, Settled::Over).await;
    assert_eq!(store.queue(9).await.unwrap().messages, 1);

    // The next start takes its place.
    let replaced = hold(300).await;
    let newer = hold(400).await;
    settle(replaced.id, lease, Settled::Again(at(401))).await;
    assert!(pick_up(store, other, 459, 9).await.messages.is_empty());
    settle(newer.id, lease, Settled::Over).await;
    assert_eq!(store.queue(9).await.unwrap().messages, 0);
}

/// How full it is, whatever becomes of its messages.
pub(super) async fn queue(store: &Shared) {
    clear(store).await;
    let is = async |at_most, messages, first_due: Option<i64>| {
        let expected = Queue {
            messages,
            first_due: first_due.map(at),
        };
        assert_eq!(store.queue(at_most).await.unwrap(), expected);
    };
    is(9, 0, None).await;
    for second in [7, 3, 5] {
        sent_pin(store, some_user(store).await, second).await;
    }
    is(9, 3, Some(3)).await;
    is(3, 3, Some(3)).await;
    is(2, 2, Some(3)).await;
    is(0, 0, Some(3)).await;
    // On their way they are there, and due when the lease is over.
    let lease = Uuid::new_v4();
    let picked = pick_up(store, lease, 6, 9).await.messages;
    assert_eq!(picked.len(), 2);
    is(9, 3, Some(7)).await;
    let settle = async |id, settled| settle(store, id, lease, settled).await;
    settle(picked[0].id, Settled::Over).await;
    is(9, 2, Some(7)).await;
    settle(picked[1].id, Settled::Again(at(4))).await;
    is(9, 2, Some(4)).await;
    clear(store).await;
    is(9, 0, None).await;
}

/// However many pick up at once, each message comes to one.
pub(super) async fn outbox_in_parallel(store: &Shared) {
    clear(store).await;
    let service = service(store, account(store).await).await;
    for round in 0..20 {
        for _ in 0..10 {
            let user = user(store, service).await;
            sent_pin(store, user, 0).await;
        }
        let picked = races::race(|_| {
            let store = Arc::clone(store);
            async move { pick_up(&store, Uuid::new_v4(), 0, 3).await.messages.len() }
        })
        .await;
        assert_eq!(picked.iter().sum::<usize>(), 10, "round {round}");
        clear(store).await;
    }
}

/// What is in the outbox at that second: the PINs, oldest first.
pub(super) async fn pins(store: &Shared, second: i64) -> Vec<String> {
    let picked = pick_up(store, Uuid::new_v4(), second, 100).await;
    let pins = picked.messages.iter();
    pins.map(|it| it.message.pin.expose().to_owned()).collect()
}

/// A message that waits goes when its PIN does, and so does one that is on its way and comes back.
pub(super) async fn what_is_replaced_leaves(store: &Shared) {
    clear(store).await;
    let (one, other) = (some_user(store).await, some_user(store).await);
    // It waits; another user's stays.
    let others = sent_pin(store, other, 0).await;
    sent_pin(store, one, 0).await;
    assert!(matches!(
        start(store, one, Method::Sms, 1).await,
        Started::TooSoon { .. }
    ));
    assert_eq!(
        pins(store, 1).await.len(),
        2,
        "a start that came to nothing"
    );
    let new = sent_pin(store, one, 100).await;
    assert_eq!(pins(store, 100).await, [others, new]);

    // It is on its way, and comes back or is never heard of again.
    for (second, comes_back) in [(1_000, true), (2_000, false)] {
        clear(store).await;
        sent_pin(store, one, second).await;
        let mine = Uuid::new_v4();
        let picked = pick_up(store, mine, second, 9).await.messages;
        let newer = sent_pin(store, one, second + 40).await;
        if comes_back {
            let again = Settled::Again(at(second + 41));
            settle(store, picked[0].id, mine, again).await;
        }
        assert_eq!(pins(store, second + 100).await, [newer], "{comes_back}");
    }

    // It has failed; what takes its place has not.
    clear(store).await;
    sent_pin(store, one, 2_500).await;
    let mine = Uuid::new_v4();
    let failed = pick_up(store, mine, 2_500, 9).await.messages;
    settle(store, failed[0].id, mine, Settled::Again(at(2_501))).await;
    sent_pin(store, one, 2_600).await;
    let newer = pick_up(store, mine, 2_600, 9).await.messages;
    assert_eq!(newer.iter().map(|it| it.failures).collect::<Vec<_>>(), [0]);

    // The same PIN again is one message, too; and an authenticator needs none.
    clear(store).await;
    let rules = Rules {
        resend: Resend::Same,
        ..unlimited()
    };
    start_by(store, one, Method::Sms, 3_000, &rules).await;
    start_by(store, one, Method::Sms, 3_100, &rules).await;
    assert_eq!(pins(store, 3_100).await.len(), 1);
    let secret = TotpSecret::generate(random::fill).unwrap();
    store.enrol_totp(one, &secret).await.unwrap();
    let code = secret.code_at(at(3_200));
    let confirm = store.confirm_totp(one, &code, at(3_200)).await.unwrap();
    assert_eq!(confirm, Confirm::Confirmed);
    assert!(matches!(
        start(store, one, Method::Totp, 3_300).await,
        Started::Totp
    ));
    assert_eq!(pins(store, 4_000).await.len(), 0);
}

/// Whoever is removed, alone or with the service, is sent nothing any more.
pub(super) async fn who_is_gone_gets_nothing(store: &Shared) {
    clear(store).await;
    let service = service(store, account(store).await).await;
    let (one, two) = (user(store, service).await, user(store, service).await);
    let stays = some_user(store).await;
    for scope in [one, two] {
        sent_pin(store, scope, 0).await;
    }
    let last = sent_pin(store, stays, 1).await;
    store.delete_user(one).await.unwrap();
    assert_eq!(pins(store, 1).await.len(), 2);
    store.delete_service(service).await.unwrap();
    assert_eq!(pins(store, 100).await, [last]);
    clear(store).await;
}
