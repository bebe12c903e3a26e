//! TLS: what it trusts, where its streams end, and `start_tls`.

#[path = "../streams_support/mod.rs"]
mod streams_support;

mod authority;
mod memory;
mod records;
mod sockets;
mod trust;
mod upgrade;
