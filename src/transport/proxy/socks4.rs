//! SOCKS4 and `SOCKS4a`: IPv4 addresses, and with the latter names, which the proxy looks up.
//!
//! There is no RFC; the two notes that describe them are "SOCKS: A protocol for TCP proxy across firewalls" and
//! "SOCKS 4A: A Simple Extension to SOCKS 4 Protocol", by Ying-Da Lee.

use std::net::IpAddr;

use super::target::{Host, Target};
use super::{Proxy, other_protocol};
use crate::error::{Error, ProxyFault};
use crate::transport::dialogue::{Dialogue, Reply};

const VERSION: u8 = 4;
const CONNECT: u8 = 1;

/// What an answer begins with.
const ANSWER: u8 = 0;
const GRANTED: u8 = 90;
const LENGTH: usize = 8;

/// An address that says that a name follows.
const NAME_FOLLOWS: [u8; 4] = [0, 0, 0, 1];

pub(super) async fn ask(dialogue: &mut Dialogue, proxy: &Proxy, target: &Target) -> Result<(), Error> {
    let user = proxy.login.as_ref().map_or("", |login| &login.user);
    let answer = dialogue.turn(&request(target, user), "its answer", answer).await?;
    let why = match answer[1] {
        GRANTED => return Ok(()),
        91 => "rejected or failed",
        92 => "it demands that this machine answers by the IDENT protocol",
        _ => "it demands another user than the one it was given",
    };
    Err(proxy.error(ProxyFault::Refused, &format!("it did not connect to {target}: {why}")))
}

fn request(target: &Target, user: &str) -> Vec<u8> {
    let ip = match target.host {
        Host::Ip(IpAddr::V4(ip)) => ip.octets(),
        // A target has no IPv6 address here.
        Host::Ip(IpAddr::V6(_)) | Host::Name(_) => NAME_FOLLOWS,
    };
    let mut request = vec![VERSION, CONNECT];
    request.extend(target.port.to_be_bytes());
    request.extend(ip);
    request.extend(user.as_bytes());
    request.push(0);
    if let Host::Name(name) = &target.host {
        request.extend(name.as_bytes());
        request.push(0);
    }
    request
}

/// Of a refusal the beginning is enough.
pub(super) fn answer(received: &[u8]) -> Reply {
    match received {
        [] | [ANSWER] => Reply::More,
        [ANSWER, GRANTED, ..] if received.len() < LENGTH => Reply::More,
        [ANSWER, GRANTED, ..] => Reply::Done(LENGTH),
        [ANSWER, 91..=93, ..] => Reply::Done(2),
        other => Reply::No(other_protocol("SOCKS4", other)),
    }
}
