//! `bench-client NAME URL`: one client in Rust, making the measured call.
#![forbid(unsafe_code)]

mod hyper;
mod reqwest;
mod verigator;

use std::error::Error;

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, url] = arguments.as_slice() else {
        return Err("usage: bench-client NAME URL".into());
    };
    match name.as_str() {
        "verigator" => verigator::awaited(url),
        "verigator-blocking" => verigator::blocking(url),
        "hyper" => hyper::awaited(url),
        "hyper-blocking" => hyper::blocking(url),
        "reqwest" => reqwest::awaited(url),
        "reqwest-blocking" => reqwest::blocking(url),
        _ => Err(format!("no client {name}").into()),
    }
}
