//! The tests of `tls_program.rs` without the kernel's short cuts.

#[path = "tls_program.rs"]
mod tls_program;
