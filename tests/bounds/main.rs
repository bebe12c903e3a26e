//! Whatever the peers do, memory stays bounded, bytes are moved in the fastest way that there is, and neither
//! a timer, nor a signal, nor the other direction is delayed.

#[path = "../support/mod.rs"]
mod support;

mod descriptors;
mod held_up;
mod memory;
mod movers;
mod path;
mod slow;
mod way;
