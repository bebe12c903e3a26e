//! The command with which a client connects to a listener whose key it can only know by its pin.

use std::net::SocketAddr;

use astream::{Address, Endpoint, Pin};

use crate::cli::{ServerTls, shell};

/// What to paste on the other side.
pub fn command(addresses: &[Address], tls: &ServerTls, pin: Pin) -> String {
    let mut words = vec!["astream".to_owned(), "connect".to_owned()];
    words.extend(addresses.first().map_or_else(Vec::new, target));
    words.push("--tls".to_owned());
    words.extend(tls.needed_of_clients());
    words.extend(["--pin".to_owned(), pin.to_string()]);
    words.iter().map(|word| shell(word)).collect::<Vec<_>>().join(" ")
}

/// The address as a client writes it: where all addresses are listened on, the name of this machine.
fn target(address: &Address) -> Vec<String> {
    let Address::Tcp(address) = address else { return vec![address.to_string()] };
    let host = if address.ip().is_unspecified() { machine() } else { host(address) };
    vec![host, address.port().to_string()]
}

fn host(address: &SocketAddr) -> String {
    match address {
        SocketAddr::V6(v6) if v6.scope_id() != 0 => format!("{}%{}", v6.ip(), v6.scope_id()),
        other => other.ip().to_string(),
    }
}

/// The name of this machine, if it is one that can be connected to.
fn machine() -> String {
    let system = rustix::system::uname();
    let name = system.nodename().to_str().unwrap_or_default();
    let is_host = !name.starts_with('-') && Endpoint::tcp(name, "1").is_ok();
    if is_host { name.to_owned() } else { "HOST".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_written_as_a_client_writes_it() {
        let written = |text: &str| target(&Address::Tcp(text.parse().unwrap())).join(" ");
        assert_eq!(written("127.0.0.1:9"), "127.0.0.1 9");
        assert_eq!(written("[::1]:9"), "::1 9");
        assert_eq!(written("[fe80::1%3]:9"), "fe80::1%3 9");
        assert_eq!(written("0.0.0.0:9"), format!("{} 9", machine()));
        assert_eq!(target(&Address::Unix(Some("/a".into()))), ["unix:/a"]);
    }
}
