//! STARTTLS conversations that end well: what the client says at each turn, and what the server does.
//!
//! The client is at 127.0.0.1, the server's name is localhost.

pub type Turns = &'static [(&'static [u8], &'static [u8])];

pub const CONVERSATIONS: [(&str, Turns); 15] = [
    (
        "smtp",
        &[
            (b"", b"220 mail.test ESMTP\r\n"),
            (
                b"EHLO [127.0.0.1]\r\n",
                b"250-mail.test\r\n250-PIPELINING\r\n250-STARTTLS\r\n250 8BITMIME\r\n",
            ),
            (b"STARTTLS\r\n", b"220 2.0.0 Ready to start TLS\r\n"),
        ],
    ),
    (
        "smtp",
        &[
            (b"", b"220-mail.test ESMTP\r\n220-no spam\r\n220 please\r\n"),
            (b"EHLO [127.0.0.1]\r\n", b"250-mail.test\n250 starttls\n"),
            (b"STARTTLS\r\n", b"220\r\n"),
        ],
    ),
    (
        "lmtp",
        &[
            (b"", b"220 mail.test LMTP\r\n"),
            (b"LHLO [127.0.0.1]\r\n", b"250-mail.test\r\n250 STARTTLS\r\n"),
            (b"STARTTLS\r\n", b"220 2.0.0 Begin TLS negotiation now.\r\n"),
        ],
    ),
    (
        "imap",
        &[
            (b"", b"* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] ready\r\n"),
            (b"a STARTTLS\r\n", b"a OK Begin TLS negotiation now.\r\n"),
        ],
    ),
    (
        "imap",
        &[
            (b"", b"* ok ready\r\n"),
            (
                b"a STARTTLS\r\n",
                b"* CAPABILITY IMAP4rev1\r\n* ID (\"name\" {9}\r\na OK no\r\n {0}\r\n)\r\na ok go\r\n",
            ),
        ],
    ),
    ("pop3", &[(b"", b"+OK POP3 <1896.697@mail.test>\r\n"), (b"STLS\r\n", b"+OK\r\n")]),
    ("ftp", &[(b"", b"220 (vsFTPd 3.0.3)\r\n"), (b"AUTH TLS\r\n", b"234 Proceed with negotiation.\r\n")]),
    (
        "ftp",
        &[
            (b"", b"220-Welcome\r\n230 users at most\r\n 220 is the code\r\n220-\r\n220 Go on\r\n"),
            (b"AUTH TLS\r\n", b"234 AUTH TLS successful\r\n"),
        ],
    ),
    ("nntp", &[(b"", b"201 news.test, no posting\r\n"), (b"STARTTLS\r\n", b"382 Continue\r\n")]),
    (
        "xmpp",
        &[
            (
                b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
                  xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>",
                b"<?xml version='1.0'?><stream:stream from='localhost' id=\"a>b\" version='1.0' \
                  xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:client'> <stream:features>\
                  <starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>\
                  </stream:features>",
            ),
            (
                b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
                b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
            ),
        ],
    ),
    (
        "xmpp",
        &[
            (
                b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
                  xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>",
                b"<s:stream xmlns:s='http://etherx.jabber.org/streams' version='1.0'>\n\
                  <s:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></s:features >",
            ),
            (
                b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
                b"\n<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'></proceed>",
            ),
        ],
    ),
    ("postgres", &[(b"\0\0\0\x08\x04\xd2\x16\x2f", b"S")]),
    (
        "mysql",
        &[
            (
                b"",
                b"\x34\0\0\0\x0a8.0.36\0\x01\0\0\0abcdefgh\0\xff\xff\xff\x02\0\xff\xdf\x15\0\0\0\0\0\0\0\0\0\0\
                  ijklmnopqrst\0",
            ),
            (b"\x20\0\0\x01\0\x8a\0\0\0\0\0\x01\x2d\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", b""),
        ],
    ),
    (
        "ldap",
        &[(
            b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037",
            b"\x30\x24\x02\x01\x01\x78\x1f\x0a\x01\0\x04\0\x04\0\x8a\x161.3.6.1.4.1.1466.20037",
        )],
    ),
    (
        "sieve",
        &[
            (
                b"",
                b"\"IMPLEMENTATION\" {12}\r\n\"STARTTLS\"\r\n\r\n\"SIEVE\" \"fileinto\"\r\n\"STARTTLS\"\r\n\
                  \"VERSION\" \"1.0\"\r\nOK \"ready\"\r\n",
            ),
            (b"STARTTLS\r\n", b"OK (WARN) {5}\r\nOK go\r\n"),
        ],
    ),
];
