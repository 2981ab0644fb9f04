//! The `highwater` program: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    highwater::cli::main(std::env::args_os()).into()
}
