//! `astream listen --forward` with TLS on either side, both, or none: how each conversation can end.

#[path = "../support/mod.rs"]
mod support;

mod ends;
mod failures;
mod pairs;
mod targets;
