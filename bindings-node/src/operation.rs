//! An operation's name and its arguments, in the order of the documents, as the core's [`Call`].

use verigator::embed::Call;

/// None when there is no such operation, or it takes another number of arguments.
pub(crate) fn call(operation: &str, arguments: Vec<String>) -> Option<Call> {
    Some(match operation {
        "services.create" => {
            let [domain, name] = exactly(arguments)?;
            Call::ServicesCreate { domain, name }
        }
        "services.get" => {
            let [id] = exactly(arguments)?;
            Call::ServicesGet { id }
        }
        "services.delete" => {
            let [id] = exactly(arguments)?;
            Call::ServicesDelete { id }
        }
        "users.create" => {
            let [service_id, number, username] = exactly(arguments)?;
            Call::UsersCreate {
                service_id,
                number,
                username,
            }
        }
        "users.get" => {
            let [service_id, id] = exactly(arguments)?;
            Call::UsersGet { service_id, id }
        }
        "users.get_all" => {
            let [service_id] = exactly(arguments)?;
            Call::UsersGetAll { service_id }
        }
        "users.delete" => {
            let [service_id, id] = exactly(arguments)?;
            Call::UsersDelete { service_id, id }
        }
        "auth.initiate" => {
            let [service_id, user_id, method] = exactly(arguments)?;
            Call::AuthInitiate {
                service_id,
                user_id,
                method,
            }
        }
        "auth.verify" => {
            let ([service_id, user_id, token], method) = and_one_more(arguments)?;
            Call::AuthVerify {
                service_id,
                user_id,
                token,
                method,
            }
        }
        "auth.verify_or_error" => {
            let ([service_id, user_id, token], method) = and_one_more(arguments)?;
            Call::AuthVerifyOrError {
                service_id,
                user_id,
                token,
                method,
            }
        }
        "totp.enrol" => {
            let [service_id, user_id] = exactly(arguments)?;
            Call::TotpEnrol {
                service_id,
                user_id,
            }
        }
        "totp.confirm" => {
            let [service_id, user_id, token] = exactly(arguments)?;
            Call::TotpConfirm {
                service_id,
                user_id,
                token,
            }
        }
        "totp.remove" => {
            let [service_id, user_id] = exactly(arguments)?;
            Call::TotpRemove {
                service_id,
                user_id,
            }
        }
        _ => return None,
    })
}

fn exactly<const N: usize>(arguments: Vec<String>) -> Option<[String; N]> {
    arguments.try_into().ok()
}

/// So many arguments, and perhaps one after them.
fn and_one_more<const N: usize>(
    mut arguments: Vec<String>,
) -> Option<([String; N], Option<String>)> {
    let last = if arguments.len() > N {
        arguments.pop()
    } else {
        None
    };
    Some((exactly(arguments)?, last))
}
