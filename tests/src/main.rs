//! `verigator-peer`: the other side of the contract tests as a program, for runners in other
//! languages. Prints where everything is as one line of JSON, and ends with its standard input.
#![forbid(unsafe_code)]

use std::{
    error::Error,
    io::{self, Write},
    path::PathBuf,
};

use serde_json::{Value, json};
use verigator_server::sandbox::Sandbox;
use verigator_tests::{faults::Services, peer::Peer, servers, vector};

fn main() -> Result<(), Box<dyn Error>> {
    let cases = match std::env::args_os().nth(1) {
        Some(folder) => vector::load(&PathBuf::from(folder))?,
        None => vector::load_all()?,
    };
    let peer = Peer::start(&cases)?;
    let documents = servers::documents().start_blocking()?;
    let old_clients = servers::old_clients().start_blocking()?;
    let faults = Services::start()?;
    let mut places = json!({
        "url": peer.url(),
        "closed_url": peer.closed_url(),
        "documents": place(&documents),
        "old_clients": place(&old_clients),
    });
    if let (Some(places), Value::Object(more)) = (places.as_object_mut(), faults.places()) {
        places.extend(more);
    }
    let mut out = io::stdout().lock();
    writeln!(out, "{places}")?;
    out.flush()?;
    io::copy(&mut io::stdin().lock(), &mut io::sink())?;
    Ok(())
}

/// The account is the sandbox's well-known one, the same in every sandbox.
fn place(sandbox: &Sandbox) -> Value {
    json!({"url": sandbox.url(), "username": sandbox.username(), "password": sandbox.password()})
}
