//! What was sent when, as far as a budget asks.
//!
//! Counting and adding must be one for all messages that are counted together, so a start first
//! locks a row for each such group, made for this and holding nothing. They are locked after the
//! user's row and in one order, so that no two starts wait for each other. Those to the user need
//! none: the user's row is locked.

use jiff::Timestamp;

use super::{
    failure::Failure,
    session::{Call, Session, Value, call},
};
use crate::{
    config::Rules,
    engine::{
        budget::{Counted, MaySend},
        keys::Keys,
        phone::Phone,
        time::after,
    },
    store::{
        UserScope,
        sealed::{SealedError, micros, moment, sent::what},
    },
};

/// Counts a message of this moment and this id with each group; see [`Counts::groups`].
pub(super) const COUNT: &str = "
    INSERT INTO sent (what, sent_at, until, id)
    SELECT counted.what, $3, counted.until, $4
    FROM unnest($1::bytea[], $2::bigint[]) AS counted (what, until)";

const LOCK: &str = "
    INSERT INTO counted (what, until) VALUES ($1, $2)
    ON CONFLICT (what) DO UPDATE SET until = greatest(counted.until, excluded.until)";

/// In microseconds: what a lock's row outlives its messages by is rounded up to a multiple. One
/// that is written again and again then stays as it is, and so does its place in the index.
const ROUND: i64 = 3_600_000_000;

/// Everything that a message to a number counts with.
pub(super) struct Counts<'a> {
    to: &'a Phone,
    rules: &'a Rules,
    now: Timestamp,
    groups: Vec<Group>,
}

/// Messages that are counted together.
struct Group {
    /// Hashed under each of the server's keys, the current one first.
    what: Vec<Vec<u8>>,
    /// How many last ones are looked at.
    messages: i64,
    /// Until when one that is sent now counts.
    until: i64,
    /// None when the user's row is lock enough.
    lock_until: Option<i64>,
}

impl<'a> Counts<'a> {
    pub(super) fn new(
        keys: &Keys,
        scope: UserScope,
        to: &'a Phone,
        rules: &'a Rules,
        now: Timestamp,
    ) -> Self {
        let groups = rules.budgets.of(to).map(|(counted, budget)| {
            let until = micros(after(now, budget.per));
            let rounded = until.saturating_add(ROUND) / ROUND * ROUND;
            Group {
                what: (what(keys, counted, scope, to).into_iter())
                    .map(Into::into)
                    .collect(),
                messages: budget.messages.into(),
                until,
                lock_until: (counted != Counted::User).then_some(rounded),
            }
        });
        Self {
            to,
            rules,
            now,
            groups: groups.collect(),
        }
    }

    /// Whether one more may be sent. Until the transaction is over nobody else sends one that is
    /// counted together with it.
    pub(super) async fn may_send(&self, db: &Session) -> Result<MaySend, Failure> {
        if self.groups.is_empty() {
            return Ok(MaySend::to(self.to, self.now, self.rules, |_, _| None));
        }
        // Under all keys: another server may have fewer of them, or others first.
        let mut locks: Vec<(&Vec<u8>, i64)> = (self.groups.iter())
            .filter_map(|group| Some((&group.what, group.lock_until?)))
            .flat_map(|(what, until)| what.iter().map(move |what| (what, until)))
            .collect();
        locks.sort_unstable();
        let locks: Vec<[Value<'_>; 2]> = (locks.iter())
            .map(|(what, until)| [*what as Value<'_>, until as Value<'_>])
            .collect();
        let sql = nth_lasts(self.groups.iter().map(|group| group.what.len()));
        let values: Vec<Value<'_>> = (self.groups.iter())
            .flat_map(|group| {
                let what = group.what.iter().map(|it| it as Value<'_>);
                std::iter::once(&group.messages as Value<'_>).chain(what)
            })
            .collect();
        // What others committed while this waited for the locks is seen: each statement sees what
        // there is when it begins.
        let calls: Vec<Call<'_>> = (locks.iter().map(|values| call(LOCK, values)))
            .chain([call(&sql, &values)])
            .collect();
        let answers = db.ask_all(&calls).await?;
        let row = answers.last().and_then(|rows| rows.first());
        let row = row.ok_or(Failure::Ended)?;
        let mut lasts = Vec::with_capacity(self.groups.len());
        for group in 0..self.groups.len() {
            let at: Option<i64> = row.try_get(group)?;
            lasts.push(at.map(moment).transpose()?);
        }
        let mut lasts = lasts.into_iter();
        // The rules ask once for each budget, in the order of the groups.
        let nth_last = |_: Counted<'_>, _: u32| lasts.next().flatten();
        Ok(MaySend::to(self.to, self.now, self.rules, nth_last))
    }

    /// What a message is counted with, under the current key, and until when.
    pub(super) fn groups(&self) -> Result<(Vec<&[u8]>, Vec<i64>), Failure> {
        let groups = self.groups.iter().map(|group| {
            let current = group.what.first().ok_or(SealedError::Value("a key"))?;
            Ok((current.as_slice(), group.until))
        });
        groups.collect()
    }
}

/// For each group, when the n-th last message was sent, by n and what the group is under each of so
/// many keys, for which the index has them in their order. One row.
fn nth_lasts(keys: impl Iterator<Item = usize>) -> String {
    let mut places = 1..;
    let mut next = || places.next().unwrap_or_default();
    let lasts = keys.map(|keys| {
        let n = next();
        let under_one = |_| {
            let what = next();
            format!(
                "(SELECT sent_at FROM sent WHERE what = ${what} ORDER BY sent_at DESC LIMIT ${n})"
            )
        };
        let under_each: Vec<String> = (0..keys).map(under_one).collect();
        let under_each = under_each.join(" UNION ALL ");
        format!(
            "(SELECT sent_at FROM ({under_each}) AS last
              ORDER BY sent_at DESC LIMIT 1 OFFSET ${n} - 1)"
        )
    });
    let lasts: Vec<String> = lasts.collect();
    format!("SELECT {}", lasts.join(", "))
}
