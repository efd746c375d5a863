//! A store that has been in use for a while: its users, and what others left in it.

use std::{fmt::Write, path::Path};

use verigator_benches::flows::Failure;

use crate::{
    flow::User,
    place::Place,
    spent::{self, hurry},
};

pub(crate) async fn fill(
    place: &Place,
    account: &str,
    users: u32,
    spent: u32,
    lines: &Path,
) -> Result<(), Failure> {
    hurry(place, true).await?;
    let opened = place.open().await?;
    let account = opened
        .store
        .account(account)
        .await?
        .ok_or("there is no such account")?;
    let service = opened.make_service(account.id).await?;
    let mut users = opened.make_users(service, 0..users).await?;
    drop(opened);
    // In no order that an index has.
    users.sort_by_key(|user| user.scope.user.as_u128().swap_bytes());
    let mut text = String::new();
    for User { scope, phone } in &users {
        writeln!(text, "{} {} {phone}", scope.service.service, scope.user)?;
    }
    std::fs::write(lines, text)?;
    spent::leave(place, spent).await?;
    hurry(place, false).await
}
