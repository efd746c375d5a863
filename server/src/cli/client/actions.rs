//! What can be asked for, and the call that it is.

use std::io::{BufRead, Read};

use clap::Subcommand;
use verigator::{Method, blocking::Api};
use zeroize::Zeroizing;

use super::{Answer, Error, HELP};

/// Longer than any PIN or code.
const LONGEST_TOKEN: u64 = 1024;

#[derive(Subcommand)]
pub(in crate::cli) enum Services {
    /// Make a service and print it
    Create {
        /// Its domain, such as shop.example.com
        domain: String,
        /// Its name, which users see in their messages
        name: String,
    },
    /// Print a service
    Get {
        /// The service's id
        id: String,
    },
    /// Remove a service with its users
    Delete {
        /// The service's id
        id: String,
    },
}

#[derive(Subcommand)]
pub(in crate::cli) enum Users {
    /// Make a user of a service and print it
    Create {
        /// The service's id
        service: String,
        /// The phone number, such as +37255555555
        number: String,
        /// The user's name in the service
        username: String,
    },
    /// Print a user
    Get {
        /// The service's id
        service: String,
        /// The user's id
        id: String,
    },
    /// Print all users of a service, oldest first
    List {
        /// The service's id
        service: String,
    },
    /// Remove a user
    Delete {
        /// The service's id
        service: String,
        /// The user's id
        id: String,
    },
}

#[derive(Subcommand)]
pub(in crate::cli) enum Auth {
    /// Send a PIN, or have the user asked for a code of the authenticator, and print which
    Initiate {
        /// The service's id
        service: String,
        /// The user's id
        user: String,
        /// sms or totp; without an authenticator both are sms
        #[arg(long, default_value = "sms")]
        method: Method,
    },
    /// Check the PIN or the code that a user typed
    #[command(after_help = HELP)]
    Verify {
        /// The service's id
        service: String,
        /// The user's id
        user: String,
        /// The PIN or the code; - reads a line of standard input, which other users can't see
        token: String,
        /// What it is, for servers that must be told: sms or totp
        #[arg(long)]
        method: Option<Method>,
    },
}

#[derive(Subcommand)]
pub(in crate::cli) enum Totp {
    /// Give a user an authenticator, and print its secret, which is shown this once
    Enrol {
        /// The service's id
        service: String,
        /// The user's id
        user: String,
    },
    /// Confirm a user's authenticator with its first code
    #[command(after_help = HELP)]
    Confirm {
        /// The service's id
        service: String,
        /// The user's id
        user: String,
        /// The code; - reads a line of standard input, which other users can't see
        token: String,
    },
    /// Take a user's authenticator away
    Remove {
        /// The service's id
        service: String,
        /// The user's id
        user: String,
    },
}

impl Services {
    pub(in crate::cli) fn ask(&self, api: &Api) -> Result<Answer, Error> {
        Ok(match self {
            Self::Create { domain, name } => Answer::Service(api.services.create(domain, name)?),
            Self::Get { id } => Answer::Service(api.services.get(id)?),
            Self::Delete { id } => api.services.delete(id).map(|()| Answer::DONE)?,
        })
    }
}

impl Users {
    pub(in crate::cli) fn ask(&self, api: &Api) -> Result<Answer, Error> {
        Ok(match self {
            Self::Create {
                service,
                number,
                username,
            } => Answer::User(api.users.create(service, number, username)?),
            Self::Get { service, id } => Answer::User(api.users.get(service, id)?),
            Self::List { service } => Answer::Users(api.users.get_all(service)?),
            Self::Delete { service, id } => api.users.delete(service, id).map(|()| Answer::DONE)?,
        })
    }
}

impl Auth {
    pub(in crate::cli) fn ask(&self, api: &Api) -> Result<Answer, Error> {
        Ok(match self {
            Self::Initiate {
                service,
                user,
                method,
            } => Answer::Started {
                method: api.auth.initiate(service, user, method.clone())?,
            },
            Self::Verify {
                service,
                user,
                token,
                method,
            } => {
                let auth = match method {
                    Some(method) => &api.auth.with_method(method.clone()),
                    None => &api.auth,
                };
                Answer::Verification(auth.verify_detailed(service, user, &read(token)?)?)
            }
        })
    }
}

impl Totp {
    pub(in crate::cli) fn ask(&self, api: &Api) -> Result<Answer, Error> {
        Ok(match self {
            Self::Enrol { service, user } => Answer::Enrolment(api.totp.enrol(service, user)?),
            Self::Confirm {
                service,
                user,
                token,
            } => Answer::Confirmed {
                confirmed: api.totp.confirm(service, user, &read(token)?)?,
            },
            Self::Remove { service, user } => {
                api.totp.remove(service, user).map(|()| Answer::DONE)?
            }
        })
    }
}

/// The token, or the line of standard input that it stands for.
fn read(token: &str) -> Result<Zeroizing<String>, Error> {
    if token != "-" {
        return Ok(Zeroizing::new(token.to_owned()));
    }
    let mut line = Zeroizing::new(String::new());
    let mut input = std::io::stdin().lock().take(LONGEST_TOKEN);
    input.read_line(&mut line).map_err(Error::Input)?;
    match line.trim() {
        "" => Err(Error::NoInput),
        token => Ok(Zeroizing::new(token.to_owned())),
    }
}
