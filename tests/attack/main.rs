//! TLS under attack: a peer that violates it is reported and closed, and harms no other.

#[path = "../support/mod.rs"]
mod support;

mod clients;
mod hello;
mod sealed;
mod servers;
mod sessions;
mod victim;
