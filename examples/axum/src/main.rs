//! Serves the site on port 3000 of this machine, or `PORT`. Reads `LOGIN_SERVICE`, and what the client reads.

use std::{env, error::Error};

use phone_login::app;
use tokio::net::TcpListener;
use verigator::Api;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let site = app(Api::from_env()?, env::var("LOGIN_SERVICE")?, false);
    let port = env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    axum::serve(listener, site).await?;
    Ok(())
}
