//! Tests against real peers: placeholder.
fn main() {}
