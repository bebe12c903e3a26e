//! The certificates that a server shows.

use astream::{Error, Timestamp};

use crate::cli::{Listen, Own};
use crate::report;

/// Those that are in files, if there are any.
pub struct Shown {
    pub to_clients: Option<Own>,
    pub to_targets: Option<Own>,
}

impl Shown {
    pub fn read(args: &Listen) -> Result<Self, Error> {
        Ok(Self { to_clients: args.tls.own()?, to_targets: args.forward.own()? })
    }

    /// Until when clients accept what they are shown.
    pub fn not_after(&self) -> Option<Timestamp> {
        self.to_clients.as_ref()?.identity.certificate().not_after()
    }

    /// Reports what those refuse that verify it.
    pub fn warn(&self) {
        self.to_clients.iter().for_each(report::refused_by_clients);
        self.to_targets.iter().for_each(report::refused_by_servers);
    }
}
