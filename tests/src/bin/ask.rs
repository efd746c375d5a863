//! `verigator-ask`: asks for a service that does not exist, in a process of its own, so that a test
//! can say what the environment holds. Succeeds when the server answered that there is none.
//!
//! `environment` takes the client's options from the environment; `builder` takes only the endpoint
//! from there, as the builder's option.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "what it shows is searched for secrets")]

use std::{env, error::Error, process::ExitCode};

use verigator::{Api, ApiBuilder, ErrorKind};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let builder = match env::args().nth(1).as_deref() {
        Some("environment") => ApiBuilder::new().fill_from_env()?,
        Some("builder") => Api::builder("test", "test").endpoint(env::var("VERIGATOR_ENDPOINT")?),
        _ => return Err("say whom to ask: environment or builder".into()),
    };
    let builder = builder.allow_insecure_http(true).max_retries(0);
    println!("{builder:?}");
    // No proxy of the environment is used for this machine's own loopback.
    let near = env::var("NEAR").ok();
    let asked = [
        near.map(|near| builder.clone().endpoint(near)),
        Some(builder),
    ];
    for builder in asked.into_iter().flatten() {
        let answer = builder.build()?.services.get("none").await;
        println!("{answer:?}");
        if answer.err().map(|error| error.kind()) != Some(ErrorKind::NoSuchResource) {
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}
