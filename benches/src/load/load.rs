//! The flows of some users, over some connections.

use std::{cell::Cell, net::SocketAddr, time::Instant};

use futures_util::future::try_join_all;
use verigator_benches::flows::{Asked, Clock, Failure, Figures, Times};

use crate::{connection::Connection, dialect::Dialect, pins::Pins, users::User};

pub(crate) struct Load {
    address: SocketAddr,
    dialect: Dialect,
    pins: Pins,
    users: Vec<User>,
    processes: Vec<u32>,
    /// How many flows were begun. Users take turns, so that nobody is asked twice in a moment.
    begun: Cell<usize>,
}

impl Load {
    pub(crate) fn new(
        address: SocketAddr,
        dialect: Dialect,
        pins: Pins,
        users: Vec<User>,
        processes: Vec<u32>,
    ) -> Self {
        Self {
            address,
            dialect,
            pins,
            users,
            processes,
            begun: Cell::default(),
        }
    }

    /// Runs so many flows. Connections are opened before the time begins.
    pub(crate) async fn run(&self, asked: Asked) -> Result<Figures, Failure> {
        let opening = (0..asked.at_once).map(|_| Connection::open(self.address));
        let connections = try_join_all(opening).await?;
        let left = Cell::new(asked.calls);
        let clock = Clock::start(&self.processes)?;
        let running = connections
            .into_iter()
            .map(|connection| self.flows(connection, &left));
        let mut times = Times::new()?;
        for its in try_join_all(running).await? {
            times.add(&its)?;
        }
        clock.stop(&times)
    }

    /// One flow after another, until none is left.
    async fn flows(&self, mut connection: Connection, left: &Cell<u64>) -> Result<Times, Failure> {
        let mut times = Times::new()?;
        while let Some(fewer) = left.get().checked_sub(1) {
            left.set(fewer);
            self.flow(&mut connection, &mut times).await?;
        }
        Ok(times)
    }

    async fn flow(&self, connection: &mut Connection, times: &mut Times) -> Result<(), Failure> {
        let place = self.begun.get();
        self.begun.set(place + 1);
        let user = self.users.get(place % self.users.len().max(1));
        let user = user.ok_or("there are no users")?;
        let begun = Instant::now();
        let coming = self.pins.next(&user.phone);
        let answer = connection.send(self.dialect.start(user)?).await?;
        let transaction = self.dialect.started(&answer)?;
        times.started(begun)?;
        let pin = coming.pin().await?;
        let checking = Instant::now();
        let check = self.dialect.check(user, &pin, transaction.as_deref())?;
        self.dialect.verified(&connection.send(check).await?)?;
        times.verified(begun, checking)
    }
}
