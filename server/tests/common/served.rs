//! A whole server over any store, in the test's own runtime, and the phone of its users.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use verigator_server::{
    app::App,
    clock::{Clock, MovableClock},
    config::Rules,
    delivery::{Deliver, DeliveryError, Message},
    engine::{keys::Keys, totp::TotpSecret},
    store::Store,
};

use super::{Client, parts, serve_app};

/// Half a byte of the server's key, as it is written down.
pub(crate) const KEY: &str = "ab";

/// The server's keys.
pub(crate) fn keys() -> Keys {
    Keys::parse(&KEY.repeat(32)).unwrap()
}

/// Keeps the last PIN that was sent.
#[derive(Default)]
pub(crate) struct Phone(Mutex<String>);

impl Phone {
    pub(crate) fn last_pin(&self) -> String {
        self.0.lock().unwrap().clone()
    }
}

#[async_trait]
impl Deliver for Phone {
    fn provider(&self) -> &'static str {
        "phone"
    }

    async fn deliver(&self, message: &Message) -> Result<(), DeliveryError> {
        message.pin.expose().clone_into(&mut self.0.lock().unwrap());
        Ok(())
    }
}

/// A server that runs as long as the test.
pub(crate) struct Served {
    pub(crate) client: Client,
    pub(crate) phone: Arc<Phone>,
    pub(crate) clock: Arc<MovableClock>,
    app: Arc<App>,
}

impl Served {
    pub(crate) async fn start(store: &Arc<dyn Store>, rules: Rules) -> Self {
        let (phone, clock) = (Arc::<Phone>::default(), Arc::<MovableClock>::default());
        let mut parts = parts(Arc::clone(store), Arc::clone(&phone) as _);
        parts.clock = Arc::clone(&clock) as _;
        parts.key = keys().mac_key();
        parts.rules = rules;
        let app = App::new(parts).unwrap();
        let client = Client::to(&serve_app(Arc::clone(&app)).await);
        Self {
            client,
            phone,
            clock,
            app,
        }
    }

    /// Adds an account.
    pub(crate) async fn account(&self, name: &str, password: &str) {
        let (accounts, now) = (&self.app.accounts, self.clock.now());
        accounts.create(name, password, now).await.unwrap();
    }

    /// The code that an authenticator with this secret shows.
    pub(crate) fn code(&self, secret: &str) -> String {
        let secret = TotpSecret::from_base32(secret).unwrap();
        secret.code_at(self.clock.now())
    }
}
