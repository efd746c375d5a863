//! What stands for the messages that a budget counts together.

use crate::{
    engine::{budget::Counted, keys::Keys, phone::Phone},
    store::UserScope,
};

/// The hash under each of the server's keys, the current one first.
pub(crate) fn what(
    keys: &Keys,
    counted: Counted<'_>,
    scope: UserScope,
    to: &Phone,
) -> Vec<[u8; 32]> {
    let account = scope.service.account;
    let (kind, whose, rest) = match counted {
        Counted::User => ("sent:user", scope.user, String::new()),
        Counted::Number => ("sent:number", account, to.expose().to_owned()),
        Counted::Account => ("sent:account", account, String::new()),
        Counted::Prefix(prefix) => ("sent:prefix", account, prefix.to_string()),
    };
    keys.find(kind, &[whose.as_bytes(), rest.as_bytes()].concat())
}
