//! How many messages may be sent in a period, and to which numbers at all.
//!
//! Keeps no count itself: a store knows what was sent, and asks here in the step that starts an
//! authentication whether one more may go. What is counted is exact: no period of the given
//! length, wherever it begins, has more messages than its budget.

use std::{collections::HashSet, time::Duration};

use jiff::Timestamp;

use super::{
    phone::{Phone, Prefix},
    time::remaining,
};
use crate::config::Rules;

/// At most so many messages in any period of this length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// From 1 to 100 000.
    pub messages: u32,
    /// From 1 second to 31 days.
    pub per: Duration,
}

/// Every budget that a message must fit into. Each counts within one account, so that no account
/// uses up another's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budgets {
    /// Messages to one user. Default 5 an hour.
    pub user: Option<Budget>,
    /// Messages to one number, over all services of the account; a user who is removed and added
    /// again is counted on. Default 5 an hour.
    pub number: Option<Budget>,
    /// All messages of one account. Default none.
    pub account: Option<Budget>,
    /// Messages to all numbers with this prefix together: against whoever earns on calls and
    /// messages to some range. A number may fall under several; none is here twice, since what
    /// counts for both would count twice. Default none.
    pub prefixes: Vec<(Prefix, Budget)>,
}

impl Budgets {
    /// Any number of messages to anyone.
    pub fn unlimited() -> Self {
        Self {
            user: None,
            number: None,
            account: None,
            prefixes: Vec::new(),
        }
    }

    /// All that are set.
    pub(crate) fn all(&self) -> impl Iterator<Item = Budget> {
        let fixed = [self.user, self.number, self.account];
        let prefixes = self.prefixes.iter().map(|(_, budget)| *budget);
        fixed.into_iter().flatten().chain(prefixes)
    }

    /// Whether no prefix has two budgets.
    pub(crate) fn has_each_prefix_once(&self) -> bool {
        let mut seen = HashSet::new();
        self.prefixes.iter().all(|(prefix, _)| seen.insert(prefix))
    }

    /// The budgets that a message to `to` must fit into, with what each counts together.
    pub fn of<'a>(&'a self, to: &Phone) -> impl Iterator<Item = (Counted<'a>, Budget)> {
        let prefixes = self.prefixes.iter().filter(|(prefix, _)| prefix.covers(to));
        let fixed = [
            (Counted::User, self.user),
            (Counted::Number, self.number),
            (Counted::Account, self.account),
        ];
        fixed
            .into_iter()
            .filter_map(|(counted, budget)| Some((counted, budget?)))
            .chain(prefixes.map(|(prefix, budget)| (Counted::Prefix(prefix), *budget)))
    }
}

impl Default for Budgets {
    fn default() -> Self {
        let five_an_hour = Budget {
            messages: 5,
            per: Duration::from_hours(1),
        };
        Self {
            user: Some(five_an_hour),
            number: Some(five_an_hour),
            ..Self::unlimited()
        }
    }
}

/// Which messages of an account a budget counts together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted<'a> {
    /// Those to the user.
    User,
    /// Those to the number.
    Number,
    /// All.
    Account,
    /// Those to numbers with this prefix.
    Prefix(&'a Prefix),
}

/// Whether one more message may be sent to a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaySend {
    /// It may.
    Now,
    /// A budget is used up.
    After(Duration),
    /// Not to this number.
    Never,
}

