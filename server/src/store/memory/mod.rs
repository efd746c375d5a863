//! A store in memory: for the sandbox and for tests. What it holds ends with the process.
//!
//! One mutex makes every step atomic. It is never held across an await, and a panic under it
//! leaves data that is still whole, since each step checks first and changes last; so a poisoned
//! lock is taken all the same.

mod keys;
mod outbox;
mod sent;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use self::{
    keys::{Keys, Name},
    outbox::Outbox,
    sent::Sent,
};
use super::{
    Account, Claim, Claimed, Hold, Keyed, NewService, NewUser, Once, PickedUp, Pickup, Queue,
    Refusal, Service, ServiceScope, Settlement, Started, Store, StoreError, StoredAnswer, User,
    UserScope,
};
use crate::engine::{
    authentication::{AuthState, Check, CheckRequest, Confirm, Enrol, Start, StartRequest},
    budget::{Counted, MaySend},
    message::{Message, Sender},
    phone::Phone,
    template::Template,
    totp::TotpSecret,
};

/// The store.
#[derive(Default)]
pub struct MemoryStore(Mutex<Data>);

#[derive(Default)]
struct Data {
    accounts: BTreeMap<String, Account>,
    services: HashMap<Uuid, ServiceRow>,
    sent: Sent,
    keys: Keys,
    outbox: Outbox,
}

struct ServiceRow {
    account: Uuid,
    fqdn: String,
    template: Option<Template>,
    service: Service,
    users: HashMap<Uuid, UserRow>,
    /// The service's own names of its users: what must be unique.
    names: HashMap<String, Uuid>,
    /// Users in the order they came, for listing.
    order: BTreeMap<u64, Uuid>,
    /// The next place in `order`.
    next: u64,
}

struct UserRow {
    user: User,
    phone: Phone,
    /// Its place in `order`.
    place: u64,
    state: AuthState,
}

impl MemoryStore {
    fn data(&self) -> MutexGuard<'_, Data> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets `step` work on a user, alone.
    fn with_user<T>(
        &self,
        scope: UserScope,
        step: impl FnOnce(&mut UserRow) -> T,
    ) -> Result<T, StoreError> {
        Ok(step(self.data().user(scope)?))
    }
}

impl Data {
    fn service(&mut self, scope: ServiceScope) -> Result<&mut ServiceRow, Refusal> {
        owned(&mut self.services, scope)
    }

    fn user(&mut self, scope: UserScope) -> Result<&mut UserRow, Refusal> {
        let row = self.service(scope.service)?.users.get_mut(&scope.user);
        row.ok_or(Refusal::UserNotFound)
    }

    fn start(
        &mut self,
        scope: UserScope,
        start: &StartRequest<'_>,
        hold: Option<Hold>,
    ) -> Result<Started, Refusal> {
        let Data {
            services,
            sent,
            outbox,
            ..
        } = self;
        let service = owned(services, scope.service)?;
        let row = service.users.get_mut(&scope.user);
        let row = row.ok_or(Refusal::UserNotFound)?;
        let StartRequest { id, now, rules, .. } = *start;
        let nth_last = |counted: Counted<'_>, n| sent.nth_last(counted, scope, &row.phone, n);
        let may_send = MaySend::to(&row.phone, now, rules, nth_last);
        let start = row.state.start(start, may_send);
        if matches!(start, Start::Sms { .. }) {
            sent.count(scope, &row.phone, now, &rules.budgets);
        }
        let sender = Sender {
            name: &service.service.name,
            fqdn: &service.fqdn,
            template: service.template.as_ref(),
        };
        let to = row.phone.clone();
        let started = Started::new(start, |pin, expires_at| {
            Message::new(id, to, sender, pin, now, expires_at, rules)
        });
        if started.replaces() {
            outbox.forget(scope.user);
        }
        if let Started::Sms(message) = &started {
            outbox.add(scope.user, message.clone(), hold);
        }
        Ok(started)
    }

