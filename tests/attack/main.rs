//! TLS under attack: whoever speaks it wrongly is told, closed, and harms nobody else.

#[path = "../support/mod.rs"]
mod support;

mod clients;
mod hello;
mod sealed;
mod servers;
mod sessions;
mod victim;
