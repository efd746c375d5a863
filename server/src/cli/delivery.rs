//! Who carries the messages of a server, and what they need for it.

use std::{convert::Infallible, fmt, str::FromStr, sync::Arc};

use clap::Args;
use thiserror::Error;
use verigator_server::{
    clock::Clock,
    delivery::{
        Deliver, SetupError,
        console::Console,
        messente::{Messente, MessenteSettings},
        webhook::Webhook,
    },
};
use zeroize::Zeroizing;

#[derive(Debug, Args)]
#[command(next_help_heading = "Delivery")]
pub(super) struct DeliveryOptions {
    /// Who carries the messages: console, messente or webhook=URL; several are asked in this order
    #[arg(
        long,
        env = "VERIGATOR_DELIVER",
        hide_env_values = true,
        value_name = "PROVIDER",
        value_delimiter = ',',
        default_value = "console"
    )]
    deliver: Vec<Provider>,

    /// Give a message to the next provider also when one may have sent it
    #[arg(long, env = "VERIGATOR_REDELIVER_AMBIGUOUS")]
    pub(super) redeliver_ambiguous: bool,

    /// The username of Messente's API
    #[arg(long, env = "VERIGATOR_MESSENTE_USERNAME", hide_env_values = true)]
    messente_username: Option<String>,

    /// The password of Messente's API. All users of the machine see a command line: set the
    /// variable, or write it into the file
    #[arg(long, env = "VERIGATOR_MESSENTE_PASSWORD", hide_env_values = true)]
    messente_password: Option<Secret>,

    /// Who messages by Messente are from; by default what the account says
    #[arg(long, env = "VERIGATOR_MESSENTE_SENDER")]
    messente_sender: Option<String>,

    /// Where Messente's API is
    #[arg(long, env = "VERIGATOR_MESSENTE_URL", hide_env_values = true, default_value = Messente::URL)]
    messente_url: String,

    /// What is posted to a webhook is signed with this. All users of the machine see a command
    /// line: set the variable, or write it into the file
    #[arg(long, env = "VERIGATOR_WEBHOOK_SECRET", hide_env_values = true)]
    webhook_secret: Option<Secret>,
}

/// A provider as it is named. Judged later: what clap says of a value repeats it, and a URL may
/// hold a secret.
#[derive(Clone, PartialEq, Eq)]
enum Provider {
    Console,
    Messente,
    Webhook(String),
    /// With what it begins with.
    Unknown(String),
}

/// A value that is neither shown nor left in memory.
#[derive(Clone)]
struct Secret(Zeroizing<String>);

/// Why there is nobody to carry messages.
#[derive(Debug, Error)]
pub(super) enum Error {
    #[error("{0}")]
    Setup(#[from] SetupError),
    #[error("--deliver messente needs VERIGATOR_MESSENTE_USERNAME and VERIGATOR_MESSENTE_PASSWORD")]
    NoAccount,
    #[error("--deliver webhook=URL needs VERIGATOR_WEBHOOK_SECRET")]
    NoSecret,
    #[error("--deliver takes console, messente and webhook=URL, not '{0}'")]
    Unknown(String),
}

impl DeliveryOptions {
    /// All of them, in their order.
    pub(super) fn providers(&self, clock: &Arc<dyn Clock>) -> Result<Vec<Arc<dyn Deliver>>, Error> {
        let make = |provider: &Provider| self.provider(provider, Arc::clone(clock));
        self.deliver.iter().map(make).collect()
    }

    /// Whether messages are printed.
    pub(super) fn prints(&self) -> bool {
        self.deliver.contains(&Provider::Console)
    }

    fn provider(
        &self,
        provider: &Provider,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<dyn Deliver>, Error> {
        Ok(match provider {
            Provider::Console => Arc::new(Console),
            Provider::Messente => {
                let (Some(username), Some(Secret(password))) =
                    (&self.messente_username, &self.messente_password)
                else {
                    return Err(Error::NoAccount);
                };
                let settings = MessenteSettings {
                    username: username.clone(),
                    password: password.clone(),
                    sender: self.messente_sender.clone(),
                    url: self.messente_url.clone(),
                };
                Arc::new(Messente::new(settings, clock)?)
            }
            Provider::Webhook(url) => {
                let Secret(secret) = self.webhook_secret.as_ref().ok_or(Error::NoSecret)?;
                Arc::new(Webhook::new(url, secret.clone(), clock)?)
            }
            Provider::Unknown(name) => return Err(Error::Unknown(name.clone())),
        })
    }
}

impl FromStr for Provider {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.split_once('=') {
            None if text == "console" => Self::Console,
            None if text == "messente" => Self::Messente,
            Some(("webhook", url)) => Self::Webhook(url.to_owned()),
            _ => {
                let letters = text.chars().take_while(char::is_ascii_alphabetic);
                Self::Unknown(letters.take(20).collect())
            }
        })
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Console => "Console",
            Self::Messente => "Messente",
            Self::Webhook(_) => "Webhook(•••)",
            Self::Unknown(_) => "Unknown(•••)",
        })
    }
}

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(Zeroizing::new(text.to_owned())))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(•••)")
    }
}