    /// Lets `step` happen, and if there is a key, once for it.
    fn once<T>(
        &mut self,
        keyed: Option<Keyed<T>>,
        step: impl FnOnce(&mut Self) -> Result<T, Refusal>,
    ) -> Result<Once<T>, StoreError> {
        let Some(Keyed { claim, answer }) = keyed else {
            return Ok(Once::Done(step(self)?));
        };
        let name = Name::of(&claim);
        if let Some(claimed) = self.keys.held(name, &claim) {
            return Ok(Once::Not(claimed));
        }
        let done = step(self);
        if let Some(answer) = answer(&done) {
            self.keys
                .insert(name, &claim, claim.keep_until, Some(answer));
        }
        Ok(Once::Done(done?))
    }

    fn account(&mut self, username: &str) -> Result<&mut Account, Refusal> {
        self.accounts
            .get_mut(username)
            .ok_or(Refusal::AccountNotFound)
    }
}

/// A service, if it is the account's that asks.
fn owned(
    services: &mut HashMap<Uuid, ServiceRow>,
    scope: ServiceScope,
) -> Result<&mut ServiceRow, Refusal> {
    match services.get_mut(&scope.service) {
        None => Err(Refusal::ServiceNotFound),
        Some(row) if row.account != scope.account => Err(Refusal::ServiceForbidden),
        Some(row) => Ok(row),
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn ready(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn create_account(&self, account: &Account) -> Result<(), StoreError> {
        let mut data = self.data();
        if data.accounts.contains_key(&account.username) {
            return Err(Refusal::AccountExists.into());
        }
        data.accounts
            .insert(account.username.clone(), account.clone());
        Ok(())
    }

    async fn account(&self, username: &str) -> Result<Option<Account>, StoreError> {
        Ok(self.data().accounts.get(username).cloned())
    }

    async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        Ok(self.data().accounts.values().cloned().collect())
    }

    async fn set_password(&self, username: &str, password_hash: &str) -> Result<Uuid, StoreError> {
        let mut data = self.data();
        let account = data.account(username)?;
        password_hash.clone_into(&mut account.password_hash);
        Ok(account.id)
    }

    async fn disable_account(&self, username: &str) -> Result<Uuid, StoreError> {
        let mut data = self.data();
        let account = data.account(username)?;
        account.disabled = true;
        Ok(account.id)
    }

    async fn create_service(&self, new: &NewService) -> Result<Service, StoreError> {
        let mut data = self.data();
        let taken = data.services.values().any(|row| {
            row.account == new.account && (row.service.name == new.name || row.fqdn == new.fqdn)
        });
        if taken {
            return Err(Refusal::ServiceExists.into());
        }
        let service = Service {
            id: new.id,
            name: new.name.clone(),
            created_at: new.created_at,
        };
        let row = ServiceRow {
            account: new.account,
            fqdn: new.fqdn.clone(),
            template: new.template.clone(),
            service: service.clone(),
            users: HashMap::new(),
            names: HashMap::new(),
            order: BTreeMap::new(),
            next: 0,
        };
        data.services.insert(new.id, row);
        Ok(service)
    }

    async fn service(&self, scope: ServiceScope) -> Result<Service, StoreError> {
        Ok(self.data().service(scope)?.service.clone())
    }

    async fn delete_service(&self, scope: ServiceScope) -> Result<(), StoreError> {
        let mut data = self.data();
        data.service(scope)?;
        if let Some(service) = data.services.remove(&scope.service) {
            for user in service.users.keys() {
                data.outbox.forget(*user);
            }
        }
        Ok(())
    }

    async fn create_user(&self, scope: ServiceScope, new: &NewUser) -> Result<User, StoreError> {
        let mut data = self.data();
        let service = data.service(scope)?;
        if service.names.contains_key(&new.id_in_service) {
            return Err(Refusal::UserExists.into());
        }
        let user = User {
            id: new.id,
            id_in_service: new.id_in_service.clone(),
            created_at: new.created_at,
        };
        let row = UserRow {
            user: user.clone(),
            phone: new.phone.clone(),
            place: service.next,
            state: AuthState::default(),
        };
        service.next += 1;
        service.names.insert(new.id_in_service.clone(), new.id);
        service.order.insert(row.place, new.id);
        service.users.insert(new.id, row);
        Ok(user)
    }

    async fn users(&self, scope: ServiceScope) -> Result<Vec<User>, StoreError> {
        let mut data = self.data();
        let service = data.service(scope)?;
        let rows = service
            .order
            .values()
            .filter_map(|id| service.users.get(id));
        Ok(rows.map(|row| row.user.clone()).collect())
    }

    async fn user(&self, scope: UserScope) -> Result<User, StoreError> {
        self.with_user(scope, |row| row.user.clone())
    }

    async fn delete_user(&self, scope: UserScope) -> Result<(), StoreError> {
        let mut data = self.data();
        let service = data.service(scope.service)?;
        let row = service
            .users
            .remove(&scope.user)
            .ok_or(Refusal::UserNotFound)?;
        service.names.remove(&row.user.id_in_service);
        service.order.remove(&row.place);
        data.outbox.forget(scope.user);
        Ok(())
    }

    async fn start_authentication(
        &self,
        scope: UserScope,
        start: &StartRequest<'_>,
        hold: Option<Hold>,
        keyed: Option<Keyed<Started>>,
    ) -> Result<Once<Started>, StoreError> {
        let step = |data: &mut Data| data.start(scope, start, hold);
        self.data().once(keyed, step)
    }

    async fn check(
        &self,
        scope: UserScope,
        check: &CheckRequest<'_>,
        keyed: Option<Keyed<Check>>,
    ) -> Result<Once<Check>, StoreError> {
        let step = |data: &mut Data| Ok(data.user(scope)?.state.check(check));
        self.data().once(keyed, step)
    }

    async fn enrol_totp(&self, scope: UserScope, secret: &TotpSecret) -> Result<Enrol, StoreError> {
        self.with_user(scope, |row| row.state.enrol(secret.clone()))
    }

    async fn confirm_totp(
        &self,
        scope: UserScope,
        guess: &str,
        now: Timestamp,
    ) -> Result<Confirm, StoreError> {
        self.with_user(scope, |row| row.state.confirm(guess, now))
    }

    async fn remove_totp(&self, scope: UserScope) -> Result<bool, StoreError> {
        self.with_user(scope, |row| row.state.remove_authenticator())
    }

    async fn unlock_user(&self, user: Uuid) -> Result<(), StoreError> {
        let mut data = self.data();
        let mut services = data.services.values_mut();
        let row = services.find_map(|service| service.users.get_mut(&user));
        row.ok_or(Refusal::UserNotFound)?.state.unlock();
        Ok(())
    }

    async fn pick_up_messages(&self, pickup: Pickup) -> Result<PickedUp, StoreError> {
        Ok(self.data().outbox.pick_up(&pickup))
    }

    async fn settle_messages(&self, settlements: &[Settlement]) -> Result<(), StoreError> {
        let mut data = self.data();
        for settlement in settlements {
            data.outbox.settle(settlement);
        }
        Ok(())
    }

    async fn queue(&self, at_most: u32) -> Result<Queue, StoreError> {
        Ok(self.data().outbox.queue(at_most))
    }

    async fn claim_key(&self, claim: &Claim) -> Result<Claimed, StoreError> {
        Ok(self.data().keys.claim(claim))
    }

    async fn keep_answer(&self, claim: &Claim, answer: &StoredAnswer) -> Result<(), StoreError> {
        self.data().keys.keep(claim, answer);
        Ok(())
    }

    async fn abandon_key(&self, claim: &Claim) -> Result<(), StoreError> {
        self.data().keys.abandon(claim);
        Ok(())
    }
}
