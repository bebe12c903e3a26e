//! Tests every dialogue, with its replies split at every point, and with wrong replies.

use proptest::prelude::*;

use super::*;
use crate::transport::verdicts::{assert_taken_whole, check_final, parts_of};

#[path = "../../../tests/data/starttls.rs"]
mod conversations;

use conversations::CONVERSATIONS;

fn turns_of(protocol: &str) -> &'static [Turn] {
    protocol.parse::<StartTls>().unwrap().turns()
}

/// The reason for which this answer ends a known dialogue.
#[track_caller]
fn refusal(protocol: &str, turn: usize, said: &[u8]) -> String {
    match (turns_of(protocol)[turn].read)(said) {
        Reply::No(reason) => reason,
        other => panic!("{protocol}: {}: {other:?}", quoted(said)),
    }
}

#[test]
fn a_reply_is_taken_when_it_is_whole_and_not_a_byte_further() {
    for (protocol, turns) in CONVERSATIONS {
        let known = turns_of(protocol);
        assert_eq!(known.len(), turns.len(), "{protocol}");
        for (turn, (_, reply)) in known.iter().zip(turns) {
            assert_taken_whole(protocol, turn.read, reply);
        }
    }
}

#[test]
fn every_protocol_has_a_conversation_and_a_name_that_is_read_again() {
    for &protocol in StartTls::ALL {
        assert_eq!(protocol.to_string().parse::<StartTls>().unwrap(), protocol);
        assert!(CONVERSATIONS.iter().any(|(name, _)| *name == protocol.name()), "{protocol}");
    }
    let error = "SMTP".parse::<StartTls>().unwrap_err().to_string();
    assert!(error.starts_with("'SMTP': ") && error.contains("smtp, lmtp, "), "{error}");
}

/// A wrong answer of a server in a turn, and what is reported of it.
const REFUSALS: [(&str, usize, &[u8], &str); 50] = [
    ("smtp", 0, b"554-go\r\n554 away\r\n", "declined: \"554-go 554 away\""),
    ("smtp", 0, b"421 4.3.2 later\r\n", "declined: \"421 4.3.2 later\""),
    ("smtp", 0, b"+OK pop3\r\n", "another protocol: \"+OK pop3\""),
    ("smtp", 0, b"2200 what\r\n", "another protocol"),
    ("smtp", 0, b"SSH-2.0-x", "another protocol: \"SSH-2.0-x\""),
    ("smtp", 0, b"22x", "another protocol"),
    ("smtp", 1, b"250-STARTTLS\r\n250-NO-STARTTLS\r\n250 HELP\r\n", "not offer it: \"250-STARTTLS 250-NO"),
    ("smtp", 1, b"250 mail.test\r\n", "not offer it: \"250 mail.test\""),
    ("smtp", 1, b"502 what?\r\n", "declined: \"502 what?\""),
    ("smtp", 2, b"454 4.7.0 \x1b[2Jnot now\0\r\n", "declined: \"454 4.7.0 \\u{1b}[2Jnot now\\0\""),
    ("lmtp", 1, b"250-x\r\n250 XSTARTTLS\r\n", "does not offer it"),
    ("imap", 0, b"* PREAUTH hello\r\n", "not offer it: \"* PREAUTH hello\""),
    ("imap", 0, b"* BYE no more\r\n", "declined: \"* BYE no more\""),
    ("imap", 0, b"* CAPABILITY IMAP4rev1\r\n", "another protocol"),
    ("imap", 0, b"*\r\n", "another protocol"),
    ("imap", 0, b"220 mail.test\r\n", "another protocol"),
    ("imap", 1, b"a NO TLS is broken\r\n", "declined: \"a NO TLS is broken\""),
    ("imap", 1, b"* X\r\na BAD what?\r\n", "declined: \"a BAD what?\""),
    ("imap", 1, b"* BYE gone\r\n", "declined: \"* BYE gone\""),
    ("imap", 1, b"b OK go\r\n", "another protocol"),
    ("imap", 1, b"aOK go\r\n", "another protocol"),
    ("imap", 1, b"a OKAY\r\n", "another protocol"),
    ("pop3", 0, b"-ERR [SYS/TEMP] no\r\n", "declined: \"-ERR [SYS/TEMP] no\""),
    ("pop3", 1, b"-ERR what?\r\n", "declined: \"-ERR what?\""),
    ("pop3", 1, b"+OKAY\r\n", "another protocol"),
    ("pop3", 0, b"* OK imap\r\n", "another protocol"),
    ("ftp", 0, b"421 too many users\r\n", "declined: \"421 too many users\""),
    ("ftp", 1, b"530 log in first\r\n", "declined: \"530 log in first\""),
    ("ftp", 1, b"334 security data, please\r\n", "declined: \"334 "),
    ("nntp", 0, b"502 not you\r\n", "declined: \"502 not you\""),
    ("nntp", 1, b"580 cannot\r\n", "declined: \"580 cannot\""),
    ("xmpp", 0, b"<stream:stream><stream:features/>", "not offer it: \"<stream:stream><stream:f"),
    ("xmpp", 0, b"<a><features><mechanisms></mechanisms></features>", "does not offer it"),
    ("xmpp", 0, b"<a><b:error><host-unknown/></b:error>", "declined: \"<a><b:error><host-unknown/></b"),
    ("xmpp", 0, b"HTTP/1.1 400 Bad Request\r\n", "another protocol"),
    ("xmpp", 1, b"<failure xmlns='urn:x'/>", "declined: \"<failure xmlns='urn:x'/>\""),
    ("xmpp", 1, b"</stream:stream>", "declined: \"</stream:stream>\""),
    ("postgres", 0, b"N", "declined: \"N\""),
    ("postgres", 0, b"E\0\0\0\x17SFATAL\0Mtoo\x1b many\0\0", "declined: \"too\\u{1b} many\""),
    ("postgres", 0, b"E\xff\0\0\0", "another protocol"),
    ("mysql", 0, b"\x0a\0\0\0\xff\x10\x04no more", "declined: \"no more\""),
    ("mysql", 0, b"\x19\0\0\0\x0a5.5\0\x01\0\0\0abcdefgh\0\xff\xf7\x08\x02\0\0\0", "not offer it: \"5.5\""),
    ("mysql", 0, b"\x02\0\0\0\x0a5", "another protocol"),
    ("mysql", 0, b"220 mail.test\r\n", "another protocol"),
    ("ldap", 0, b"\x30\x0e\x02\x01\x01\x78\x09\x0a\x01\x02\x04\0\x04\x02no", "declined: \"result 2 no\""),
    ("sieve", 0, b"\"SIEVE\" \"x\"\r\n\"STARTTLS2\"\r\nOK\r\n", "not offer it: \"\\\"SIEVE\\\""),
    ("sieve", 0, b"BYE (TRYLATER) \"no\"\r\n", "declined: \"BYE (TRYLATER) \\\"no\\\"\""),
    ("sieve", 0, b"OH\r\n", "another protocol"),
    ("sieve", 1, b"NO {4}\r\nOK\r\n\r\n", "declined: \"NO {4} OK\""),
    ("sieve", 1, b"220 x\r\n", "another protocol"),
];

