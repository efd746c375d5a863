//! Who is asking: passwords, and the memory that spares a busy caller their cost.
//!
//! Knows no HTTP. Passwords are kept as Argon2id (RFC 9106). A credential that proved right is
//! remembered for a minute as a keyed hash, in this process only. A password that is changed here
//! is forgotten here at once; one that another process changed may still work for that minute.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use jiff::Timestamp;
use thiserror::Error;
use tokio::sync::Semaphore;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    config::PasswordCost,
    engine::mac::hmac_sha256,
    random,
    store::{Account, Refusal, Store, StoreError},
};

/// How long a right credential is remembered.
const REMEMBERED_FOR: Duration = Duration::from_mins(1);
/// How many are remembered; when full, all are forgotten and cost Argon2 once more.
const REMEMBERED: usize = 10_000;

/// Checks credentials against a store.
pub struct Accounts {
    store: Arc<dyn Store>,
    hasher: Hasher,
    /// Checked against when there is no such account, so that both cases cost the same.
    decoy: Arc<str>,
    remembered: Mutex<Remembered>,
    /// Random for each process: the hashes above are worth nothing outside it.
    memory_key: Zeroizing<[u8; 32]>,
    /// Bounds how many Argon2 runs there are at once.
    permits: Arc<Semaphore>,
}

#[derive(Default)]
struct Remembered {
    /// Right credentials, by keyed hash: whose, and since when.
    right: HashMap<[u8; 32], (Uuid, Timestamp)>,
    /// How often credentials were taken back. A check that began before the last time may have
    /// seen the old password, so what it found is not remembered.
    taken_back: u64,
}

/// Why an account could not be made, changed or checked.
#[derive(Debug, Error)]
pub enum AccountsError {
    /// The cost is outside what Argon2 takes.
    #[error("Argon2id does not take this cost")]
    Cost,
    /// The system has no random bytes.
    #[error("no random bytes")]
    Random(#[from] random::RandomError),
    /// A user name is 1 to 255 characters without a colon or control characters.
    #[error("a user name is 1 to 255 characters, without colons and control characters")]
    Username,
    /// A password is 1 to 1024 bytes.
    #[error("a password is 1 to 1024 bytes")]
    Password,
    /// There is an account of that name.
    #[error("an account of this name exists")]
    Exists,
    /// There is no account of that name.
    #[error("no account of this name exists")]
    NotFound,
    /// The store failed.
    #[error(transparent)]
    Store(StoreError),
    /// The check itself broke off.
    #[error("a password could not be checked")]
    Broken,
}

impl From<StoreError> for AccountsError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Refused(Refusal::AccountExists) => Self::Exists,
            StoreError::Refused(Refusal::AccountNotFound) => Self::NotFound,
            other => Self::Store(other),
        }
    }
}

impl Accounts {
    /// Works on `store`. Runs Argon2 once.
    pub fn new(store: Arc<dyn Store>, cost: PasswordCost) -> Result<Self, AccountsError> {
        let hasher = Hasher::new(cost)?;
        let decoy = hasher.hash(&random::array::<32>()?)?;
        Ok(Self {
            store,
            hasher,
            decoy: decoy.into(),
            remembered: Mutex::default(),
            memory_key: Zeroizing::new(random::array()?),
            permits: Arc::new(Semaphore::new(cost.at_once.max(1))),
        })
    }

    /// Adds an account.
    pub async fn create(
        &self,
        username: &str,
        password: &str,
        now: Timestamp,
    ) -> Result<Uuid, AccountsError> {
        let length = username.chars().count();
        if !(1..=255).contains(&length) || username.contains(|c: char| c == ':' || c.is_control()) {
            return Err(AccountsError::Username);
        }
        let account = Account {
            id: random::uuid()?,
            username: username.to_owned(),
            password_hash: self.hash(password).await?,
            disabled: false,
            created_at: now,
        };
        self.store.create_account(&account).await?;
        Ok(account.id)
    }

    /// Gives an account another password; the old one is worth nothing from then on. A disabled
    /// account stays disabled.
    pub async fn rotate(&self, username: &str, password: &str) -> Result<(), AccountsError> {
        let password_hash = self.hash(password).await?;
        let account = self.store.set_password(username, &password_hash).await?;
        self.take_back(account);
        Ok(())
    }

    /// Refuses an account's credentials from now on. What it has stays.
    pub async fn disable(&self, username: &str) -> Result<(), AccountsError> {
        let account = self.store.disable_account(username).await?;
        self.take_back(account);
        Ok(())
    }

