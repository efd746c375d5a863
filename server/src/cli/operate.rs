//! `verigator account …`, `users unlock` and `migrate`: what an operator does at the store itself,
//! also beside a running server.

use std::io::Write;

use clap::{Args, Subcommand};
use data_encoding::BASE64URL_NOPAD;
use thiserror::Error;
use uuid::Uuid;
use verigator_server::{
    accounts::{Accounts, AccountsError},
    clock::{Clock, SystemClock},
    config::PasswordCost,
    random,
    store::StoreError,
};
use zeroize::Zeroizing;

use super::{Reason, store};

#[derive(Debug, Args)]
pub(super) struct AccountOptions {
    #[command(subcommand)]
    action: AccountAction,

    #[command(flatten)]
    store: store::StoreOptions,
}

#[derive(Debug, Subcommand)]
enum AccountAction {
    /// Make an account, and print its password, which is shown this once
    Create {
        /// What clients sign in with
        name: String,
    },
    /// Print all accounts
    List,
    /// Give an account another password, and print that
    Rotate {
        /// Its name
        name: String,
    },
    /// Refuse an account's password from now on; what it has stays
    Disable {
        /// Its name
        name: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct UnlockOptions {
    /// The user's id
    id: Uuid,

    #[command(flatten)]
    store: store::StoreOptions,
}

#[derive(Debug, Args)]
pub(super) struct MigrateOptions {
    #[command(flatten)]
    store: store::StoreOptions,
}

/// Why it was not done.
#[derive(Debug, Error)]
pub(super) enum Error {
    #[error(transparent)]
    Open(#[from] store::Error),
    #[error(transparent)]
    Account(#[from] AccountsError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("no random bytes: {0}")]
    Random(#[from] random::RandomError),
    #[error("cannot use the terminal: {0}")]
    Io(#[from] std::io::Error),
}

impl Reason for Error {
    fn may_pass(&self) -> bool {
        match self {
            Self::Open(error) => error.may_pass(),
            Self::Store(error) | Self::Account(AccountsError::Store(error)) => {
                !matches!(error, StoreError::Refused(_))
            }
            Self::Account(_) | Self::Random(_) | Self::Io(_) => false,
        }
    }
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

/// 192 random bits, in characters that need no escaping anywhere.
pub(super) fn new_password() -> Result<Zeroizing<String>, random::RandomError> {
    let bytes = Zeroizing::new(random::array::<24>()?);
    Ok(Zeroizing::new(BASE64URL_NOPAD.encode(bytes.as_slice())))
}

pub(super) fn account(options: &AccountOptions) -> Result<(), Error> {
    let password = new_password()?;
    let mut out = std::io::stdout().lock();
    runtime()?.block_on(async {
        let store = options.store.open().await?;
        let accounts = Accounts::new(store.clone(), PasswordCost::default())?;
        match &options.action {
            AccountAction::Create { name } => {
                accounts.create(name, &password, SystemClock.now()).await?;
                writeln!(out, "{}", password.as_str())?;
            }
            AccountAction::Rotate { name } => {
                accounts.rotate(name, &password).await?;
                writeln!(out, "{}", password.as_str())?;
            }
            AccountAction::Disable { name } => accounts.disable(name).await?,
            AccountAction::List => {
                for account in store.accounts().await? {
                    let state = if account.disabled { " disabled" } else { "" };
                    writeln!(out, "{} {}{state}", account.username, account.created_at)?;
                }
            }
        }
        Ok(())
    })
}

/// Prints nothing, which in JSON is an empty object.
pub(super) fn unlock(options: &UnlockOptions, json: bool) -> Result<(), Error> {
    runtime()?.block_on(async {
        let store = options.store.open().await?;
        Ok::<_, Error>(store.unlock_user(options.id).await?)
    })?;
    if json {
        writeln!(std::io::stdout(), "{{}}")?;
    }
    Ok(())
}

pub(super) fn migrate(options: &MigrateOptions) -> Result<(), Error> {
    let (place, migrated) = runtime()?.block_on(options.store.migrate())?;
    writeln!(std::io::stdout(), "{place}: {migrated}")?;
    Ok(())
}
