//! The dialogues that consist of lines: mail, files and news.

use memchr::{memchr, memrchr};

use super::{Reply, Say, Turn};

const GREETING: &str = "the greeting";
const ANSWER: &str = "the answer to STARTTLS";

pub(super) const SMTP: [Turn; 3] = [
    Turn { say: Say::Text(""), awaits: GREETING, read: |said| coded(said, "220") },
    Turn { say: Say::Text("EHLO {us}\r\n"), awaits: "the answer to EHLO", read: offers_starttls },
    Turn { say: Say::Text("STARTTLS\r\n"), awaits: ANSWER, read: |said| coded(said, "220") },
];

pub(super) const LMTP: [Turn; 3] = [
    Turn { say: Say::Text(""), awaits: GREETING, read: |said| coded(said, "220") },
    Turn { say: Say::Text("LHLO {us}\r\n"), awaits: "the answer to LHLO", read: offers_starttls },
    Turn { say: Say::Text("STARTTLS\r\n"), awaits: ANSWER, read: |said| coded(said, "220") },
];

pub(super) const FTP: [Turn; 2] = [
    Turn { say: Say::Text(""), awaits: GREETING, read: |said| coded(said, "220") },
    Turn {
        say: Say::Text("AUTH TLS\r\n"),
        awaits: "the answer to AUTH TLS",
        read: |said| coded(said, "234"),
    },
];

pub(super) const NNTP: [Turn; 2] = [
    // 200, or 201 if posting is not allowed.
    Turn { say: Say::Text(""), awaits: GREETING, read: |said| coded(said, "20") },
    Turn { say: Say::Text("STARTTLS\r\n"), awaits: ANSWER, read: |said| coded(said, "382") },
];

pub(super) const POP3: [Turn; 2] = [
    Turn { say: Say::Text(""), awaits: GREETING, read: ok_or_err },
    Turn { say: Say::Text("STLS\r\n"), awaits: "the answer to STLS", read: ok_or_err },
];

pub(super) const IMAP: [Turn; 2] = [
    Turn { say: Say::Text(""), awaits: GREETING, read: imap_greeting },
    Turn { say: Say::Text("a STARTTLS\r\n"), awaits: ANSWER, read: imap_answer },
];

pub(super) const SIEVE: [Turn; 2] = [
    Turn { say: Say::Text(""), awaits: "the capabilities", read: |said| sieve(said, true) },
    Turn { say: Say::Text("STARTTLS\r\n"), awaits: ANSWER, read: |said| sieve(said, false) },
];

/// A reply whose code begins with `wanted`.
fn coded(said: &[u8], wanted: &str) -> Reply {
    match reply(said) {
        Ok(reply) if reply.starts_with(wanted.as_bytes()) => Reply::Done(reply.len()),
        Ok(reply) => Reply::declined(reply),
        Err(other) => other,
    }
}

/// The answer to EHLO: after the server's name a line for each extension (RFC 5321, 4.1.1.1).
fn offers_starttls(said: &[u8]) -> Reply {
    let reply = match reply(said) {
        Ok(reply) => reply,
        Err(other) => return other,
    };
    let is_starttls = |(line, _): (&[u8], _)| {
        line.get(4..).is_some_and(|extension| word(extension).eq_ignore_ascii_case(b"STARTTLS"))
    };
    match coded(said, "250") {
        Reply::Done(_) if !lines(reply).skip(1).any(is_starttls) => Reply::not_offered(reply),
        other => other,
    }
}

/// A reply with a code: it ends with the line that has the same code without a `-` after it; the lines before
/// need no code (RFC 959, 4.2).
fn reply(said: &[u8]) -> Result<&[u8], Reply> {
    let is_number = said.iter().take(3).all(u8::is_ascii_digit);
    if !is_number || !matches!(said.get(3), None | Some(b' ' | b'-' | b'\r' | b'\n')) {
        return Err(Reply::strange(said));
    }
    let code = said.get(..3).ok_or(Reply::More)?;
    let is_last = |line: &[u8]| line.starts_with(code) && matches!(line.get(3), None | Some(b' '));
    let (_, end) = lines(said).find(|(line, _)| is_last(line)).ok_or(Reply::More)?;
    Ok(&said[..end])
}

