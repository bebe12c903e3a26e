//! Options of openssl `s_client` and `s_server`, and of curl, and what they are here.

use super::meaning::Meaning::{But, Is, Nothing, Seconds};
use super::meaning::{ALWAYS, Entry, Meaning, Takes};

const TOO_OLD: Meaning = Nothing("versions before 1.2 are unsafe, and not spoken");
const CIPHERS: Meaning = Nothing("ciphers cannot be chosen");

const REVOCATION: &str = "--crl FILE checks the whole path; OCSP is not spoken";
const GROUPS: Meaning =
    Nothing("groups and signatures cannot be chosen; --pq demands a key exchange that is post-quantum");

/// Options that mean nothing here, and without which nothing else is accepted. Others may be restrictions.
pub(super) const HARMLESS: &[&str] = &[
    "-bugs",
    "-nbio",
    "-no_comp",
    "-no_ssl3",
    "-no_ticket",
    "-no_tls1",
    "-no_tls1_1",
    "-nocommands",
    "-prexit",
    "-reconnect",
    "-security_debug",
];

/// Each of them is about TLS.
pub(super) const OF_TLS: &[Entry] = &[
    (&["-status", "--status", "--cert-status", "--ocsp"], Takes::Nothing, Nothing(REVOCATION)),
    (&["-crl_check", "-crl_check_all"], Takes::Nothing, Nothing(REVOCATION)),
    (&["-CRL", "--crlfile"], Takes::Value, Is(&["--crl"])),
    (
        &["-verify_hostname", "-verify_ip"],
        Takes::Value,
        But(&["--servername"], "it is asked for and verified"),
    ),
    (&["-noservername"], Takes::Nothing, Nothing("no name is sent where HOST is an IP address")),
    (&["--pinnedpubkey"], Takes::Value, Is(&["--pin"])),
    (&["-Verify"], Takes::Value, Nothing(ALWAYS)),
    (&["-www", "-WWW", "-HTTP"], Takes::Nothing, Nothing("a command answers each client: -- cat FILE")),
    (&["-pass", "--pass"], Takes::Value, Nothing("a key is decrypted before: openssl pkey")),
    (
        &["-cert_chain", "--cert-chain"],
        Takes::Value,
        Nothing("the chain follows the certificate in its file"),
    ),
    (&["-partial_chain"], Takes::Nothing, Nothing("each certificate of --cacert is trusted, a root or not")),
    (&["-groups", "-curves", "-sigalgs"], Takes::Value, GROUPS),
    (&["-state", "-trace", "-tlsextdebug"], Takes::Nothing, Nothing("-v prints what was agreed on")),
    (&["--sslVersion"], Takes::Value, But(&["--tls-min"], "--tls-max VERSION too, for that version alone")),
    (&["--sslVersionMin", "-min_protocol"], Takes::Value, Is(&["--tls-min"])),
    (&["--sslVersionMax", "-max_protocol"], Takes::Value, Is(&["--tls-max"])),
    (&["-tls1_2"], Takes::Nothing, Is(&["--tls-min", "1.2", "--tls-max", "1.2"])),
    (&["-tls1_3"], Takes::Nothing, Is(&["--tls-min", "1.3", "--tls-max", "1.3"])),
    (&["-no_tls1_2"], Takes::Nothing, Is(&["--tls-min", "1.3"])),
    (&["-no_tls1_3"], Takes::Nothing, Is(&["--tls-max", "1.2"])),
    (&["--tlsv1.2"], Takes::Nothing, Is(&["--tls-min", "1.2"])),
    (&["--tlsv1.3"], Takes::Nothing, Is(&["--tls-min", "1.3"])),
    (&["-tls1", "-tls1_1", "--tlsv1", "--tlsv1.0", "--tlsv1.1"], Takes::Nothing, TOO_OLD),
    (&["-checkend"], Takes::Value, Seconds("--expires-within")),
    (
        &["-msg", "-debug"],
        Takes::Nothing,
        But(&["--dump", "-"], "it shows the data, not the messages of TLS"),
    ),
    (&["-CApath"], Takes::Value, Nothing("the folder is named by the variable SSL_CERT_DIR")),
    (&["-keylogfile"], Takes::Value, Nothing("the file is named by the variable SSLKEYLOGFILE")),
    (&["-cipher", "-ciphersuites", "--ciphers", "--tls13-ciphers"], Takes::Value, CIPHERS),
];
