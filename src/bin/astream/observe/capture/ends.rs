//! The addresses that the packets of a connection have.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use astream::Address;

use super::packet::Way;

/// What stands for the two ends of a Unix socket: addresses that are reserved for documentation (RFC 3849).
const CLIENT: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const SERVER: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);

/// A port that no protocol has, so that none is guessed; those after it are for clients.
const SERVER_PORT: u16 = 49_151;
const CLIENT_PORTS: u16 = u16::MAX - SERVER_PORT;

/// The addresses of both ends, of one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ends {
    client: SocketAddr,
    server: SocketAddr,
}

impl Ends {
    /// An end that has no IP address gets one that is made up, with a port by the number of the connection if it is the
    /// client's.
    pub fn new(client: &Address, server: &Address, number: u32) -> Self {
        let nth = u16::try_from(number % u32::from(CLIENT_PORTS)).unwrap_or_default();
        let client = match client {
            Address::Tcp(address) => *address,
            _ => (CLIENT, SERVER_PORT + 1 + nth).into(),
        };
        let server = match server {
            Address::Tcp(address) => *address,
            _ => (SERVER, SERVER_PORT).into(),
        };
        let (client_ip, server_ip) = match (client.ip().to_canonical(), server.ip().to_canonical()) {
            (IpAddr::V4(client), IpAddr::V6(server)) => (client.to_ipv6_mapped().into(), server.into()),
            (IpAddr::V6(client), IpAddr::V4(server)) => (client.into(), server.to_ipv6_mapped().into()),
            of_one_family => of_one_family,
        };
        Self { client: (client_ip, client.port()).into(), server: (server_ip, server.port()).into() }
    }

    /// The way of what the client sends.
    pub fn client_sends(&self) -> Way {
        Way { from: self.client, to: self.server }
    }

    /// The way of what the server sends.
    pub fn server_sends(&self) -> Way {
        Way { from: self.server, to: self.client }
    }
}

/// Between which ends connections are open. Two at the same time between the same ends would be one to a reader.
#[derive(Default, Clone)]
pub struct Open(Arc<Mutex<HashSet<Ends>>>);

impl Open {
    /// These ends; but if a connection is open between them, the client has another port.
    pub fn take(&self, wanted: Ends) -> Ends {
        let (mut ends, mut open) = (wanted, self.lock());
        for _ in 0..u16::MAX {
            if open.insert(ends) {
                break;
            }
            ends.client.set_port(ends.client.port().checked_add(1).unwrap_or(SERVER_PORT + 1));
        }
        ends
    }

    /// The connection between these ends is closed.
    pub fn free(&self, ends: &Ends) {
        self.lock().remove(ends);
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<Ends>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(client: &str, server: &str) -> Ends {
        let tcp = |text: &str| Address::Tcp(text.parse().unwrap());
        Ends::new(&tcp(client), &tcp(server), 0)
    }

    fn texts(ends: &Ends) -> [String; 2] {
        let Way { from, to } = ends.client_sends();
        assert_eq!(ends.server_sends(), Way { from: to, to: from });
        [from.to_string(), to.to_string()]
    }

    #[test]
    fn both_ends_are_of_one_family() {
        for (client, server, wanted) in [
            ("127.0.0.1:1", "10.0.0.1:2", ["127.0.0.1:1", "10.0.0.1:2"]),
            ("[::1]:1", "[fe80::2%3]:2", ["[::1]:1", "[fe80::2]:2"]),
            ("[::ffff:127.0.0.1]:1", "10.0.0.1:2", ["127.0.0.1:1", "10.0.0.1:2"]),
            ("[::1]:1", "10.0.0.1:2", ["[::1]:1", "[::ffff:10.0.0.1]:2"]),
            ("127.0.0.1:1", "[2001:db8::1]:2", ["[::ffff:127.0.0.1]:1", "[2001:db8::1]:2"]),
        ] {
            assert_eq!(texts(&ends(client, server)), wanted);
        }
    }

    #[test]
    fn a_unix_socket_has_addresses_that_are_made_up() {
        let (client, server) = (Address::Unix(None), Address::Unix(Some("/a".into())));
        for (number, port) in [(3, 49_155), (16_383, 65_535), (16_384, 49_152)] {
            let ends = Ends::new(&client, &server, number);
            assert_eq!(texts(&ends), [format!("[2001:db8::1]:{port}"), "[2001:db8::2]:49151".to_owned()]);
        }
    }

    #[test]
    fn a_client_has_another_port_while_a_connection_is_open_between_the_same_ends() {
        let (open, wanted) = (Open::default(), ends("[::1]:65534", "[::1]:1"));
        let taken = [(); 3].map(|()| open.take(wanted));
        assert_eq!(taken.map(|ends| ends.client.port()), [65_534, 65_535, 49_152]);
        assert!(taken.iter().all(|ends| ends.server == wanted.server));
        open.free(&taken[1]);
        assert_eq!(open.take(wanted), taken[1]);
        for ends in &taken {
            open.free(ends);
        }
        assert_eq!(open.take(wanted), wanted);
    }
}
