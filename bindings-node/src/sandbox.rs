//! The sandbox of the server crate. What may wait runs on a thread of its own and ends as a call.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use napi::{Error, Result, Status};
use napi_derive::napi;
use verigator_server::sandbox::{DropPoint, Fault, Sandbox as Server};

use crate::calls::Calls;
use crate::client::seconds;
use crate::finished::{Failure, Finished, MessageFields};

/// A fault to set. Durations are milliseconds.
#[napi(object, object_to_js = false)]
pub struct FaultFields {
    /// The status to answer.
    pub status: Option<u32>,
    /// `before_answer` or `after_request`.
    pub drop: Option<String>,
    /// How long to wait first.
    pub delay: Option<f64>,
    /// How many requests it meets.
    pub count: u32,
    /// The only operation that it meets.
    pub operation: Option<String>,
}

/// A server in this process, in memory, on a loopback port.
#[napi]
pub struct Sandbox {
    /// Set once, when it listens. Shared with the threads that wait for it.
    server: Arc<OnceLock<Server>>,
}

#[napi]
impl Sandbox {
    /// One that does not run yet.
    #[napi(constructor, catch_unwind)]
    #[allow(clippy::new_without_default, reason = "JavaScript has no Default")]
    pub fn new() -> Self {
        Self {
            server: Arc::default(),
        }
    }

    /// Starts it, as call `id`: at an address with a port, or at any free port of the loopback. May
    /// print the messages, too.
    #[napi(catch_unwind)]
    pub fn start(&self, calls: &Calls, id: i64, listen: Option<String>, console: Option<bool>) {
        let server = Arc::clone(&self.server);
        calls.off_thread(id, move || {
            let mut builder = Server::builder().console(console.unwrap_or(false));
            if let Some(listen) = listen {
                let Ok(address) = listen.parse() else {
                    let why = format!("{listen:?} is not an address with a port");
                    return Finished::failed(id, Failure::sandbox(why));
                };
                builder = builder.listen(address);
            }
            match builder.start_blocking() {
                Ok(started) => {
                    // Set already only when it is started twice, and then the second one goes.
                    let _ = server.set(started);
                    Finished::done(id)
                }
                Err(error) => Finished::failed(id, Failure::sandbox(error.to_string())),
            }
        });
    }

    /// Stops it, as call `id`. Once it is stopped, this does nothing.
    #[napi(catch_unwind)]
    pub fn stop(&self, calls: &Calls, id: i64) {
        let server = Arc::clone(&self.server);
        calls.off_thread(id, move || {
            if let Some(server) = server.get() {
                server.stop();
            }
            Finished::done(id)
        });
    }

    /// The latest message to a number, or the first within so many milliseconds, as call `id`.
    #[napi(catch_unwind)]
    pub fn wait_for_message(&self, calls: &Calls, id: i64, to: String, timeout: f64) {
        let server = Arc::clone(&self.server);
        calls.off_thread(id, move || {
            let message = server.get().and_then(|server| {
                let timeout = Duration::try_from_secs_f64(seconds(timeout)).ok()?;
                server.wait_for_message_blocking(&to, timeout)
            });
            Finished {
                message: message.map(MessageFields::from),
                ..Finished::done(id)
            }
        });
    }

    /// Where it listens.
    #[napi(getter, catch_unwind)]
    pub fn url(&self) -> Result<String> {
        self.server().map(|server| server.url().to_owned())
    }

    /// The account's name.
    #[napi(getter, catch_unwind)]
    pub fn username(&self) -> Result<String> {
        self.server().map(|server| server.username().to_owned())
    }

    /// The account's password.
    #[napi(getter, catch_unwind)]
    pub fn password(&self) -> Result<String> {
        self.server().map(|server| server.password().to_owned())
    }

    /// All messages so far, oldest first.
    #[napi(catch_unwind)]
    pub fn messages(&self) -> Result<Vec<MessageFields>> {
        let sent = self.server()?.messages();
        Ok(sent.into_iter().map(MessageFields::from).collect())
    }

    /// The PIN in the latest message to a number.
    #[napi(catch_unwind)]
    pub fn last_pin(&self, to: String) -> Result<Option<String>> {
        Ok(self.server()?.last_pin(&to))
    }

    /// Moves its clock ahead by so many milliseconds.
    #[napi(catch_unwind)]
    pub fn advance(&self, by: f64) -> Result<()> {
        let by = Duration::try_from_secs_f64(seconds(by))
            .map_err(|_| refused("the time to advance must be 0 or more milliseconds"))?;
        self.server()?.advance(by);
        Ok(())
    }

    /// The code of an authenticator at its clock.
    #[napi(catch_unwind)]
    pub fn totp_code(&self, secret: String) -> Result<String> {
        self.server()?.totp_code(&secret).map_err(refused)
    }

    /// Sets a fault for the requests to come.
    #[napi(catch_unwind)]
    pub fn fail_next(&self, fault: FaultFields) -> Result<()> {
        let out_of_range = |_| refused("the status of a fault is 400 to 599");
        let drop = fault.drop.as_deref().map(|point| match point {
            "before_answer" => Ok(DropPoint::BeforeAnswer),
            "after_request" => Ok(DropPoint::AfterRequest),
            _ => Err(refused(
                "drop must be \"before_answer\" or \"after_request\"",
            )),
        });
        let delay = fault.delay.map(|delay| {
            Duration::try_from_secs_f64(seconds(delay))
                .map_err(|_| refused("delay must be 0 or more milliseconds"))
        });
        let fault = Fault {
            status: fault
                .status
                .map(u16::try_from)
                .transpose()
                .map_err(out_of_range)?,
            drop: drop.transpose()?,
            delay: delay.transpose()?,
            count: fault.count,
            operation: fault.operation,
        };
        self.server()?.fail_next(fault).map_err(refused)
    }

    fn server(&self) -> Result<&Server> {
        self.server
            .get()
            .ok_or_else(|| Error::from_reason("the sandbox does not run"))
    }
}

/// An argument at fault, which JavaScript tells by the status from a fault of this library.
fn refused(why: impl ToString) -> Error {
    Error::new(Status::InvalidArg, why.to_string())
}

/// The environment ends, and may not wait for the server's last connections.
impl Drop for Sandbox {
    fn drop(&mut self) {
        let server = std::mem::take(&mut self.server);
        // Without a thread, it is dropped here.
        let _ = std::thread::Builder::new().spawn(move || drop(server));
    }
}
