//! What was sent when, as far as a budget asks.

use std::collections::{HashMap, VecDeque};

use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    engine::{
        budget::{Budgets, Counted},
        phone::{Phone, Prefix},
        time::after,
    },
    store::UserScope,
};

/// The last messages of everything that is counted.
#[derive(Default)]
pub(super) struct Sent {
    /// Oldest first.
    times: HashMap<What, VecDeque<Timestamp>>,
    /// One entry for each of those times, in the order they were counted, with the moment after
    /// which it is of no use. One with a long period keeps those behind it a while longer.
    counted: VecDeque<(Timestamp, What)>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum What {
    User(Uuid),
    Number(Uuid, Phone),
    Account(Uuid),
    Prefix(Uuid, Prefix),
}

impl What {
    fn of(counted: Counted<'_>, scope: UserScope, to: &Phone) -> Self {
        let account = scope.service.account;
        match counted {
            Counted::User => Self::User(scope.user),
            Counted::Number => Self::Number(account, to.clone()),
            Counted::Account => Self::Account(account),
            Counted::Prefix(prefix) => Self::Prefix(account, prefix.clone()),
        }
    }
}

impl Sent {
    /// When the `n`-th last message was sent, of those that are counted together with one to `to`.
    pub(super) fn nth_last(
        &self,
        counted: Counted<'_>,
        scope: UserScope,
        to: &Phone,
        n: u32,
    ) -> Option<Timestamp> {
        let times = self.times.get(&What::of(counted, scope, to))?;
        let place = times.len().checked_sub(usize::try_from(n).ok()?)?;
        times.get(place).copied()
    }

    /// Counts a message.
    pub(super) fn count(
        &mut self,
        scope: UserScope,
        to: &Phone,
        now: Timestamp,
        budgets: &Budgets,
    ) {
        self.forget_old(now);
        for (counted, budget) in budgets.of(to) {
            let what = What::of(counted, scope, to);
            self.times.entry(what.clone()).or_default().push_back(now);
            self.counted.push_back((after(now, budget.per), what));
        }
    }

    fn forget_old(&mut self, now: Timestamp) {
        while let Some((_, what)) = self.counted.pop_front_if(|(until, _)| now >= *until) {
            if let Some(times) = self.times.get_mut(&what) {
                times.pop_front();
                if times.is_empty() {
                    self.times.remove(&what);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{engine::budget::Budget, store::ServiceScope};

    #[test]
    fn what_is_old_is_forgotten_and_what_is_not_is_counted() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let budget = |messages, seconds| Budget {
            messages,
            per: Duration::from_secs(seconds),
        };
        let budgets = Budgets {
            user: Some(budget(2, 10)),
            number: None,
            account: Some(budget(9, 100)),
            prefixes: Vec::new(),
        };
        let service = ServiceScope {
            account: Uuid::nil(),
            service: Uuid::nil(),
        };
        let scope = |user| UserScope {
            service,
            user: Uuid::from_u128(user),
        };
        let to = Phone::parse("+37255555555").unwrap();
        let mut sent = Sent::default();
        for second in 0..30 {
            sent.count(
                scope(u128::try_from(second).unwrap() % 2),
                &to,
                at(second),
                &budgets,
            );
        }
        let nth = |counted, user, n| sent.nth_last(counted, scope(user), &to, n);
        assert_eq!(nth(Counted::User, 0, 1), Some(at(28)));
        assert_eq!(nth(Counted::User, 0, 2), Some(at(26)));
        assert_eq!(nth(Counted::User, 1, 1), Some(at(29)));
        assert_eq!(nth(Counted::User, 2, 1), None);
        assert_eq!(nth(Counted::Account, 2, 9), Some(at(21)));
        assert_eq!(nth(Counted::Account, 2, 31), None);

        sent.count(scope(7), &to, at(1_000), &budgets);
        assert_eq!((sent.times.len(), sent.counted.len()), (2, 2));
    }
}
