//! The calls of a case, made.

use std::time::Duration;

use verigator::{
    Api, CallOptions, Method, blocking,
    embed::{self, Reply},
};
use verigator_tests::vector::{self, Call, Expected, Nothing, Operation};

use crate::outcome::{Outcome, from_client};

/// The same text for both clients: with `await` after each call, or with nothing.
macro_rules! perform {
    ($api:expr, $operation:expr $(, $await:tt)?) => {{
        let api = $api;
        match $operation {
            Operation::ServicesCreate { domain, name } => {
                from_client::service(&api.services.create(domain, name)$(.$await)??)
            }
            Operation::ServicesGet { id } => {
                from_client::service(&api.services.get(id)$(.$await)??)
            }
            Operation::ServicesDelete { id } => {
                api.services.delete(id)$(.$await)??;
                Expected::None(Nothing)
            }
            Operation::UsersCreate { service_id, number, username } => {
                let user = api.users.create(service_id, number, username)$(.$await)??;
                Expected::User(from_client::user(&user))
            }
            Operation::UsersGet { service_id, id } => {
                Expected::User(from_client::user(&api.users.get(service_id, id)$(.$await)??))
            }
            Operation::UsersGetAll { service_id } => {
                from_client::users(&api.users.get_all(service_id)$(.$await)??)
            }
            Operation::UsersDelete { service_id, id } => {
                api.users.delete(service_id, id)$(.$await)??;
                Expected::None(Nothing)
            }
            Operation::AuthInitiate { service_id, user_id, method } => {
                let word = method_of(method);
                let method = api.auth.initiate(service_id, user_id, word)$(.$await)??;
                Expected::Method(method.as_str().to_owned())
            }
            Operation::AuthVerify { service_id, user_id, token, method } => {
                let auth = with_method!(api.auth, method);
                Expected::Verified(auth.verify(service_id, user_id, token)$(.$await)??)
            }
            Operation::AuthVerifyDetailed { service_id, user_id, token, method } => {
                let auth = with_method!(api.auth, method);
                let got = auth.verify_detailed(service_id, user_id, token)$(.$await)??;
                from_client::verification(&got)
            }
            Operation::AuthVerifyOrRaise { service_id, user_id, token, method } => {
                let auth = with_method!(api.auth, method);
                let got = auth.verify_or_error(service_id, user_id, token)$(.$await)??;
                from_client::verification(&got)
            }
            Operation::TotpEnrol { service_id, user_id } => {
                from_client::enrolment(&api.totp.enrol(service_id, user_id)$(.$await)??)
            }
            Operation::TotpConfirm { service_id, user_id, token } => {
                Expected::Confirmed(api.totp.confirm(service_id, user_id, token)$(.$await)??)
            }
            Operation::TotpRemove { service_id, user_id } => {
                api.totp.remove(service_id, user_id)$(.$await)??;
                Expected::None(Nothing)
            }
        }
    }};
}

macro_rules! with_method {
    ($auth:expr, $method:expr) => {
        match $method {
            Some(word) => $auth.with_method(method_of(word)),
            None => $auth.clone(),
        }
    };
}

/// A word that is no method can be said in Rust, too; it is the client that refuses it.
fn method_of(word: &str) -> Method {
    word.parse().unwrap_or_else(|_| Method::Other(word.into()))
}

pub(crate) async fn awaited(api: &Api, call: &Call) -> Outcome {
    Ok(perform!(
        api.with(options(&call.options)),
        &call.operation,
        await
    ))
}

pub(crate) fn blocking(api: &blocking::Api, call: &Call) -> Outcome {
    Ok(perform!(api.with(options(&call.options)), &call.operation))
}

fn options(given: &vector::CallOptions) -> CallOptions {
    let mut options = CallOptions::new();
    if let Some(seconds) = given.timeout {
        options = options.timeout(Duration::from_secs_f64(seconds));
    }
    if let Some(seconds) = given.deadline {
        options = options.deadline(Duration::from_secs_f64(seconds));
    }
    if let Some(count) = given.max_retries {
        options = options.max_retries(count);
    }
    options
}

/// A call as a binding makes it.
pub(crate) fn of_bindings(call: &Call) -> verigator::Result<(CallOptions, embed::Call)> {
    let options = &call.options;
    let max_retries = options.max_retries.map(i64::from);
    let options = embed::call_options(options.timeout, options.deadline, max_retries)?;
    Ok((options, operation(call.operation.clone())))
}

fn operation(operation: Operation) -> embed::Call {
    use embed::Call;
    match operation {
        Operation::ServicesCreate { domain, name } => Call::ServicesCreate { domain, name },
        Operation::ServicesGet { id } => Call::ServicesGet { id },
        Operation::ServicesDelete { id } => Call::ServicesDelete { id },
        Operation::UsersCreate {
            service_id,
            number,
            username,
        } => Call::UsersCreate {
            service_id,
            number,
            username,
        },
        Operation::UsersGet { service_id, id } => Call::UsersGet { service_id, id },
        Operation::UsersGetAll { service_id } => Call::UsersGetAll { service_id },
        Operation::UsersDelete { service_id, id } => Call::UsersDelete { service_id, id },
        Operation::AuthInitiate {
            service_id,
            user_id,
            method,
        } => Call::AuthInitiate {
            service_id,
            user_id,
            method,
        },
        Operation::AuthVerify {
            service_id,
            user_id,
            token,
            method,
        }
        | Operation::AuthVerifyDetailed {
            service_id,
            user_id,
            token,
            method,
        } => Call::AuthVerify {
            service_id,
            user_id,
            token,
            method,
        },
        Operation::AuthVerifyOrRaise {
            service_id,
            user_id,
            token,
            method,
        } => Call::AuthVerifyOrError {
            service_id,
            user_id,
            token,
            method,
        },
        Operation::TotpEnrol {
            service_id,
            user_id,
        } => Call::TotpEnrol {
            service_id,
            user_id,
        },
        Operation::TotpConfirm {
            service_id,
            user_id,
            token,
        } => Call::TotpConfirm {
            service_id,
            user_id,
            token,
        },
        Operation::TotpRemove {
            service_id,
            user_id,
        } => Call::TotpRemove {
            service_id,
            user_id,
        },
    }
}

/// What a binding makes of a reply; the bare verdict is its own to take out.
pub(crate) fn result(operation: &Operation, reply: Reply) -> Expected {
    match (operation, reply) {
        (Operation::AuthVerify { .. }, Reply::Verification(it)) => Expected::Verified(it.verified),
        (_, Reply::Verification(it)) => from_client::verification(&it),
        (_, Reply::Service(it)) => from_client::service(&it),
        (_, Reply::User(it)) => Expected::User(from_client::user(&it)),
        (_, Reply::Users(it)) => from_client::users(&it),
        (_, Reply::Method(it)) => Expected::Method(it.as_str().to_owned()),
        (_, Reply::Enrolment(it)) => from_client::enrolment(&it),
        (_, Reply::Confirmed(it)) => Expected::Confirmed(it),
        (_, Reply::Done) => Expected::None(Nothing),
    }
}
