//! The program `verigator`. What it does is in the library; this starts it.
#![forbid(unsafe_code)]

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
