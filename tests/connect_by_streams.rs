//! The tests of `connect.rs` without the kernel's short cuts.

#[path = "connect.rs"]
mod connect;
