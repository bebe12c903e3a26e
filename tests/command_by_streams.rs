//! The tests of `command.rs` without the kernel's short cuts: with pipes in place of the socket.

#[path = "command.rs"]
mod command;
