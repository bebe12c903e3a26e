//! What the comments of the first packet of a connection say.

use astream::{Address, Certificate, Opened, TlsInfo};

use crate::report::printable;

/// Each is a comment of its own.
pub fn facts(opened: &Opened<'_>, is_changed: bool) -> Vec<String> {
    let number = opened.number.map(|number| {
        if opened.is_accepted { format!("client {number}") } else { format!("for client {number}") }
    });
    let comments = [
        number,
        addresses(opened),
        is_changed.then(|| {
            "the client has another port here, because a connection is open between the same ends".to_owned()
        }),
        opened.proxy.map(|proxy| format!("through {proxy}")),
        opened.tls.map(|tls| format!("the plain text of {}", agreed(tls))),
        opened.tls.and_then(|tls| tls.peer_certificates.first()).map(certificate),
    ];
    comments.into_iter().flatten().map(|comment| printable(&comment)).collect()
}

/// The addresses of ends that have none of IP.
fn addresses(opened: &Opened<'_>) -> Option<String> {
    let Opened { local, peer, .. } = *opened;
    let has_ip = |address: &Address| matches!(address, Address::Tcp(_));
    let (client, server) = if opened.is_accepted { (peer, local) } else { (local, peer) };
    (!has_ip(client) || !has_ip(server))
        .then(|| format!("from {client} to {server}; IP addresses and ports are made up"))
}

fn agreed(tls: &TlsInfo) -> String {
    let mut agreed = tls.to_string();
    for (what, value) in [(", server name ", &tls.server_name), (", not verified: ", &tls.unverified)] {
        if let Some(value) = value {
            agreed = agreed + what + value;
        }
    }
    agreed
}

fn certificate(certificate: &Certificate) -> String {
    let pin = certificate.pin().map_or_else(String::new, |pin| format!(", pin {pin}"));
    format!("the certificate of the peer: {}{pin}", certificate.subject())
}
