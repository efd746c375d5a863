//! How PINs come to those who wait for them: what a phone is to a user.

use std::{cell::RefCell, collections::HashMap, net::SocketAddr, path::PathBuf, rc::Rc};

use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::{TcpListener, unix::pipe},
    sync::oneshot,
};

use verigator_benches::flows::Failure;

use crate::gateway;

/// Which way a server's PINs come.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Way {
    /// None comes: this one is always right.
    Fixed(String),
    /// A named pipe that is the standard output of a server with `--deliver console`.
    Console(PathBuf),
    /// They are sent to a gateway at this address, which is this program.
    Gateway(SocketAddr),
}

/// PINs on their way.
pub(crate) enum Pins {
    Fixed(String),
    Arriving(Rc<Waiting>),
}

/// Who waits for a PIN, by phone number.
#[derive(Default)]
pub(crate) struct Waiting(RefCell<HashMap<String, oneshot::Sender<String>>>);

/// A PIN that is to come.
pub(crate) enum Coming {
    Here(String),
    Later(oneshot::Receiver<String>),
}

impl Pins {
    pub(crate) async fn coming(way: Way) -> Result<Self, Failure> {
        let waiting = Rc::<Waiting>::default();
        match way {
            Way::Fixed(pin) => return Ok(Self::Fixed(pin)),
            Way::Console(pipe) => {
                let reading = BufReader::new(pipe::OpenOptions::new().open_receiver(pipe)?);
                tokio::task::spawn_local(read(reading, Rc::clone(&waiting)));
            }
            Way::Gateway(address) => {
                let listener = TcpListener::bind(address).await?;
                tokio::task::spawn_local(gateway::serve(listener, Rc::clone(&waiting)));
            }
        }
        Ok(Self::Arriving(waiting))
    }

    /// The next PIN to this number; asked for before it is sent.
    pub(crate) fn next(&self, phone: &str) -> Coming {
        match self {
            Self::Fixed(pin) => Coming::Here(pin.clone()),
            Self::Arriving(waiting) => {
                let (sender, receiver) = oneshot::channel();
                waiting.0.borrow_mut().insert(phone.to_owned(), sender);
                Coming::Later(receiver)
            }
        }
    }
}

impl Coming {
    pub(crate) async fn pin(self) -> Result<String, Failure> {
        match self {
            Self::Here(pin) => Ok(pin),
            Self::Later(pin) => Ok(pin.await?),
        }
    }
}

impl Waiting {
    /// A message has come: its first word is the PIN.
    pub(crate) fn receive(&self, phone: &str, text: &str) {
        let pin = text.split_whitespace().next();
        if let (Some(waiting), Some(pin)) = (self.0.borrow_mut().remove(phone), pin) {
            // Whoever waited is gone when another flow failed, which ends the program anyway.
            let _ = waiting.send(pin.to_owned());
        }
    }
}

/// Reads `<time> <number>: <text>`, and passes over what else a server prints.
async fn read(mut pipe: BufReader<pipe::Receiver>, waiting: Rc<Waiting>) {
    let mut line = String::new();
    while pipe.read_line(&mut line).await.is_ok_and(|bytes| bytes > 0) {
        let message = line
            .split_once(' ')
            .and_then(|(_, rest)| rest.split_once(": "));
        if let Some((phone, text)) = message {
            waiting.receive(phone, text);
        }
        line.clear();
    }
}