impl MaySend {
    /// Asks the rules about a message to `to`. `nth_last(counted, n)` is when the n-th last of
    /// those messages was sent, counting from 1; none when there were not so many.
    pub fn to(
        to: &Phone,
        now: Timestamp,
        rules: &Rules,
        mut nth_last: impl FnMut(Counted<'_>, u32) -> Option<Timestamp>,
    ) -> Self {
        if !rules.allows(to) {
            return Self::Never;
        }
        // A budget of five has room again once the fifth last message is a whole period old.
        let waits = rules.budgets.of(to).filter_map(|(counted, budget)| {
            remaining(nth_last(counted, budget.messages)?, budget.per, now)
        });
        waits.max().map_or(Self::Now, Self::After)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn budget(messages: u32, seconds: u64) -> Budget {
        let per = Duration::from_secs(seconds);
        Budget { messages, per }
    }

    fn phone() -> Phone {
        Phone::parse("+37255555555").unwrap()
    }

    fn rules(budgets: Budgets) -> Rules {
        Rules {
            budgets,
            ..Rules::default()
        }
    }

    #[test]
    fn a_message_must_fit_into_every_budget_of_its_number() {
        let mut budgets = Budgets::default();
        let five = budget(5, 3_600);
        let of = |budgets: &Budgets| -> Vec<(String, Budget)> {
            let to = phone();
            let of = budgets.of(&to);
            of.map(|(counted, budget)| (format!("{counted:?}"), budget))
                .collect()
        };
        assert_eq!(
            of(&budgets),
            [("User".to_owned(), five), ("Number".to_owned(), five)]
        );
        budgets.user = None;
        budgets.account = Some(budget(9, 1));
        for (prefix, messages) in [("+372", 1), ("+371", 2), ("+3", 3)] {
            let prefix = prefix.parse().unwrap();
            budgets.prefixes.push((prefix, budget(messages, 1)));
        }
        let numbers: Vec<u32> = of(&budgets).iter().map(|(_, it)| it.messages).collect();
        assert_eq!(numbers, [5, 9, 1, 3]);
        assert_eq!(of(&Budgets::unlimited()), []);
    }

    #[test]
    fn the_longest_wait_counts() {
        let budgets = Budgets {
            account: Some(budget(1, 100)),
            ..Budgets::default()
        };
        let asked = MaySend::to(&phone(), at(50), &rules(budgets), |counted, n| {
            match counted {
                Counted::User => assert_eq!(n, 5),
                Counted::Account => assert_eq!(n, 1),
                _ => return None,
            }
            Some(at(0))
        });
        assert_eq!(asked, MaySend::After(Duration::from_secs(3_550)));
    }

    #[test]
    fn only_to_the_countries_that_are_allowed() {
        let mut rules = rules(Budgets::unlimited());
        let ask = |rules: &Rules| MaySend::to(&phone(), at(0), rules, |_, _| None);
        assert_eq!(ask(&rules), MaySend::Now);
        rules.allow_prefixes = vec!["+371".parse().unwrap()];
        assert_eq!(ask(&rules), MaySend::Never);
        rules.allow_prefixes.push("+372".parse().unwrap());
        assert_eq!(ask(&rules), MaySend::Now);
    }

    proptest! {
        /// Whatever comes when: no period has more messages than its budget, and none waits when
        /// there was room.
        #[test]
        fn no_period_is_over_budget(gaps in proptest::collection::vec(0_i64..40, 1..100)) {
            let rules = rules(Budgets { user: Some(budget(3, 60)), ..Budgets::unlimited() });
            let (mut sent, mut second) = (Vec::new(), 0);
            for gap in gaps {
                second += gap;
                let in_period = sent.iter().filter(|it| **it > second - 60).count();
                let asked = MaySend::to(&phone(), at(second), &rules, |_, n| {
                    sent.iter().rev().nth(n as usize - 1).map(|it| at(*it))
                });
                match asked {
                    MaySend::Now => {
                        prop_assert!(in_period < 3);
                        sent.push(second);
                    }
                    MaySend::After(wait) => {
                        prop_assert_eq!(in_period, 3);
                        let oldest = sent[sent.len() - 3];
                        prop_assert_eq!(i64::try_from(wait.as_secs()), Ok(oldest + 60 - second));
                    }
                    MaySend::Never => prop_assert!(false),
                }
            }
        }
    }
}
