//! XMPP, which has tags instead of lines (RFC 6120, 5.4).

use memchr::memchr;

use super::{Reply, Say, Turn};

pub(super) const TURNS: [Turn; 2] = [
    Turn {
        say: Say::Text(
            "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
             xmlns:stream='http://etherx.jabber.org/streams' to='{server}' version='1.0'>",
        ),
        awaits: "the stream's features",
        read: features,
    },
    Turn {
        say: Say::Text("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
        awaits: "the answer to starttls",
        read: answer,
    },
];

fn features(said: &[u8]) -> Reply {
    if !may_be_xml(said) {
        return Reply::strange(said);
    }
    let mut offered = false;
    for tag in tags(said) {
        match (tag.name, tag.kind) {
            (b"features", Kind::Empty | Kind::Close) if offered => return Reply::Done(tag.end),
            (b"features", Kind::Empty | Kind::Close) => return Reply::not_offered(&said[..tag.end]),
            (b"starttls", Kind::Empty | Kind::Open) => offered = true,
            (b"error" | b"stream", Kind::Close) => return Reply::declined(&said[..tag.end]),
            _ => {}
        }
    }
    Reply::More
}

fn answer(said: &[u8]) -> Reply {
    if !may_be_xml(said) {
        return Reply::strange(said);
    }
    for tag in tags(said) {
        match (tag.name, tag.kind) {
            (b"proceed", Kind::Empty | Kind::Close) => return Reply::Done(tag.end),
            (b"failure", Kind::Empty | Kind::Close) | (b"error" | b"stream", Kind::Close) => {
                return Reply::declined(&said[..tag.end]);
            }
            _ => {}
        }
    }
    Reply::More
}

fn may_be_xml(said: &[u8]) -> bool {
    said.trim_ascii_start().first().is_none_or(|&first| first == b'<')
}

struct Tag<'a> {
    /// Without its prefix.
    name: &'a [u8],
    kind: Kind,
    /// Where it ends.
    end: usize,
}

enum Kind {
    Open,
    Close,
    Empty,
}

/// The tags that have arrived completely.
fn tags(said: &[u8]) -> impl Iterator<Item = Tag<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + memchr(b'<', &said[at..])?;
        let inner = &said[start + 1..][..length(&said[start + 1..])?];
        at = start + 1 + inner.len() + 1;
        let (kind, inner) = match inner {
            [b'/', inner @ ..] => (Kind::Close, inner),
            [inner @ .., b'/'] => (Kind::Empty, inner),
            inner => (Kind::Open, inner),
        };
        let name = inner.split(u8::is_ascii_whitespace).next().unwrap_or_default();
        let name = name.rsplit(|&byte| byte == b':').next().unwrap_or_default();
        Some(Tag { name, kind, end: at })
    })
}

/// The length up to the `>`, which an attribute may contain too.
fn length(tag: &[u8]) -> Option<usize> {
    let mut quote = None;
    tag.iter().position(|&byte| match (quote, byte) {
        (None, b'>') => true,
        (None, b'"' | b'\'') => {
            quote = Some(byte);
            false
        }
        (Some(open), close) if open == close => {
            quote = None;
            false
        }
        _ => false,
    })
}
