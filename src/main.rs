//! The `highwater` program: everything is in the library.
//!
//! # Decisions
//! - mimalloc allocates: an LDAP answer becomes a tree of small vectors before anyone looks at it, and with glibc's
//!   allocator two fifths of reading's CPU went into making and dropping those (`cargo bench --bench reading`).

use std::process::ExitCode;

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    highwater::cli::main(std::env::args_os()).into()
}
