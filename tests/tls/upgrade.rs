//! `start_tls`: an open connection goes on under TLS.

use astream::{Error, TlsClient, TlsServer, start_tls, start_tls_buffered};

use tokio::io::AsyncBufReadExt;

use crate::streams_support::{ALL, End, IDENTITY, Over, assert_cut, over, plenty, send_all};

fn sides() -> (TlsClient, TlsServer) {
    (TlsClient::new().pin(IDENTITY.pin()), TlsServer::new(IDENTITY.clone()))
}

/// Both ends under TLS.
async fn upgraded((reader, writer): End, (peer_reader, peer_writer): End) -> (End, End) {
    let (client, server) = sides();
    let (one, other) =
        tokio::join!(start_tls(reader, writer, &client), start_tls(peer_reader, peer_writer, &server));
    (one.unwrap(), other.unwrap())
}

async fn assert_talk((mut reader, writer): End, (mut peer_reader, peer_writer): End) {
    let data = plenty(&writer);
    writer.write(&data);
    writer.write_eof();
    let (read, sent) = tokio::join!(peer_reader.read_to_end(), writer.drain());
    assert!(read.unwrap() == data);
    sent.unwrap();
    send_all(peer_writer, data.clone());
    assert!(reader.read_to_end().await.unwrap() == data);
}

#[tokio::test]
async fn an_open_pair_goes_on_under_tls_both_sides_and_both_ways() {
    over(&ALL, async |(mut reader, writer), (mut peer_reader, peer_writer)| {
        let tls_before = writer.tls().is_some();
        writer.write(b"TLS?\n");
        assert_eq!(peer_reader.readline().await.unwrap().unwrap(), "TLS?\n");
        peer_writer.write(b"ok\n");
        assert_eq!(reader.readline().await.unwrap().unwrap(), "ok\n");
        let addresses = (writer.peer_addr().clone(), writer.local_addr().clone());
        let (one, other) = upgraded((reader, writer), (peer_reader, peer_writer)).await;
        assert_eq!(one.1.tls().unwrap().version, "TLSv1.3");
        assert_eq!(other.0.tls().unwrap().version, "TLSv1.3");
        if !tls_before {
            assert_eq!((one.0.peer_addr(), one.0.local_addr()), (&addresses.0, &addresses.1));
        }
        assert_talk(one, other).await;
    })
    .await;
}

#[tokio::test]
async fn what_is_queued_goes_out_before_the_handshake() {
    over(&ALL, async |(reader, writer), (mut peer_reader, peer_writer)| {
        let (client, server) = sides();
        writer.write(b"plain words, then TLS\n");
        let (one, other) = tokio::join!(start_tls(reader, writer, &client), async {
            let line = peer_reader.readuntil(b"TLS\n").await.unwrap();
            assert_eq!(line, "plain words, then TLS\n");
            if !peer_reader.buffer().is_empty() {
                // The client was quick: its hello arrived with the line.
                return None;
            }
            Some(start_tls(peer_reader, peer_writer, &server).await.unwrap())
        });
        if let Some(other) = other {
            assert_talk(one.unwrap(), other).await;
        }
    })
    .await;
}

#[tokio::test]
async fn bytes_that_came_before_the_handshake_are_a_refusal() {
    over(&ALL, async |(mut reader, writer), (_peer_reader, peer_writer)| {
        peer_writer.write(b"ok\nevil");
        assert_eq!(reader.readline().await.unwrap().unwrap(), "ok\n");
        assert_eq!(reader.buffer(), b"evil");
        let error = start_tls(reader, writer, &sides().0).await.unwrap_err();
        assert!(matches!(error, Error::Tls { .. }), "{error:?}");
        assert!(error.to_string().ends_with("before the handshake, which were refused"), "{error}");
    })
    .await;
}

/// A header that comes in one piece with all that the client says first, which the server has read ahead.
async fn behind_a_header((reader, writer): End, (mut peer_reader, peer_writer): End) -> (End, End) {
    let (client, server) = sides();
    writer.write(b"PROXY UNKNOWN\r\n");
    let (one, other) = tokio::join!(start_tls(reader, writer, &client), async {
        let header = peer_reader.readuntil(b"\r\n").await.unwrap();
        assert_eq!(header, "PROXY UNKNOWN\r\n");
        while peer_reader.buffer().is_empty() {
            peer_reader.fill_buf().await.unwrap();
        }
        start_tls_buffered(peer_reader, peer_writer, &server).await
    });
    (one.unwrap(), other.unwrap())
}

#[tokio::test]
async fn what_was_read_ahead_begins_the_handshake_where_that_is_asked_for() {
    over(&ALL, async |one, other| {
        let ((mut reader, writer), (mut peer_reader, peer_writer)) = behind_a_header(one, other).await;
        writer.write(b"question\n");
        let (question, sent) = tokio::join!(peer_reader.readline(), writer.drain());
        assert_eq!(question.unwrap().unwrap(), "question\n");
        sent.unwrap();
        send_all(peer_writer, "answer");
        assert_eq!(reader.read_to_end().await.unwrap(), "answer");
    })
    .await;
}

#[tokio::test]
async fn an_abort_behind_a_header_is_no_end_either() {
    for over in [Over::Tcp, Over::Tls] {
        let (one, other) = over.ends().await;
        let ((mut reader, _writer), other) = behind_a_header(one, other).await;
        other.1.abort();
        assert_cut(&mut reader, b"").await;
    }
}

#[tokio::test]
async fn what_was_read_ahead_and_begins_no_handshake_is_an_error() {
    let ((mut reader, writer), (_peer_reader, peer_writer)) = Over::Tcp.ends().await;
    peer_writer.write(b"ok\nevil");
    assert_eq!(reader.readline().await.unwrap().unwrap(), "ok\n");
    assert_eq!(reader.buffer(), b"evil");
    let error = start_tls_buffered(reader, writer, &sides().0).await.unwrap_err();
    assert!(error.to_string().contains("does not speak TLS"), "{error}");
}

#[tokio::test]
async fn the_streams_must_be_of_one_connection_and_open() {
    over(&ALL, async |(reader, writer), (peer_reader, peer_writer)| {
        let error = start_tls(reader, peer_writer, &sides().0).await.unwrap_err();
        assert!(error.to_string().ends_with("the streams are of two connections"), "{error}");
        drop((writer, peer_reader));
    })
    .await;
    over(&ALL, async |(reader, writer), _peer| {
        writer.write_eof();
        let error = start_tls(reader, writer, &sides().0).await.unwrap_err();
        assert!(error.to_string().ends_with("the writer has ended"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn the_name_to_verify_must_be_known() {
    let ((reader, writer), _peer) = Over::Tcp.ends().await;
    let error = start_tls(reader, writer, &TlsClient::new()).await.unwrap_err();
    assert!(error.to_string().contains("name is not known"), "{error}");
}

#[tokio::test]
async fn a_peer_that_speaks_no_tls_or_leaves_is_reported() {
    for (answer, expected) in [(&b"500 what?\r\n"[..], "does not speak TLS"), (b"", "does it speak TLS?")] {
        let ((reader, writer), (mut peer_reader, peer_writer)) = Over::Tcp.ends().await;
        let (client, _) = sides();
        let (started, ()) = tokio::join!(start_tls(reader, writer, &client), async {
            peer_reader.read(1000).await.unwrap();
            peer_writer.write(answer);
            peer_writer.write_eof();
        });
        let error = started.unwrap_err();
        assert!(matches!(error, Error::Tls { .. }) && error.to_string().contains(expected), "{error}");
    }
}
