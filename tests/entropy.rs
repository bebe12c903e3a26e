//! The first handshake of a process is cheap: `.cargo/config.toml` keeps CPU jitter out of the random
//! numbers. One test alone in its file, so that the process is new.

use std::time::Duration;

use astream::{Identity, TlsClient, TlsServer, pair, start_tls};
use rustix::time::{ClockId, clock_gettime};

#[test]
fn the_first_handshake_of_a_process_takes_less_than_20_ms_of_cpu() {
    let before = cpu_time();
    let identity = Identity::generate().unwrap();
    let ((reader, writer), (peer_reader, peer_writer)) = pair(64 * 1024);
    let (client, server) = (TlsClient::new().pin(identity.pin()), TlsServer::new(identity));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let (one, other) = runtime.block_on(async {
        tokio::join!(start_tls(reader, writer, &client), start_tls(peer_reader, peer_writer, &server))
    });
    assert!(one.is_ok() && other.is_ok());
    let took = cpu_time().saturating_sub(before);
    assert!(
        took < Duration::from_millis(20),
        "{took:?}: was this built without AWS_LC_SYS_NO_JITTER_ENTROPY?"
    );
}

fn cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap()
}
