//! Where a TLS stream ends, with every record under the test's control.

use std::sync::Arc;

use astream::{Error, StreamReader, StreamWriter, TlsClient, TlsServer, pair, start_tls};

use crate::streams_support::{End, IDENTITY, soon};

/// A TLS connection whose bytes go nowhere unless the test passes them on.
struct Tapped {
    client: End,
    server: End,
    from_client: StreamReader,
    to_client: StreamWriter,
    from_server: StreamReader,
    to_server: StreamWriter,
}

impl Tapped {
    async fn new(tls: TlsClient) -> Self {
        let ((reader, writer), (mut from_client, to_client)) = pair(1 << 20);
        let ((mut from_server, to_server), (server_reader, server_writer)) = pair(1 << 20);
        let (client, server) = (tls.pin(IDENTITY.pin()), TlsServer::new(IDENTITY.clone()));
        let handshakes = async {
            tokio::join!(start_tls(reader, writer, &client), start_tls(server_reader, server_writer, &server))
        };
        // Once both handshakes are complete, nothing is in transit.
        let (client, server) = tokio::select! {
            both = soon("the handshakes", handshakes) => both,
            () = pass_all(&mut from_client, &to_server) => unreachable!(),
            () = pass_all(&mut from_server, &to_client) => unreachable!(),
        };
        let (client, server) = (client.unwrap(), server.unwrap());
        Self { client, server, from_client, to_client, from_server, to_server }
    }

    /// The record that `data` become on their way to the client.
    async fn record_to_client(&mut self, data: &[u8]) -> Vec<u8> {
        self.server.1.write(data);
        self.server.1.drain().await.unwrap();
        record(&mut self.from_server).await
    }
}

async fn pass_all(from: &mut StreamReader, to: &StreamWriter) {
    loop {
        to.write(&from.read(65536).await.unwrap());
        to.drain().await.unwrap();
    }
}

async fn record(from: &mut StreamReader) -> Vec<u8> {
    let head = from.readexactly(5).await.unwrap();
    let body = from.readexactly(usize::from(head[3]) << 8 | usize::from(head[4])).await.unwrap();
    [head, body].concat()
}

/// A record that cannot be decrypted.
fn forged() -> Vec<u8> {
    [&[23, 3, 3, 0, 32][..], &[0; 32]].concat()
}

async fn assert_every_read_is_truncated(reader: &mut StreamReader) {
    for _ in 0..2 {
        assert!(matches!(reader.read(1).await, Err(Error::Truncated)));
        assert!(matches!(reader.readline().await, Err(Error::Truncated)));
        assert!(matches!(reader.read_to_end().await, Err(Error::Truncated)));
    }
    assert!(!reader.at_eof());
}

#[tokio::test]
async fn an_end_without_close_notify_is_reported_after_the_data() {
    let mut tapped = Tapped::new(TlsClient::new()).await;
    let data = tapped.record_to_client(b"data").await;
    tapped.to_client.write(&data);
    tapped.to_client.write_eof();
    let reader = &mut tapped.client.0;
    assert_eq!(reader.readexactly(4).await.unwrap(), "data");
    assert_every_read_is_truncated(reader).await;
    assert!(matches!(tapped.client.1.drain().await, Err(Error::Truncated)));
}

#[tokio::test]
async fn an_end_within_a_record_is_reported_after_the_records_before() {
    let mut tapped = Tapped::new(TlsClient::new()).await;
    let data = tapped.record_to_client(b"data").await;
    let cut = tapped.record_to_client(b"lost").await;
    tapped.to_client.write(&[&data, &cut[..cut.len() - 1]].concat());
    tapped.to_client.write_eof();
    let reader = &mut tapped.client.0;
    assert!(matches!(reader.read_to_end().await, Err(Error::Truncated)));
    assert_eq!(reader.read(100).await.unwrap(), "data");
    assert_every_read_is_truncated(reader).await;
}

#[tokio::test]
async fn an_end_without_close_notify_is_clean_where_that_is_allowed() {
    let mut tapped = Tapped::new(TlsClient::new().ignore_unexpected_eof(true)).await;
    let data = tapped.record_to_client(b"data").await;
    tapped.to_client.write(&data);
    tapped.to_client.write_eof();
    assert_eq!(tapped.client.0.read_to_end().await.unwrap(), "data");
    assert!(tapped.client.0.at_eof());
}

#[tokio::test]
async fn a_server_reports_a_truncation_as_well() {
    let mut tapped = Tapped::new(TlsClient::new()).await;
    tapped.client.1.write(b"data");
    let data = record(&mut tapped.from_client).await;
    tapped.to_server.write(&data);
    tapped.to_server.write_eof();
    assert_eq!(tapped.server.0.readexactly(4).await.unwrap(), "data");
    assert_every_read_is_truncated(&mut tapped.server.0).await;
}

#[tokio::test]
async fn close_notify_is_the_end_though_the_connection_stays() {
    let mut tapped = Tapped::new(TlsClient::new()).await;
    tapped.server.1.write_eof();
    let close_notify = record(&mut tapped.from_server).await;
    tapped.to_client.write(&close_notify);
    assert_eq!(tapped.client.0.read_to_end().await.unwrap(), "");
    assert!(tapped.client.0.at_eof());
    tapped.client.1.write(b"still open");
    tapped.client.1.drain().await.unwrap();
    record(&mut tapped.from_client).await;
}

#[tokio::test]
async fn a_forged_record_is_reported_after_the_data_that_came_with_it() {
    let mut tapped = Tapped::new(TlsClient::new()).await;
    let [one, two] = [tapped.record_to_client(b"one, ").await, tapped.record_to_client(b"two").await];
    // All of it is there at once.
    tapped.to_client.write(&[one, two, forged()].concat());
    let reader = &mut tapped.client.0;
    assert_eq!(soon("the data", reader.readexactly(8)).await.unwrap(), "one, two");
    for _ in 0..2 {
        let error = soon("the error", reader.read(1)).await.unwrap_err();
        assert!(matches!(error, Error::Tls { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_drain_that_waits_returns_the_error_that_the_reader_meets() {
    let Tapped { client: (mut reader, writer), to_client, .. } = Tapped::new(TlsClient::new()).await;
    let writer = Arc::new(writer);
    writer.write(&vec![0; 4 << 20]);
    let other = Arc::clone(&writer);
    let draining = tokio::spawn(async move { other.drain().await });
    tokio::task::yield_now().await;
    assert!(!draining.is_finished(), "it is not taken");
    to_client.write(&forged());
    assert!(matches!(reader.read(1).await, Err(Error::Tls { .. })));
    let drained = soon("the drain", draining).await.unwrap();
    assert!(matches!(drained, Err(Error::Tls { .. })), "{drained:?}");
}

#[tokio::test]
async fn a_peer_that_ends_without_close_notify_is_closed_all_the_same() {
    let Tapped { client: (_reader, writer), to_client, mut from_client, .. } =
        Tapped::new(TlsClient::new()).await;
    let (closed, ()) = tokio::join!(writer.wait_closed(), async {
        record(&mut from_client).await;
        to_client.write_eof();
    });
    closed.unwrap();
}