#[test]
fn a_server_that_declines_is_reported_with_its_words() {
    for (protocol, turn, said, expected) in REFUSALS {
        let reason = refusal(protocol, turn, said);
        assert!(reason.contains(expected), "{protocol}: {reason}");
        for split in 0..said.len() {
            let early = (turns_of(protocol)[turn].read)(&said[..split]);
            assert!(!matches!(early, Reply::Done(_)), "{protocol}: {}", quoted(&said[..split]));
        }
    }
}

#[test]
fn a_wrong_answer_of_a_directory_is_reported() {
    for said in [
        &b"\x31\x00"[..],
        b"\x30\x80",
        b"\x30\x84\xff\xff\xff\xff",
        b"\x30\x03\x02\x01\x01",
        b"\x30\x07\x02\x01\x01\x61\x02\x0a\x01",
        b"\x30\x0c\x02\x01\x02\x78\x07\x0a\x01\x00\x04\0\x04\0",
        b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x7f\x04\0",
    ] {
        let reason = refusal("ldap", 0, said);
        assert!(reason.contains("another protocol"), "{reason}");
    }
    // A Notice of Disconnection.
    let said = b"\x30\x0e\x02\x01\x00\x78\x09\x0a\x01\x34\x04\0\x04\x02by";
    assert!(refusal("ldap", 0, said).contains("declined: \"result 52 by\""));
}

/// The right and the wrong replies, and a literal that is longer than any.
fn replies() -> Vec<&'static [u8]> {
    let right = CONVERSATIONS.iter().flat_map(|(_, turns)| turns.iter().map(|(_, reply)| *reply));
    right.chain(REFUSALS.map(|(_, _, said, _)| said)).chain([&b"{4294967295}\r\n"[..]]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_verdict_is_final_and_takes_no_more_than_has_arrived(said in parts_of(replies())) {
        for turn in StartTls::ALL.iter().flat_map(|protocol| protocol.turns()) {
            check_final(turn.read, &said)?;
        }
    }
}
