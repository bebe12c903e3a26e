//! Whatever the peers do: memory stays bounded, bytes go the fastest way that there is, and neither a
//! timer, nor a signal, nor the other direction is held up.

#[path = "../support/mod.rs"]
mod support;

mod descriptors;
mod held_up;
mod memory;
mod movers;
mod path;
mod slow;
mod way;
