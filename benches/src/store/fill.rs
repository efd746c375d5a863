//! A store that has been in use for a while.

use std::{fmt::Write, path::Path, time::Duration};

use futures_util::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;
use uuid::Uuid;
use verigator_benches::flows::Failure;
use verigator_server::{
    clock::{Clock, SystemClock},
    config::Rules,
    engine::pin::Pin,
    random,
    store::{Pickup, Settled},
};

use crate::{
    flow::{AT_ONCE, User, rules},
    place::Opened,
};

/// How far back the spent authentications go: as long as a budget counts them.
const HOUR: Duration = Duration::from_hours(1);

pub(crate) async fn fill(
    opened: Opened,
    account: &str,
    users: u32,
    spent: u32,
    lines: &Path,
) -> Result<(), Failure> {
    let account = opened
        .store
        .account(account)
        .await?
        .ok_or("there is no such account")?;
    let service = opened.make_service(account.id).await?;
    let mut users = opened.make_users(service, 0..users).await?;
    // In no order that an index has.
    users.sort_by_key(|user| user.scope.user.as_u128().swap_bytes());
    let mut text = String::new();
    for User { scope, phone } in &users {
        writeln!(text, "{} {} {phone}", scope.service.service, scope.user)?;
    }
    std::fs::write(lines, text)?;

    let rules = rules(100, HOUR);
    let (now, between) = (SystemClock.now(), HOUR / spent.max(1));
    let mut turns = users.iter().cycle().zip((0..spent).rev());
    loop {
        let some: Vec<(&User, u32)> = turns.by_ref().take(AT_ONCE).collect();
        if some.is_empty() {
            return Ok(());
        }
        let timed = some
            .into_iter()
            .map(|(user, left)| Ok((user, now.checked_sub(between * left)?)));
        let timed: Result<Vec<_>, jiff::Error> = timed.collect();
        spend(&opened, &rules, &timed?).await?;
    }
}

/// Starts and verifies some authentications, each at its time, and empties the outbox.
async fn spend(opened: &Opened, rules: &Rules, some: &[(&User, Timestamp)]) -> Result<(), Failure> {
    let starting = some
        .iter()
        .map(|(user, now)| opened.start(user, rules, *now, None));
    let started: Vec<(Uuid, Pin)> = stream::iter(starting)
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    let now = SystemClock.now();
    let pickup = Pickup {
        lease: random::uuid()?,
        now,
        until: now.checked_add(HOUR)?,
        at_most: u32::try_from(AT_ONCE)?,
    };
    opened.store.pick_up_messages(pickup).await?;
    let ending = some
        .iter()
        .zip(&started)
        .map(async |((user, now), (id, pin))| {
            opened
                .store
                .settle_message(*id, pickup.lease, Settled::Over)
                .await?;
            opened.check(user, pin, rules, *now, None).await
        });
    stream::iter(ending)
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}
