//! A login with a second factor, from the first sign-up to the open door.
//!
//! Reads `VERIGATOR_ENDPOINT`, `VERIGATOR_USERNAME` and `VERIGATOR_PASSWORD`, and wants a sandbox
//! there: `verigator sandbox`. What a person does with a phone is in person.rs.
#![allow(clippy::print_stdout, reason = "an example shows what happens")]

mod person;

use std::error::Error;

use verigator::blocking::Api;
use verigator::{Method, Service, User};

use crate::person::Person;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result {
    let api = Api::from_env()?;
    let mut person = Person::new("+372 5333 3333");
    let service = api.services.create("rust.example.com", "Rust shop")?;
    let user = api
        .users
        .create(&service.id, person.number(), "john.doe@example.com")?;
    log_in_by_sms(&api, &service, &user, &person)?;
    add_authenticator(&api, &service, &user, &mut person)?;
    log_in_by_authenticator(&api, &service, &user, &person)
}

fn log_in_by_sms(api: &Api, service: &Service, user: &User, person: &Person) -> Result {
    let method = api.auth.initiate(&service.id, &user.id, Method::Sms)?;
    expect(method == Method::Sms, "an SMS went out")?;
    let pin = person.reads_the_message()?;

    let wrong = Person::mistypes(&pin);
    expect(
        !api.auth.verify(&service.id, &user.id, &wrong)?,
        "a wrong PIN is refused",
    )?;
    expect(
        api.auth.verify(&service.id, &user.id, &pin)?,
        "the right PIN is accepted",
    )
}

fn add_authenticator(api: &Api, service: &Service, user: &User, person: &mut Person) -> Result {
    let enrolment = api.totp.enrol(&service.id, &user.id)?;
    // Your page shows enrolment.qr; the app on the phone keeps the secret that is in it.
    person.scans(&enrolment.secret)?;
    let code = person.reads_the_code()?;
    expect(
        api.totp.confirm(&service.id, &user.id, &code)?,
        "an authenticator is set up",
    )
}

fn log_in_by_authenticator(api: &Api, service: &Service, user: &User, person: &Person) -> Result {
    let method = api.auth.initiate(&service.id, &user.id, Method::Totp)?;
    expect(
        method == Method::Totp,
        "the authenticator is asked, no SMS goes out",
    )?;
    // Each code is taken once, and the one on the screen has just been used.
    let code = person.waits_for_the_next_code()?;

    let wrong = Person::mistypes(&code);
    expect(
        !api.auth.verify(&service.id, &user.id, &wrong)?,
        "a wrong code is refused",
    )?;
    expect(
        api.auth.verify(&service.id, &user.id, &code)?,
        "the right code is accepted",
    )
}

fn expect(happened: bool, what: &str) -> Result {
    if !happened {
        return Err(format!("FAILED: {what}").into());
    }
    println!("  {what}");
    Ok(())
}