    /// The account that these credentials open; none when either is wrong or the account is
    /// disabled, which of them staying unknown also to a stop-watch.
    pub async fn verify(
        &self,
        username: &str,
        password: &str,
        now: Timestamp,
    ) -> Result<Option<Uuid>, AccountsError> {
        let tag = self.tag(username, password);
        if let Some(account) = self.recall(&tag, now) {
            return Ok(Some(account));
        }
        let taken_back = self.remembered().taken_back;
        let account = self.store.account(username).await?;
        let hash = account
            .as_ref()
            .map_or(&*self.decoy, |it| &it.password_hash)
            .to_owned();
        let hasher = self.hasher.clone();
        let secret = Zeroizing::new(password.as_bytes().to_vec());
        let permit = self.permits.clone().acquire_owned().await;
        // Whoever waited for the permit may have been overtaken by the same credentials.
        if let Some(account) = self.recall(&tag, now) {
            return Ok(Some(account));
        }
        let right = run(permit, move || hasher.verify(&secret, &hash)).await?;
        let Some(account) = account.filter(|it| right && !it.disabled) else {
            return Ok(None);
        };
        self.remember(tag, account.id, now, taken_back);
        Ok(Some(account.id))
    }

    async fn hash(&self, password: &str) -> Result<String, AccountsError> {
        if !(1..=1024).contains(&password.len()) {
            return Err(AccountsError::Password);
        }
        let hasher = self.hasher.clone();
        let secret = Zeroizing::new(password.as_bytes().to_vec());
        let permit = self.permits.clone().acquire_owned().await;
        run(permit, move || hasher.hash(&secret)).await?
    }

    fn tag(&self, username: &str, password: &str) -> [u8; 32] {
        // With the length in front, no two credentials join to the same bytes.
        let length = username.len().to_be_bytes();
        let parts = [length.as_slice(), username.as_bytes(), password.as_bytes()];
        hmac_sha256(self.memory_key.as_slice(), &parts)
    }

    fn remembered(&self) -> MutexGuard<'_, Remembered> {
        self.remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn recall(&self, tag: &[u8; 32], now: Timestamp) -> Option<Uuid> {
        let remembered = self.remembered();
        let (account, since) = remembered.right.get(tag)?;
        // A clock set back gives a negative age, which counts as too old.
        let age = Duration::try_from(now.duration_since(*since)).ok()?;
        (age < REMEMBERED_FOR).then_some(*account)
    }

    /// Remembers a credential, unless some were taken back since `taken_back` was read.
    fn remember(&self, tag: [u8; 32], account: Uuid, now: Timestamp, taken_back: u64) {
        let mut remembered = self.remembered();
        if remembered.taken_back != taken_back {
            return;
        }
        if remembered.right.len() >= REMEMBERED {
            remembered.right.clear();
        }
        remembered.right.insert(tag, (account, now));
    }

    /// Forgets an account's credentials, also those that are being checked.
    fn take_back(&self, account: Uuid) {
        let mut remembered = self.remembered();
        remembered.taken_back += 1;
        remembered.right.retain(|_, (whose, _)| *whose != account);
    }
}

/// Runs `work` off the runtime's threads, holding `permit` until it ends, even when nobody waits
/// for it any more.
async fn run<T: Send + 'static>(
    permit: Result<tokio::sync::OwnedSemaphorePermit, tokio::sync::AcquireError>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, AccountsError> {
    let permit = permit.map_err(|_| AccountsError::Broken)?;
    let work = move || {
        let done = work();
        drop(permit);
        done
    };
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| AccountsError::Broken)
}

