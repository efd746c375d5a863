//! Faults that a test sets, to see how its client takes them. They exist in the sandbox only.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    extract::{Request, State},
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::SandboxError;
use crate::{
    config::Limits,
    http::{HangUp, Operation, error, gather},
};

/// What goes wrong, how often and where. Without any of `status`, `drop` and `delay` it is
/// refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fault {
    /// Answers this status, 400 to 599, without acting.
    pub status: Option<u16>,
    /// Closes the connection without an answer. Not together with `status`.
    pub drop: Option<DropPoint>,
    /// Waits this long before anything else.
    pub delay: Option<Duration>,
    /// How many requests it meets; 0 is taken as 1.
    pub count: u32,
    /// Only requests of this operation, such as `auth.initiate`; otherwise any of the API.
    pub operation: Option<String>,
}

/// Where a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropPoint {
    /// After the request was read, without acting on it.
    AfterRequest,
    /// After the request was acted on.
    BeforeAnswer,
}

impl Fault {
    /// Answers a status without acting.
    pub fn status(status: u16) -> Self {
        Self {
            status: Some(status),
            ..Self::default()
        }
    }

    /// Closes the connection without an answer.
    pub fn drop(point: DropPoint) -> Self {
        Self {
            drop: Some(point),
            ..Self::default()
        }
    }

    /// Waits before acting.
    pub fn delay(delay: Duration) -> Self {
        Self {
            delay: Some(delay),
            ..Self::default()
        }
    }

    /// Meets so many requests.
    #[must_use]
    pub fn times(mut self, count: u32) -> Self {
        self.count = count;
        self
    }

    /// Meets requests of this operation only.
    #[must_use]
    pub fn on(mut self, operation: impl Into<String>) -> Self {
        self.operation = Some(operation.into());
        self
    }
}

/// Faults that wait for their requests.
#[derive(Default)]
pub(super) struct Faults(Mutex<VecDeque<Armed>>);

#[derive(Clone)]
struct Armed {
    effect: Effect,
    delay: Duration,
    left: u32,
    operation: Option<Operation>,
}

#[derive(Clone, Copy)]
enum Effect {
    Answer(StatusCode),
    Drop(DropPoint),
    /// The delay alone.
    None,
}

impl Faults {
    pub(super) fn set(&self, fault: Fault) -> Result<(), SandboxError> {
        let Fault {
            status,
            drop,
            delay,
            count,
            operation,
        } = fault;
        let effect = match (status, drop) {
            (Some(_), Some(_)) => {
                return Err(SandboxError::Fault(
                    "a fault has a status or a drop, not both",
                ));
            }
            (Some(status), None) => {
                let status = StatusCode::from_u16(status)
                    .ok()
                    .filter(|it| it.as_u16() >= 400);
                Effect::Answer(
                    status
                        .filter(|it| it.as_u16() < 600)
                        .ok_or(SandboxError::Fault("the status of a fault is 400 to 599"))?,
                )
            }
            (None, Some(point)) => Effect::Drop(point),
            (None, None) if delay.is_some() => Effect::None,
            (None, None) => {
                return Err(SandboxError::Fault(
                    "a fault has a status, a drop or a delay",
                ));
            }
        };
        let operation = operation.map(|name| name.parse()).transpose();
        let operation =
            operation.map_err(|_| SandboxError::Fault("there is no operation of this name"))?;
        let (delay, left) = (delay.unwrap_or_default(), count.max(1));
        let mut armed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        armed.push_back(Armed {
            effect,
            delay,
            left,
            operation,
        });
        Ok(())
    }

    fn take(&self, operation: Operation) -> Option<Armed> {
        let mut armed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |it: &Armed| it.operation.is_none_or(|wanted| wanted == operation);
        let place = armed.iter().position(fits)?;
        let fault = armed.get_mut(place)?;
        fault.left -= 1;
        let met = fault.clone();
        if met.left == 0 {
            armed.remove(place);
        }
        Some(met)
    }
}

/// Lets a request meet the first fault that fits it.
pub(super) async fn meet(
    State((faults, limits)): State<(Arc<Faults>, Limits)>,
    request: Request,
    next: Next,
) -> Response {
    let operation = Operation::of(request.method(), request.uri().path());
    let Some(fault) = operation.and_then(|operation| faults.take(operation)) else {
        return next.run(request).await;
    };
    // Read first: a client that is still sending would see a fault of another kind.
    let request = match gather(request, &limits).await {
        Ok((parts, body)) => Request::from_parts(parts, body.into()),
        Err(error) => return error.into_response(),
    };
    tokio::time::sleep(fault.delay).await;
    match fault.effect {
        Effect::None => next.run(request).await,
        Effect::Answer(status) => error(status, "sandbox_fault", "a fault set by the test"),
        Effect::Drop(DropPoint::AfterRequest) => hang_up(),
        Effect::Drop(DropPoint::BeforeAnswer) => {
            next.run(request).await;
            hang_up()
        }
    }
}

fn hang_up() -> Response {
    let mut response = Response::default();
    response.extensions_mut().insert(HangUp);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_never_happen_is_refused() {
        let faults = Faults::default();
        for fault in [
            Fault::default(),
            Fault::status(399),
            Fault::status(600),
            Fault {
                drop: Some(DropPoint::AfterRequest),
                ..Fault::status(500)
            },
            Fault::status(500).on("auth"),
        ] {
            assert!(
                matches!(faults.set(fault.clone()), Err(SandboxError::Fault(_))),
                "{fault:?}"
            );
        }
    }

    #[test]
    fn the_first_that_fits_is_taken_as_often_as_it_says() {
        let faults = Faults::default();
        faults.set(Fault::status(500).on("auth.verify")).unwrap();
        faults.set(Fault::status(501).times(2)).unwrap();
        let status = |operation| match faults.take(operation)?.effect {
            Effect::Answer(status) => Some(status.as_u16()),
            Effect::Drop(_) | Effect::None => None,
        };
        assert_eq!(status(Operation::UsersGet), Some(501));
        assert_eq!(status(Operation::AuthVerify), Some(500));
        assert_eq!(status(Operation::AuthVerify), Some(501));
        assert_eq!(status(Operation::AuthVerify), None);
    }
}
