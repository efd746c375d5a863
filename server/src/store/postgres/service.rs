//! Services.

use std::time::Duration;

use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    failure::Failure,
    session::{Session, Value, call},
};
use crate::store::{
    NewService, Refusal, Service, ServiceScope,
    sealed::{micros, moment},
};

/// Whose a service is, for [`may_use`].
pub(super) const MAY_USE: &str = "SELECT account FROM services WHERE id = $1";

/// Whether the service is the account's that asks, by what a statement says that gives the account
/// first.
pub(super) fn may_use(rows: &[Row], scope: ServiceScope) -> Result<(), Failure> {
    let row = rows.first().ok_or(Refusal::ServiceNotFound)?;
    let account: Uuid = row.try_get(0)?;
    if account == scope.account {
        Ok(())
    } else {
        Err(Refusal::ServiceForbidden.into())
    }
}

pub(super) async fn insert(db: &Session, new: &NewService) -> Result<Service, Failure> {
    let template = new.template.as_ref().map(ToString::to_string);
    let created_at = micros(new.created_at);
    let insert = "
        INSERT INTO services (id, account, name, fqdn, template, created_at)
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING id";
    let values: [Value<'_>; 6] = [
        &new.id,
        &new.account,
        &new.name,
        &new.fqdn,
        &template,
        &created_at,
    ];
    let [inserted] = db.ask([call(insert, &values)]).await?;
    inserted.first().ok_or(Refusal::ServiceExists)?;
    Ok(Service {
        id: new.id,
        name: new.name.clone(),
        created_at: new.created_at,
    })
}

pub(super) async fn get(db: &Session, scope: ServiceScope) -> Result<Service, Failure> {
    let get = "SELECT account, name, created_at FROM services WHERE id = $1";
    let [rows] = db.ask([call(get, &[&scope.service])]).await?;
    may_use(&rows, scope)?;
    let row = rows.first().ok_or(Refusal::ServiceNotFound)?;
    Ok(Service {
        id: scope.service,
        name: row.try_get(1)?,
        created_at: moment(row.try_get(2)?)?,
    })
}

/// How long a deletion may take: a service may have very many users.
pub(super) const DELETION: Duration = Duration::from_secs(25);
/// The same for the database.
const PATIENCE: &str = "SET LOCAL statement_timeout = '24s'";

/// Deletes a service with its users.
pub(super) async fn delete(db: &Session, scope: ServiceScope) -> Result<(), Failure> {
    let lock = "SELECT account FROM services WHERE id = $1 FOR UPDATE";
    let [owner] = db.begin([call(lock, &[&scope.service])]).await?;
    may_use(&owner, scope)?;
    db.script(PATIENCE).await?;
    let delete = "DELETE FROM services WHERE id = $1";
    db.commit(&[call(delete, &[&scope.service])]).await
}
