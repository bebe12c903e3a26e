//! Limits as values.

mod idle;

pub(crate) use idle::IdleClock;