fn ok_or_err(said: &[u8]) -> Reply {
    match said.first() {
        None => return Reply::More,
        Some(b'+' | b'-') => {}
        Some(_) => return Reply::strange(said),
    }
    match lines(said).next() {
        None => Reply::More,
        Some((line, end)) if word(line) == b"+OK" => Reply::Done(end),
        Some((line, _)) if word(line) == b"-ERR" => Reply::declined(line),
        Some((line, _)) => Reply::strange(line),
    }
}

fn imap_greeting(said: &[u8]) -> Reply {
    if said.first().is_some_and(|&first| first != b'*') {
        return Reply::strange(said);
    }
    let Some((line, end)) = whole_lines(said).next() else { return Reply::More };
    match &untagged(line).unwrap_or_default().to_ascii_uppercase()[..] {
        b"OK" => Reply::Done(end),
        // TLS can begin only before the log-in (RFC 9051, 6.2.1).
        b"PREAUTH" => Reply::not_offered(line),
        b"BYE" => Reply::declined(line),
        _ => Reply::strange(line),
    }
}

/// The answer has our tag; everything else that the server sends has none.
fn imap_answer(said: &[u8]) -> Reply {
    if said.first().is_some_and(|first| !b"*a".contains(first)) {
        return Reply::strange(said);
    }
    for (line, end) in whole_lines(said) {
        match (untagged(line), line.strip_prefix(b"a ").map(word)) {
            (Some(word), _) if word.eq_ignore_ascii_case(b"BYE") => return Reply::declined(line),
            (Some(_), _) => {}
            (_, Some(word)) if word.eq_ignore_ascii_case(b"OK") => return Reply::Done(end),
            (_, Some(word)) if [&b"NO"[..], b"BAD"].iter().any(|no| word.eq_ignore_ascii_case(no)) => {
                return Reply::declined(line);
            }
            _ => return Reply::strange(line),
        }
    }
    Reply::More
}

/// The first word of a line that begins with `* `.
fn untagged(line: &[u8]) -> Option<&[u8]> {
    line.strip_prefix(b"* ").map(word)
}

/// Capabilities, each on a line that begins with a quote, and then OK, NO or BYE.
fn sieve(said: &[u8], must_offer: bool) -> Reply {
    if said.first().is_some_and(|first| !b"\"ONBonb".contains(first)) {
        return Reply::strange(said);
    }
    let mut offered = !must_offer;
    for (line, end) in whole_lines(said) {
        match &word(line).to_ascii_uppercase()[..] {
            b"OK" if offered => return Reply::Done(end),
            b"OK" => return Reply::not_offered(&said[..end]),
            b"NO" | b"BYE" => return Reply::declined(line),
            capability if capability.starts_with(b"\"") => offered |= capability == b"\"STARTTLS\"",
            _ => return Reply::strange(line),
        }
    }
    Reply::More
}

/// A line up to its first space.
fn word(line: &[u8]) -> &[u8] {
    line.split(|&byte| byte == b' ').next().unwrap_or_default()
}

/// The lines that have arrived, without their line ends, and where each ends.
fn lines(said: &[u8]) -> impl Iterator<Item = (&[u8], usize)> {
    split(said, |rest| Some(memchr(b'\n', rest)? + 1))
}

/// The same with literals, which may contain anything: `{5}` at the end of a line means that five bytes
/// follow, and then the rest of the line (RFC 9051, 4.3; RFC 5804, 1.2).
fn whole_lines(said: &[u8]) -> impl Iterator<Item = (&[u8], usize)> {
    split(said, |rest| {
        let mut end = 0;
        loop {
            let line = rest.get(end..)?;
            let line = &line[..=memchr(b'\n', line)?];
            end += line.len();
            match literal(line) {
                Some(length) => end = end.saturating_add(length),
                None => return Some(end),
            }
        }
    })
}

fn split(said: &[u8], length: fn(&[u8]) -> Option<usize>) -> impl Iterator<Item = (&[u8], usize)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = &said[at..];
        let line = &rest[..length(rest)?];
        at += line.len();
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        Some((line.strip_suffix(b"\r").unwrap_or(line), at))
    })
}

/// The length of the literal that a line announces.
fn literal(line: &[u8]) -> Option<usize> {
    let line = line.trim_ascii_end().strip_suffix(b"}")?;
    let open = memrchr(b'{', line)?;
    let length = &line[open + 1..];
    let length = str::from_utf8(length.strip_suffix(b"+").unwrap_or(length)).ok()?;
    length.parse::<u32>().ok()?.try_into().ok()
}