#[derive(Clone)]
struct Hasher(Argon2<'static>);

impl Hasher {
    fn new(cost: PasswordCost) -> Result<Self, AccountsError> {
        let params = Params::new(cost.memory_kib, cost.passes, 1, None);
        let params = params.map_err(|_| AccountsError::Cost)?;
        Ok(Self(Argon2::new(
            Algorithm::Argon2id,
            Version::V0x13,
            params,
        )))
    }

    fn hash(&self, password: &[u8]) -> Result<String, AccountsError> {
        let salt = random::array::<16>()?;
        let hash = self.0.hash_password_with_salt(password, &salt);
        Ok(hash.map_err(|_| AccountsError::Cost)?.to_string())
    }

    /// The cost is that of the stored hash, whatever this hasher's own.
    fn verify(&self, password: &[u8], hash: &str) -> bool {
        PasswordHash::new(hash).is_ok_and(|hash| self.0.verify_password(password, &hash).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::memory::MemoryStore;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn accounts(store: &Arc<MemoryStore>) -> Accounts {
        Accounts::new(Arc::clone(store) as Arc<dyn Store>, PasswordCost::minimal()).unwrap()
    }

    #[tokio::test]
    async fn right_wrong_and_unknown() {
        let accounts = accounts(&Arc::default());
        let id = accounts.create("jo", "a:b", at(0)).await.unwrap();
        assert_eq!(accounts.verify("jo", "a:b", at(0)).await.unwrap(), Some(id));
        assert_eq!(accounts.verify("jo", "a:b", at(1)).await.unwrap(), Some(id));
        for (username, password) in [("jo", "a"), ("jo", ""), ("jo:a", "b"), ("no", "a:b")] {
            assert_eq!(
                accounts.verify(username, password, at(0)).await.unwrap(),
                None
            );
        }
        let again = accounts.create("jo", "c", at(0)).await;
        assert!(matches!(again, Err(AccountsError::Exists)));
    }

    #[tokio::test]
    async fn names_and_passwords_have_limits() {
        let accounts = accounts(&Arc::default());
        for username in ["", "a:b", "a\nb", &"x".repeat(256)] {
            let made = accounts.create(username, "secret", at(0)).await;
            assert!(matches!(made, Err(AccountsError::Username)), "{username}");
        }
        for password in ["", &"x".repeat(1025)] {
            let made = accounts.create("jo", password, at(0)).await;
            assert!(matches!(made, Err(AccountsError::Password)));
        }
    }

    #[tokio::test]
    async fn a_right_credential_is_remembered_for_a_minute() {
        let store = Arc::default();
        let accounts = accounts(&store);
        let id = accounts.create("jo", "secret", at(0)).await.unwrap();
        assert_eq!(
            accounts.verify("jo", "secret", at(0)).await.unwrap(),
            Some(id)
        );
        let tag = accounts.tag("jo", "secret");
        assert_eq!(accounts.recall(&tag, at(59)), Some(id));
        assert_eq!(accounts.recall(&tag, at(60)), None);
        assert_eq!(accounts.recall(&tag, at(-1)), None);
        assert_eq!(accounts.recall(&accounts.tag("jo", "wrong"), at(0)), None);
        accounts.verify("jo", "wrong", at(0)).await.unwrap();
        assert_eq!(accounts.remembered().right.len(), 1);
    }

    #[tokio::test]
    async fn a_password_that_was_changed_is_forgotten_at_once() {
        let accounts = accounts(&Arc::default());
        let verify = async |password| accounts.verify("jo", password, at(0)).await.unwrap();
        let id = accounts.create("jo", "old", at(0)).await.unwrap();
        let zoe = accounts.create("zoe", "x", at(0)).await.unwrap();
        assert_eq!(accounts.verify("zoe", "x", at(0)).await.unwrap(), Some(zoe));
        assert_eq!(verify("old").await, Some(id));
        accounts.rotate("jo", "new").await.unwrap();
        assert_eq!(verify("old").await, None);
        assert_eq!(verify("new").await, Some(id));
        assert!(
            accounts.recall(&accounts.tag("zoe", "x"), at(0)).is_some(),
            "hers is"
        );
        let refused = accounts.rotate("jo", "").await;
        assert!(matches!(refused, Err(AccountsError::Password)));
        for gone in [
            accounts.rotate("no", "x").await,
            accounts.disable("no").await,
        ] {
            assert!(matches!(gone, Err(AccountsError::NotFound)));
        }
    }

    #[tokio::test]
    async fn a_disabled_account_is_refused_at_once_whatever_its_password() {
        let accounts = accounts(&Arc::default());
        let verify = async |password| accounts.verify("jo", password, at(0)).await.unwrap();
        accounts.create("jo", "old", at(0)).await.unwrap();
        assert!(verify("old").await.is_some());
        accounts.disable("jo").await.unwrap();
        assert_eq!(verify("old").await, None);
        accounts.rotate("jo", "new").await.unwrap();
        assert_eq!(verify("new").await, None);
    }

    #[tokio::test]
    async fn what_a_check_saw_before_the_password_changed_is_not_remembered() {
        let accounts = accounts(&Arc::default());
        let tag = accounts.tag("jo", "old");
        let before = accounts.remembered().taken_back;
        accounts.take_back(Uuid::nil());
        accounts.remember(tag, Uuid::nil(), at(0), before);
        assert_eq!(accounts.recall(&tag, at(0)), None);
        accounts.remember(tag, Uuid::nil(), at(0), before + 1);
        assert_eq!(accounts.recall(&tag, at(0)), Some(Uuid::nil()));
    }

    #[tokio::test]
    async fn the_memory_is_bounded() {
        let accounts = accounts(&Arc::default());
        for n in 0..=REMEMBERED {
            let mut tag = [0; 32];
            tag[..8].copy_from_slice(&n.to_be_bytes());
            accounts.remember(tag, Uuid::nil(), at(0), 0);
        }
        assert_eq!(accounts.remembered().right.len(), 1);
    }

    #[test]
    fn stored_is_argon2id_of_the_given_cost_and_an_impossible_cost_is_refused() {
        let hash = Hasher::new(PasswordCost::default())
            .unwrap()
            .hash(b"secret")
            .unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        let impossible = PasswordCost {
            memory_kib: 1,
            ..PasswordCost::minimal()
        };
        assert!(matches!(Hasher::new(impossible), Err(AccountsError::Cost)));
    }
}
