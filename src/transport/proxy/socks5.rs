//! SOCKS5 (RFC 1928), with a user and a secret (RFC 1929). The proxy looks names up.

use std::net::IpAddr;

use super::login::Login;
use super::target::{Host, Target};
use super::{Proxy, other_protocol};
use crate::error::{Error, ProxyFault};
use crate::transport::dialogue::{Dialogue, Reply};

const VERSION: u8 = 5;

/// Ways of authentication (RFC 1928, 3).
const NONE: u8 = 0;
const PASSWORD: u8 = 2;
const NO_ACCEPTABLE: u8 = 0xff;

/// Kinds of addresses (RFC 1928, 5).
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// The version of the exchange of a user and a secret (RFC 1929, 2).
const PASSWORD_VERSION: u8 = 1;

pub(super) async fn ask(dialogue: &mut Dialogue, proxy: &Proxy, target: &Target) -> Result<(), Error> {
    let offer = if proxy.login.is_some() { &[VERSION, 2, NONE, PASSWORD][..] } else { &[VERSION, 1, NONE] };
    let chosen = dialogue.turn(offer, "its choice of authentication", choice).await?;
    match (chosen[1], &proxy.login) {
        (NONE, _) => {}
        (PASSWORD, Some(login)) => authenticate(dialogue, proxy, login).await?,
        (PASSWORD | NO_ACCEPTABLE, None) => {
            return Err(proxy.error(ProxyFault::LoginMissing, "it demands a user and a secret"));
        }
        (NO_ACCEPTABLE, Some(_)) => {
            let reason = "it demands authentication other than by a user and a secret";
            return Err(proxy.error(ProxyFault::LoginUnsupported, reason));
        }
        (other, _) => {
            let reason = format!("it chose authentication {other}, which was not offered");
            return Err(proxy.error(ProxyFault::Protocol, &reason));
        }
    }
    let answer = dialogue.turn(&request(target), "its answer", answer).await?;
    match answer[1] {
        0 => Ok(()),
        code => {
            let reason = format!("it did not connect to {target}: {}", failure(code));
            Err(proxy.error(ProxyFault::Refused, &reason))
        }
    }
}

async fn authenticate(
    dialogue: &mut Dialogue,
    proxy: &Proxy,
    Login { user, secret }: &Login,
) -> Result<(), Error> {
    let mut login = vec![PASSWORD_VERSION];
    for text in [user, secret] {
        // They were checked to be short enough.
        login.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
        login.extend(text.as_bytes());
    }
    let verdict = dialogue.turn(&login, "its answer to the user and the secret", verdict).await?;
    match verdict[1] {
        0 => Ok(()),
        _ => Err(proxy.error(ProxyFault::LoginRejected, "it rejects the user or the secret")),
    }
}

/// A request to connect (RFC 1928, 4).
fn request(target: &Target) -> Vec<u8> {
    let mut request = vec![VERSION, 1, 0];
    match &target.host {
        Host::Ip(IpAddr::V4(ip)) => {
            request.push(IPV4);
            request.extend(ip.octets());
        }
        Host::Ip(IpAddr::V6(ip)) => {
            request.push(IPV6);
            request.extend(ip.octets());
        }
        Host::Name(name) => {
            // It was checked to be short enough.
            request.extend([NAME, u8::try_from(name.len()).unwrap_or(u8::MAX)]);
            request.extend(name.as_bytes());
        }
    }
    request.extend(target.port.to_be_bytes());
    request
}

pub(super) fn choice(received: &[u8]) -> Reply {
    match received {
        [] | [VERSION] => Reply::More,
        [VERSION, ..] => Reply::Done(2),
        other => Reply::No(other_protocol("SOCKS5", other)),
    }
}

pub(super) fn verdict(received: &[u8]) -> Reply {
    match received {
        [] | [PASSWORD_VERSION] => Reply::More,
        [PASSWORD_VERSION, ..] => Reply::Done(2),
        other => Reply::No(other_protocol("SOCKS5", other)),
    }
}

/// The answer to a request, which ends with the address that the proxy has bound (RFC 1928, 6). Of a refusal the
/// beginning is enough: some proxies send no more.
pub(super) fn answer(received: &[u8]) -> Reply {
    let length = match received {
        [] | [VERSION] | [VERSION, 0] | [VERSION, 0, _] | [VERSION, 0, _, NAME] => return Reply::More,
        [VERSION, 0, _, IPV4, ..] => 4 + 4 + 2,
        [VERSION, 0, _, IPV6, ..] => 4 + 16 + 2,
        [VERSION, 0, _, NAME, length, ..] => 4 + 1 + usize::from(*length) + 2,
        [VERSION, 0, _, kind, ..] => return Reply::No(format!("its answer holds an address of kind {kind}")),
        [VERSION, _, ..] => 2,
        other => return Reply::No(other_protocol("SOCKS5", other)),
    };
    if received.len() < length { Reply::More } else { Reply::Done(length) }
}

fn failure(code: u8) -> String {
    match code {
        1 => "general failure".to_owned(),
        2 => "its rules forbid it".to_owned(),
        3 => "network is unreachable".to_owned(),
        4 => "host is unreachable".to_owned(),
        5 => "connection refused".to_owned(),
        6 => "the packet's time to live expired".to_owned(),
        7 => "it does not support CONNECT".to_owned(),
        8 => "it does not support this kind of address".to_owned(),
        code => format!("failure {code}"),
    }
}
