//! CONNECT of HTTP/1.1 (RFC 9110, 9.3.6). The proxy looks names up, and answers any 2xx where it has connected.

use std::time::Duration;

use http_auth::{ChallengeParser, ChallengeRef};
use httparse::{EMPTY_HEADER, ParserConfig, Response, Status, parse_chunk_size};

use super::login::Login;
use super::target::Target;
use super::{Proxy, digest, other_protocol};
use crate::error::{Error, ProxyFault};
use crate::transport::dialogue::{Dialogue, MAX_ANSWER, Reply};
use crate::transport::quoted;

/// More headers than this are not an answer.
const MAX_HEADERS: usize = 100;

/// So many answers may come before the one that counts (RFC 9110, 15.2).
const MAX_INTERIM: usize = 10;

/// How often the proxy may say that the answer to its challenge came too late.
const MAX_STALE: usize = 2;

/// How much of the body of a refusal is waited for, and how long, to show some of it.
const SHOWN: usize = 1024;
const BODY_LIMIT: Duration = Duration::from_secs(1);

/// What identifies us to the proxy: nothing before it asks.
#[derive(Default)]
pub(super) struct Authorization {
    header: Option<String>,
    stale: usize,
}

/// Asks for the target. False if the proxy must be asked again, on another connection, with what it wants to
/// know by now.
pub(super) async fn ask(
    dialogue: &mut Dialogue,
    proxy: &Proxy,
    target: &Target,
    authorization: &mut Authorization,
) -> Result<bool, Error> {
    let mut was_asked = false;
    loop {
        let answer = exchange(dialogue, proxy, &request(target, authorization)).await;
        if was_asked && answer.is_err() && dialogue.is_unanswered() {
            // It has closed the connection without having said that it would.
            return Ok(false);
        }
        let head = answer?;
        was_asked = true;
        match head.status {
            200..=299 => return Ok(true),
            407 => authorization.answer(proxy, target, &head)?,
            // tinyproxy says so of a wrong secret, and 407 only where there is none.
            401 if authorization.header.is_some() => return Err(rejected(proxy, &head)),
            _ => return Err(refusal(dialogue, proxy, target, &head).await),
        }
        match head.length.filter(|_| head.is_kept_open) {
            Some(length) => {
                let body = |received: &[u8]| {
                    if received.len() < length { Reply::More } else { Reply::Done(length) }
                };
                dialogue.turn(&[], "the end of its answer", body).await?;
            }
            None => return Ok(false),
        }
    }
}

fn request(target: &Target, authorization: &Authorization) -> String {
    let header = authorization.header.as_ref();
    let header = header.map_or_else(String::new, |value| format!("Proxy-Authorization: {value}\r\n"));
    format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{header}\r\n")
}

/// Sends a request and receives the head of its answer.
async fn exchange(dialogue: &mut Dialogue, proxy: &Proxy, request: &str) -> Result<Head, Error> {
    let mut say = request.as_bytes();
    for _ in 0..MAX_INTERIM {
        let answer = dialogue.turn(say, "its answer to CONNECT", head).await?;
        match Head::read(&answer) {
            Ok(Some((_, head))) if head.status >= 200 => return Ok(head),
            _ => say = &[],
        }
    }
    Err(proxy.error(ProxyFault::Protocol, "it sends one provisional answer after the other"))
}

pub(super) fn head(received: &[u8]) -> Reply {
    match Head::read(received) {
        Ok(Some((length, _))) => Reply::Done(length),
        Ok(None) => Reply::More,
        Err(_) => Reply::No(other_protocol("HTTP", received)),
    }
}

/// What an answer begins with, as far as it matters here.
struct Head {
    status: u16,
    /// The status and its phrase.
    line: String,
    /// Each value of `Proxy-Authenticate`.
    challenges: Vec<String>,
    /// The length of the body, if the head says so and it is not too long to be read.
    length: Option<usize>,
    /// Whether the body comes in chunks (RFC 9112, 7.1).
    is_chunked: bool,
    /// Whether the connection can be used again after the body.
    is_kept_open: bool,
}

impl Head {
    /// The head and its length, once it has been received completely.
    fn read(received: &[u8]) -> Result<Option<(usize, Self)>, httparse::Error> {
        let mut headers = [EMPTY_HEADER; MAX_HEADERS];
        let mut response = Response::new(&mut headers);
        let mut parser = ParserConfig::default();
        parser.allow_multiple_spaces_in_response_status_delimiters(true);
        match parser.parse_response(&mut response, received)? {
            Status::Partial => Ok(None),
            Status::Complete(_) if response.code < Some(100) => Err(httparse::Error::Status),
            Status::Complete(length) => Ok(Some((length, Self::of(&response)))),
        }
    }

