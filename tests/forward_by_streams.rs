//! The tests of `forward.rs` without the kernel's short cuts.

#[path = "forward.rs"]
mod forward;
