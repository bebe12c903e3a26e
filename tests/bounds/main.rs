//! Whatever the peers do: a server that has run out of descriptors rests, and goes on.

#[path = "../support/mod.rs"]
mod support;

mod descriptors;
