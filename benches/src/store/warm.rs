//! Reads all of a store once, so that the system has it in memory, as it has that of a server which
//! has been running for a while.

use std::{fs::File, io};

use verigator_benches::flows::Failure;

use crate::place::Place;

pub(crate) async fn warm(place: &Place) -> Result<(), Failure> {
    if let Some(file) = place.sqlite() {
        io::copy(&mut File::open(file)?, &mut io::sink())?;
        return Ok(());
    }
    let read = "
        CREATE EXTENSION IF NOT EXISTS pg_prewarm;
        SELECT sum(pg_prewarm(oid, 'read')) FROM pg_class
        WHERE relkind IN ('r', 'i') AND relnamespace = 'public'::regnamespace";
    Ok(place.connect().await?.batch_execute(read).await?)
}
