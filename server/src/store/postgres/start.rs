//! The step that starts an authentication: what it counts, what it changes and what it sends are
//! one transaction.

use super::{
    failure::Failure,
    idempotency::Key,
    outbox,
    sent::{COUNT, Counts},
    session::{Session, Value, call},
    user::{self, PUT_STATE, PutState},
};
use crate::{
    engine::{
        authentication::{Start, StartRequest},
        budget::MaySend,
        keys::Keys,
        message::{Message, Sender},
    },
    store::{
        Hold, Keyed, Once, Started, UserScope,
        outbox::put_in,
        sealed::{self, message::seal, micros, open_phone},
    },
};

pub(super) async fn start(
    db: &Session,
    keys: &Keys,
    scope: UserScope,
    request: &StartRequest<'_>,
    hold: Option<Hold>,
    keyed: Option<&Keyed<Started>>,
) -> Result<Once<Started>, Failure> {
    let StartRequest { id, now, rules, .. } = *request;
    let mut key = Key::new(keys, keyed);
    let row = match user::lock(db, keys, scope, &mut key).await? {
        Ok(row) => row,
        Err(once) => return Ok(once),
    };
    let mut state = user::state(&row, keys, scope.user)?;
    let to = open_phone(keys, scope.user, row.try_get("phone")?)?;

    // Most that is refused is so whatever was sent before: nothing is counted and locked for it.
    let counts = Counts::new(keys, scope, &to, rules, now);
    let mut may_send = MaySend::to(&to, now, rules, |_, _| None);
    if matches!(state.clone().start(request, may_send), Start::Sms { .. }) {
        may_send = counts.may_send(db).await?;
    }
    let start = state.start(request, may_send);

    let sends = matches!(start, Start::Sms { .. });
    let template = sealed::template(row.try_get("template")?)?;
    let sender = Sender {
        name: row.try_get("name")?,
        fqdn: row.try_get("fqdn")?,
        template: template.as_ref(),
    };
    let started = Started::new(start, |pin, expires_at| {
        Message::new(id, to.clone(), sender, pin, now, expires_at, rules)
    });
    let sealed = match &started {
        Started::Sms(message) => seal(keys, message)?,
        Started::Totp => Vec::new(),
        // Nothing was changed.
        _ => return key.commit(db, keys, Vec::new(), Ok(started)).await,
    };
    let (due, lease) = put_in(now, hold);
    let due = micros(due);
    let (put, at) = (PutState::new(scope.user, &state), micros(now));
    let put = put.values();
    let user: [Value<'_>; 1] = [&scope.user];
    let mut calls = vec![call(PUT_STATE, &put)];
    let (groups, untils) = counts.groups()?;
    let counted: [Value<'_>; 4] = [&groups, &untils, &at, &id];
    let message: [Value<'_>; 5] = [&id, &scope.user, &due, &lease, &sealed];
    if sends {
        if !groups.is_empty() {
            calls.push(call(COUNT, &counted));
        }
        calls.push(call(outbox::ADD, &message));
    } else {
        calls.push(call(outbox::FORGET, &user));
    }
    key.commit(db, keys, calls, Ok(started)).await
}
