//! What a command can read about its connection: UCSPI's variables, and under TLS those of `mod_ssl`.

use std::ffi::OsString;
use std::net::SocketAddr;

use crate::datagram::Datagrams;
use crate::endpoint::Address;
use crate::stream::StreamReader;
use crate::transport::tls::TlsInfo;

/// Every variable that a connection may set: none of them is inherited.
const NAMES: &[&str] = &[
    "PROTO",
    "TCPREMOTEIP",
    "TCPREMOTEPORT",
    "TCPREMOTEHOST",
    "TCPREMOTEINFO",
    "TCPLOCALIP",
    "TCPLOCALPORT",
    "TCPLOCALHOST",
    "UNIXREMOTEPATH",
    "UNIXREMOTEPID",
    "UNIXREMOTEEUID",
    "UNIXREMOTEEGID",
    "UNIXLOCALPATH",
    "UDPREMOTEIP",
    "UDPREMOTEPORT",
    "UDPLOCALIP",
    "UDPLOCALPORT",
    "SSL_PROTOCOL",
    "SSL_CIPHER",
    "SSL_TLS_SNI",
    "SSL_ALPN",
    "SSL_CLIENT_S_DN",
    "SSL_CLIENT_PIN",
];

/// The variables of the two addresses, the peer's first.
const TCP: [[&str; 2]; 2] = [["TCPREMOTEIP", "TCPREMOTEPORT"], ["TCPLOCALIP", "TCPLOCALPORT"]];
const UDP: [[&str; 2]; 2] = [["UDPREMOTEIP", "UDPREMOTEPORT"], ["UDPLOCALIP", "UDPLOCALPORT"]];

/// What systemd gave to this process alone.
const OURS: &[&str] = &["LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PID", "LISTEN_PIDFDID", "NOTIFY_SOCKET"];

/// The variables of one connection.
pub(super) struct Environment(Vec<(&'static str, OsString)>);

impl Environment {
    pub(super) fn of(reader: &StreamReader) -> Self {
        let mut variables = Self::between("TCP", reader.peer_addr(), reader.local_addr());
        if let Some(peer) = reader.peer_credentials() {
            variables.set("UNIXREMOTEEUID", peer.uid.to_string());
            variables.set("UNIXREMOTEEGID", peer.gid.to_string());
            if let Some(pid) = peer.pid {
                variables.set("UNIXREMOTEPID", pid.to_string());
            }
        }
        if let Some(tls) = reader.tls() {
            variables.tls(tls);
        }
        variables
    }

    pub(super) fn of_session(session: &Datagrams) -> Self {
        Self::between("UDP", &session.peer_addr(), &session.local_addr())
    }

    /// The addresses of a connection, whose protocol is this one if they are IP addresses.
    fn between(protocol: &str, peer: &Address, local: &Address) -> Self {
        let mut variables = Self(Vec::new());
        match (peer, local) {
            (&Address::Tcp(peer), &Address::Tcp(local)) => {
                variables.set("PROTO", protocol);
                let [remote_names, local_names] = if protocol == "UDP" { UDP } else { TCP };
                variables.ip(remote_names, peer);
                variables.ip(local_names, local);
            }
            (Address::Unix(peer), Address::Unix(local)) => {
                variables.set("PROTO", "UNIX");
                for (name, path) in [("UNIXREMOTEPATH", peer), ("UNIXLOCALPATH", local)] {
                    if let Some(path) = path {
                        variables.set(name, path);
                    }
                }
            }
            _ => {}
        }
        variables
    }

    fn set(&mut self, name: &'static str, value: impl Into<OsString>) {
        self.0.push((name, value.into()));
    }

    /// An IPv4 client of a socket for both families is one of IPv4.
    fn ip(&mut self, [ip, port]: [&'static str; 2], address: SocketAddr) {
        self.set(ip, address.ip().to_canonical().to_string());
        self.set(port, address.port().to_string());
    }

    fn tls(&mut self, tls: &TlsInfo) {
        self.set("SSL_PROTOCOL", &tls.version);
        self.set("SSL_CIPHER", &tls.cipher);
        if let Some(name) = &tls.server_name {
            self.set("SSL_TLS_SNI", name);
        }
        if let Some(alpn) = &tls.alpn {
            self.set("SSL_ALPN", alpn);
        }
        if let Some(client) = tls.peer_certificates.first() {
            self.set("SSL_CLIENT_S_DN", client.subject());
            if let Some(pin) = client.pin() {
                self.set("SSL_CLIENT_PIN", pin.to_string());
            }
        }
    }

    pub(super) fn apply(&self, command: &mut std::process::Command) {
        for name in NAMES.iter().chain(OURS) {
            command.env_remove(name);
        }
        command.envs(self.0.iter().map(|(name, value)| (name, value)));
    }
}
