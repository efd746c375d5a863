//! What the programs of the benchmarks share. Each is one contender or one peer; `benches/bench.py`
//! starts them and decides what they do.
#![forbid(unsafe_code)]

pub mod call;
pub mod flows;
pub mod keys;
pub mod processes;
pub mod serving;
