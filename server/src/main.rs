//! The program `verigator`. What it does is in the library; this starts it.
#![forbid(unsafe_code)]

mod cli;

/// Requests make many small allocations on all threads, which costs a tenth of all time with the
/// system's allocator; and that keeps what Argon2 gave back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cli::main()
}
