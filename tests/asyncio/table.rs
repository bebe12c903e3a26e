//! `docs/asyncio.md`: it leaves nothing out, and each of its rows names a test that exists.

use std::path::Path;
use std::time::Duration;

use astream::{ConnectOptions, Error, Step, TlsClient, open_connection};
use tokio::net::TcpListener;

const TABLE: &str = include_str!("../../docs/asyncio.md");

/// What `asyncio.streams` of Python 3.14 offers, with the options of the functions and the transport and the
/// server that they reach.
const OFFERED: &str = "open_connection start_server open_unix_connection start_unix_server limit ssl server_hostname \
    ssl_handshake_timeout ssl_shutdown_timeout family proto flags sock local_addr happy_eyeballs_delay interleave \
    all_errors cleanup_socket backlog reuse_address reuse_port keep_alive start_serving serve_forever is_serving sockets \
    close close_clients abort_clients wait_closed get_loop read readline readexactly readuntil at_eof exception feed_data \
    feed_eof set_exception set_transport write writelines drain write_eof can_write_eof is_closing start_tls \
    get_extra_info abort get_write_buffer_size set_write_buffer_limits get_write_buffer_limits pause_reading \
    resume_reading is_reading set_protocol get_protocol StreamReaderProtocol IncompleteReadError LimitOverrunError";

/// The cells of each row.
fn rows() -> impl Iterator<Item = Vec<&'static str>> {
    let rows = TABLE.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| asyncio |"));
    rows.map(|row| row.trim_matches('|').split(" | ").map(str::trim).collect())
}

#[test]
fn each_row_names_a_test_that_exists_or_says_why_there_is_none() {
    for row in rows() {
        let [_, _, _, test] = row[..] else { panic!("{row:?}") };
        assert!(!test.is_empty(), "{row:?}");
        let Some((file, name)) = test.trim_matches('`').split_once(".rs: ") else { continue };
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file).with_extension("rs");
        let source = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{test}: {error}"));
        assert!(source.contains(&format!("fn {name}()")), "{test}");
    }
}

#[test]
fn nothing_that_asyncio_offers_is_left_out() {
    let named: String = rows().map(|row| row[0].to_owned() + "\n").collect();
    let is_named =
        |name: &&str| named.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == *name);
    let left_out: Vec<_> = OFFERED.split_whitespace().filter(|name| !is_named(name)).collect();
    assert!(left_out.is_empty(), "{left_out:?}");
}

#[tokio::test]
async fn a_time_limit_is_that_of_the_whole_set_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options = ConnectOptions::new().tls(TlsClient::new().danger_no_verification(true));
    let options = options.timeout(Duration::from_millis(50));
    let error = open_connection(&listener.local_addr().unwrap().into(), &options).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { step: Step::Handshake, .. }), "{error:?}");
}
