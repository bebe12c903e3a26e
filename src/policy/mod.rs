//! Time limits.

mod backoff;
mod deadline;
mod idle;
mod moved;

pub(crate) use backoff::{Backoff, LONGEST};
pub(crate) use deadline::{Deadline, within};
pub(crate) use idle::{IdleClock, Wait};
pub(crate) use moved::Moved;
