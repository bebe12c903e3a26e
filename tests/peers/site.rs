//! A place that speaks TLS: a certificate for localhost, in one version of the protocol or the other.

use std::path::PathBuf;

use crate::support::certs::{Authority, Issued, arg, authority};
use crate::support::{Program, astream};

/// A certificate for localhost and the authority that we trust for it.
pub struct Site {
    pub authority: Authority,
    pub issued: Issued,
}

pub fn site() -> Site {
    let authority = authority();
    let issued = authority.localhost();
    Site { authority, issued }
}

impl Site {
    /// Us as a client of this place.
    pub fn connect(&self, port: &str) -> Program {
        astream(["connect", "-v", "--tls", "--cacert", self.ca(), "localhost", port])
    }

    /// Us as its server.
    pub fn listen(&self) -> Program {
        astream(["listen", "-v", "--tls", "--cert", self.cert(), "--key", self.key(), "127.0.0.1", "0"])
    }

    pub fn ca(&self) -> &str {
        arg(&self.authority.ca)
    }

    pub fn cert(&self) -> &str {
        arg(&self.issued.cert)
    }

    pub fn key(&self) -> &str {
        arg(&self.issued.key)
    }

    /// Makes a program on OpenSSL speak no other version, where it has no option for that.
    pub fn capped(&self, program: Program, version: Version) -> Program {
        let file: PathBuf = self.authority.folder().join(format!("{}.cnf", version.name()));
        let version = version.name();
        let text = format!(
            "openssl_conf = init\n[init]\nssl_conf = ssl\n[ssl]\nsystem_default = only\n\
             [only]\nMinProtocol = {version}\nMaxProtocol = {version}\n"
        );
        std::fs::write(&file, text).unwrap();
        program.env("OPENSSL_CONF", file)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    Tls12,
    Tls13,
}

/// Both, for a test that holds in each.
pub const VERSIONS: [Version; 2] = [Version::Tls12, Version::Tls13];

impl Version {
    /// As OpenSSL writes it, and as we do with -v.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tls12 => "TLSv1.2",
            Self::Tls13 => "TLSv1.3",
        }
    }

    /// Fails unless this is the version that we reported.
    #[track_caller]
    pub fn was_spoken(self, stderr: &str) {
        assert!(stderr.contains(&format!("{} with ", self.name())), "not {self:?}:\n{stderr}");
    }
}