    fn of(response: &Response<'_, '_>) -> Self {
        let values = |name: &str| {
            let named = response.headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
            named.map(|header| String::from_utf8_lossy(header.value).into_owned()).collect::<Vec<_>>()
        };
        let status = response.code.unwrap_or_default();
        let lengths: Vec<_> =
            values("Content-Length").iter().map(|value| value.trim().parse().ok()).collect();
        let options = [values("Connection"), values("Proxy-Connection")].concat().join(",");
        let closes = options.split(',').any(|option| option.trim().eq_ignore_ascii_case("close"));
        Self {
            status,
            line: format!("{status} {}", response.reason.unwrap_or_default()),
            challenges: values("Proxy-Authenticate"),
            length: match lengths[..] {
                [Some(length)] if values("Transfer-Encoding").is_empty() => Some(length),
                _ => None,
            }
            .filter(|length| *length <= MAX_ANSWER),
            is_chunked: values("Transfer-Encoding")
                .iter()
                .any(|value| value.trim().eq_ignore_ascii_case("chunked")),
            is_kept_open: response.version == Some(1) && !closes,
        }
    }
}

/// Why the proxy did not connect, with the beginning of what it says about that.
async fn refusal(dialogue: &mut Dialogue, proxy: &Proxy, target: &Target, head: &Head) -> Error {
    let length = head.length.unwrap_or(SHOWN).min(SHOWN);
    let is_whole = |body: &[u8]| body.len() >= length || (head.is_chunked && unchunked(body).1);
    let body = dialogue.rest(is_whole, BODY_LIMIT).await;
    let body = if head.is_chunked { unchunked(body).0 } else { body[..length.min(body.len())].to_vec() };
    let body = match body.trim_ascii() {
        [] => String::new(),
        body => format!(", and said {}", quoted(body)),
    };
    let line = quoted(head.line.as_bytes());
    let reason = format!("it did not connect to {target}: it answered {line}{body}");
    let fault = match head.status {
        400 | 404 | 405 | 501 => ProxyFault::NoConnect,
        _ => ProxyFault::Refused,
    };
    proxy.error(fault, &reason)
}

/// What is in the chunks of a body, as far as they have come, and whether the last one has.
fn unchunked(mut body: &[u8]) -> (Vec<u8>, bool) {
    let mut data = Vec::new();
    while let Ok(Status::Complete((start, length))) = parse_chunk_size(body) {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let chunk = &body[start..];
        data.extend_from_slice(&chunk[..length.min(chunk.len())]);
        if length == 0 {
            return (data, true);
        }
        // A line feed after each.
        body = chunk.get(length.saturating_add(2)..).unwrap_or_default();
    }
    (data, false)
}

fn rejected(proxy: &Proxy, head: &Head) -> Error {
    let line = quoted(head.line.as_bytes());
    let reason = format!("it rejects the user or the secret: it answered {line}");
    proxy.error(ProxyFault::LoginRejected, &reason)
}

impl Authorization {
    /// What the next request says about us, after this challenge.
    fn answer(&mut self, proxy: &Proxy, target: &Target, head: &Head) -> Result<(), Error> {
        let lists = head.challenges.iter();
        // What comes after a part that cannot be understood is of no use either.
        let challenges: Vec<_> =
            lists.flat_map(|list| ChallengeParser::new(list).map_while(Result::ok)).collect();
        let line = quoted(head.line.as_bytes());
        let failed = |fault, reason: &str| Err(proxy.error(fault, &format!("{reason}: it answered {line}")));
        let Some(login) = &proxy.login else {
            return failed(ProxyFault::LoginMissing, "it demands a user and a secret");
        };
        if self.header.is_some() {
            let is_stale = challenges.iter().any(digest::is_stale) && self.stale < MAX_STALE;
            if !is_stale {
                return Err(rejected(proxy, head));
            }
            self.stale += 1;
        }
        self.header = choose(login, &challenges, target);
        match self.header {
            Some(_) => Ok(()),
            None => failed(ProxyFault::LoginUnsupported, &unsupported(&challenges)),
        }
    }
}

/// The answer to one of these challenges: to the first by Digest that is supported, else by Basic.
fn choose(login: &Login, challenges: &[ChallengeRef<'_>], target: &Target) -> Option<String> {
    let uri = target.to_string();
    let digest = challenges.iter().find_map(|challenge| digest::respond(login, challenge, &uri));
    let is_basic = |challenge: &ChallengeRef<'_>| challenge.scheme.eq_ignore_ascii_case("Basic");
    digest.or_else(|| challenges.iter().any(is_basic).then(|| login.basic()))
}

fn unsupported(challenges: &[ChallengeRef<'_>]) -> String {
    let mut schemes: Vec<_> = challenges.iter().map(|challenge| challenge.scheme).collect();
    schemes.dedup();
    match schemes[..] {
        [] => "it demands authentication, and does not say how".to_owned(),
        _ => format!("it demands authentication in a way that is not supported ({})", schemes.join(", ")),
    }
}
