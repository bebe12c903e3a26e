//! The tests of `stdio.rs` without the kernel's short cuts.

#[path = "stdio.rs"]
mod stdio;
