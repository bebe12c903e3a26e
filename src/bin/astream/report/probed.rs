//! The report of a port.

use astream::{Error, Probed};

use super::exit::status;
use super::hint::hint;

/// What was found at a port, and whether that is sufficient.
pub struct Checked {
    pub probed: Probed,
    /// What is wrong with certificates that TLS itself accepts.
    pub flaw: Option<String>,
}

impl Checked {
    pub fn status(&self) -> u8 {
        match (&self.flaw, &self.probed.error) {
            (Some(_), _) => 6,
            (None, error) => error.as_ref().map_or(0, status),
        }
    }

    /// What is wrong, if anything is.
    pub fn message(&self) -> Option<String> {
        match &self.flaw {
            Some(flaw) => Some(format!("TLS with {}: {flaw}", self.probed.endpoint)),
            None => self.probed.error.as_ref().map(Error::to_string),
        }
    }

    pub fn hint(&self) -> Option<String> {
        self.probed.error.as_ref().and_then(hint)
    }
}
