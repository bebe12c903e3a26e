//! Time limits.

mod deadline;
mod idle;

pub(crate) use deadline::{Deadline, within};
pub(crate) use idle::{IdleClock, Wait};
