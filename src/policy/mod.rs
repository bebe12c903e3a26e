//! Limits of time, and of rate.

mod backoff;
mod deadline;
mod idle;
mod moved;
mod rate;
mod turn;

pub(crate) use backoff::{Backoff, LONGEST};
pub(crate) use deadline::{Deadline, within};
pub(crate) use idle::{IdleClock, Wait};
pub(crate) use moved::Moved;
pub(crate) use rate::Bucket;
pub(crate) use turn::{charge, without_giving_way};
