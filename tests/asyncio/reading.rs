//! `read`, `readline`, `readuntil`, `readexactly`, `at_eof`, `lines`.

use astream::{ConnectOptions, Error, StreamReader};
use bytes::Bytes;
use futures_util::StreamExt;

use crate::streams_support::{ALL, Over, over, over_sockets, send_all, soon};

fn limit(bytes: usize) -> ConnectOptions {
    ConnectOptions::new().limit(bytes)
}

#[tokio::test]
async fn read_gives_up_to_n_bytes_and_nothing_at_the_end() {
    over(&ALL, async |(mut reader, _), (_, peer)| {
        peer.write(b"abcdef");
        peer.drain().await.unwrap();
        assert_eq!(reader.read(4).await.unwrap(), "abcd");
        assert_eq!(reader.read(100).await.unwrap(), "ef");
        peer.write_eof();
        assert_eq!(reader.read(1).await.unwrap(), "");
        assert_eq!(reader.read(1).await.unwrap(), "");
    })
    .await;
}

#[tokio::test]
async fn sizes_of_zero_give_nothing_and_take_nothing_also_at_the_end() {
    over(&ALL, async |(mut reader, _), (_, peer)| {
        assert_eq!(reader.read(0).await.unwrap(), "");
        assert_eq!(reader.readexactly(0).await.unwrap(), "");
        peer.write(b"x");
        peer.write_eof();
        assert_eq!(reader.read(0).await.unwrap(), "");
        assert_eq!(reader.readexactly(0).await.unwrap(), "");
        assert_eq!(reader.read_to_end().await.unwrap(), "x");
        assert_eq!(reader.read(0).await.unwrap(), "");
        assert_eq!(reader.readexactly(0).await.unwrap(), "");
    })
    .await;
}

#[tokio::test]
async fn neither_read_nor_readexactly_is_bound_by_the_limit() {
    over_sockets(limit(3), async |(mut reader, _), (_, peer)| {
        peer.write(b"chunkchunk");
        assert_eq!(reader.readexactly(5).await.unwrap(), "chunk");
        assert_eq!(reader.read(5).await.unwrap(), "chunk");
        peer.write(&[b'x'; 100]);
        peer.write_eof();
        assert_eq!(reader.read_to_end().await.unwrap(), [b'x'; 100].as_slice());
    })
    .await;
}

#[tokio::test]
async fn read_to_end_waits_for_the_end_and_is_empty_where_nothing_more_came() {
    over(&ALL, async |(mut reader, _), (_, peer)| {
        send_all(peer, "chunk1\nchunk2");
        assert_eq!(reader.read_to_end().await.unwrap(), "chunk1\nchunk2");
        assert_eq!(reader.read_to_end().await.unwrap(), "");
    })
    .await;
}

#[tokio::test]
async fn readline_gives_each_line_and_the_partial_one_at_the_end_as_it_is() {
    over(&ALL, async |(mut reader, _), (_, peer)| {
        send_all(peer, "one\n\nlonger than the buffer\nthe rest");
        for line in ["one\n", "\n", "longer than the buffer\n", "the rest"] {
            assert_eq!(reader.readline().await.unwrap().unwrap(), line);
        }
        assert_eq!(reader.readline().await.unwrap(), None);
        assert_eq!(reader.readline().await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn what_follows_a_line_stays_for_the_next_read_of_any_kind() {
    over(&ALL, async |(mut reader, _), (_, peer)| {
        send_all(peer, "line1\nline2\nline3\n");
        assert_eq!(reader.readline().await.unwrap().unwrap(), "line1\n");
        assert_eq!(reader.readexactly(7).await.unwrap(), "line2\nl");
        assert_eq!(reader.readuntil(b"e").await.unwrap(), "ine");
        assert_eq!(reader.read_to_end().await.unwrap(), "3\n");
    })
    .await;
}

async fn assert_too_long(reader: &mut StreamReader, limit: usize) {
    let error = reader.readline().await.unwrap_err();
    assert!(matches!(error, Error::LineTooLong { limit: found , .. } if found == limit), "{error:?}");
}

#[tokio::test]
async fn a_line_over_the_limit_is_dropped_and_the_next_one_read_in_step_newline_in_the_same_chunk() {
    over_sockets(limit(3), async |(mut reader, _), (_, peer)| {
        peer.write(b"12345\nabc\n1234\n\n");
        assert_too_long(&mut reader, 3).await;
        assert_eq!(reader.readline().await.unwrap().unwrap(), "abc\n");
        assert_too_long(&mut reader, 3).await;
        assert_eq!(reader.readline().await.unwrap().unwrap(), "\n");
    })
    .await;
}

#[tokio::test]
async fn a_line_over_the_limit_is_dropped_and_the_next_one_read_in_step_newline_in_a_later_chunk() {
    over_sockets(limit(3), async |(mut reader, _), (_, peer)| {
        peer.write(b"12345");
        assert_too_long(&mut reader, 3).await;
        peer.write(b"6789\nabc\n1234");
        assert_eq!(reader.readline().await.unwrap().unwrap(), "abc\n");
        assert_too_long(&mut reader, 3).await;
        peer.write(b"\n");
        peer.write(b"x");
        assert_eq!(reader.read(1).await.unwrap(), "x", "the rest of the line is dropped for any read");
    })
    .await;
}

#[tokio::test]
async fn a_line_over_the_limit_that_never_ends_is_dropped_up_to_the_end() {
    over_sockets(limit(3), async |(mut reader, _), (_, peer)| {
        peer.write(b"12345");
        assert_too_long(&mut reader, 3).await;
        peer.write(b"6789");
        peer.write_eof();
        assert_eq!(reader.readline().await.unwrap(), None);
        assert!(reader.at_eof());
    })
    .await;
}

#[tokio::test]
async fn a_partial_line_over_the_limit_is_an_error_at_the_end_too() {
    over_sockets(limit(3), async |(mut reader, _), (_, peer)| {
        peer.write(b"some data");
        peer.write_eof();
        assert_too_long(&mut reader, 3).await;
        assert_eq!(reader.readline().await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn the_limit_counts_what_comes_before_the_newline() {
    over_sockets(limit(7), async |(mut reader, _), (_, peer)| {
        peer.write(b"1234567\n12345678\n1234567");
        assert_eq!(reader.readline().await.unwrap().unwrap(), "1234567\n");
        assert_too_long(&mut reader, 7).await;
        peer.write_eof();
        assert_eq!(reader.readline().await.unwrap().unwrap(), "1234567");
    })
    .await;
}

#[tokio::test]
async fn the_default_limit_of_a_line_is_64_kib() {
    over(&ALL, async |(mut reader, _), (_, peer)| {
        let fits = vec![b'x'; 64 * 1024];
        send_all(peer, [&fits, &b"\n"[..], &fits, b"y\nnext\n"].concat());
        assert_eq!(reader.readline().await.unwrap().unwrap().len(), fits.len() + 1);
        assert_too_long(&mut reader, 64 * 1024).await;
        assert_eq!(reader.readline().await.unwrap().unwrap(), "next\n");
    })
    .await;
}

#[tokio::test]
async fn lines_go_on_after_one_that_was_too_long() {
    over_sockets(limit(3), async |(mut reader, _), (_, peer)| {
        peer.write(b"abc\ntoo long\nde");
        peer.write_eof();
        let mut lines = reader.readlines();
        assert_eq!(lines.next().await.unwrap().unwrap(), "abc\n");
        assert!(matches!(lines.next().await, Some(Err(Error::LineTooLong { limit: 3, .. }))));
        assert_eq!(lines.next().await.unwrap().unwrap(), "de");
        assert!(lines.next().await.is_none());
    })
    .await;
}

#[tokio::test]
async fn readuntil_finds_a_separator_that_comes_in_parts() {
    over(&ALL, async |(mut reader, _), (_, peer)| {
        let (found, ()) = tokio::join!(reader.readuntil(b"SEPARATOR"), async {
            for part in [b"abcSEP".as_slice(), b"SEPARA", b"T", b"ORrest"] {
                peer.write(part);
                peer.drain().await.unwrap();
            }
        });
        assert_eq!(found.unwrap(), "abcSEPSEPARATOR");
        assert_eq!(reader.readexactly(4).await.unwrap(), "rest");
    })
    .await;
}

#[tokio::test]
async fn readuntil_gives_what_had_come_where_the_end_comes_before_the_separator() {
    over(&ALL, async |(mut reader, _), (_, peer)| {
        send_all(peer, "some dataAA");
        let error = reader.readuntil(b"AAA").await.unwrap_err();
        assert_eq!(error.to_string(), "the stream ended after 11 bytes, before the separator");
        assert!(
            matches!(error, Error::Incomplete { partial, expected: None , .. } if partial == "some dataAA")
        );
        assert!(reader.at_eof());
        let error = reader.readuntil(b"AAA").await.unwrap_err();
        assert!(matches!(error, Error::Incomplete { partial, expected: None , .. } if partial.is_empty()));
    })
    .await;
}

#[tokio::test]
async fn an_overrun_of_readuntil_consumes_nothing() {
    over_sockets(limit(3), async |(mut reader, _), (_, peer)| {
        peer.write(b"abcdSEPrest");
        for _ in 0..2 {
            let error = reader.readuntil(b"SEP").await.unwrap_err();
            assert!(matches!(error, Error::LimitOverrun { consumed: 4, found: true, .. }), "{error:?}");
        }
        let error = reader.readuntil(b"none").await.unwrap_err();
        assert!(matches!(error, Error::LimitOverrun { consumed: 8, found: false, .. }), "{error:?}");
        peer.write_eof();
        assert_eq!(reader.readexactly(4).await.unwrap(), "abcd");
        assert_eq!(reader.readuntil(b"SEP").await.unwrap(), "SEP");
        let error = reader.readuntil(b"S").await.unwrap_err();
        assert!(matches!(error, Error::LimitOverrun { consumed: 4, found: false, .. }), "{error:?}");
        assert_eq!(reader.read_to_end().await.unwrap(), "rest");
    })
    .await;
}

#[tokio::test]
async fn the_separator_that_ends_first_wins() {
    over(&ALL, async |(mut reader, _), (_, peer)| {
        send_all(peer, "line 1\r\nline 2\nABCDEFGrest");
        let ends: [&[u8]; 2] = [b"\r\n", b"\n"];
        assert_eq!(reader.readuntil_any(&ends).await.unwrap(), "line 1\r\n");
        assert_eq!(reader.readuntil_any(&ends).await.unwrap(), "line 2\n");
        assert_eq!(reader.readuntil_any(&[b"DEF", b"BCDE"]).await.unwrap(), "ABCDE");
        assert_eq!(reader.read_to_end().await.unwrap(), "FGrest");
    })
    .await;
}

#[tokio::test]
async fn an_empty_separator_or_none_is_an_error_that_takes_nothing() {
    over(&ALL, async |(mut reader, _), (_, peer)| {
        send_all(peer, "abc");
        assert!(matches!(reader.readuntil(b"").await, Err(Error::EmptySeparator)));
        assert!(matches!(reader.readuntil_any(&[]).await, Err(Error::EmptySeparator)));
        assert!(matches!(reader.readuntil_any(&[b"a", b""]).await, Err(Error::EmptySeparator)));
        assert_eq!(reader.read_to_end().await.unwrap(), "abc");
    })
    .await;
}

#[tokio::test]
async fn readexactly_gives_what_had_come_where_the_end_comes_before() {
    over(&ALL, async |(mut reader, _), (_, peer)| {
        send_all(peer, "12345678901234567890");
        assert_eq!(reader.readexactly(2).await.unwrap(), "12");
        let error = reader.readexactly(36).await.unwrap_err();
        assert_eq!(error.to_string(), "the stream ended after 18 of 36 expected bytes");
        let Error::Incomplete { partial, expected: Some(36), .. } = error else { panic!("{error:?}") };
        assert_eq!(partial, "345678901234567890");
        assert!(reader.at_eof());
    })
    .await;
}

#[tokio::test]
async fn at_eof_is_true_once_the_end_came_and_everything_was_read() {
    over(&ALL, async |(mut reader, _), (_, peer)| {
        assert!(!reader.at_eof());
        send_all(peer, "x\ny");
        assert_eq!(reader.readline().await.unwrap().unwrap(), "x\n");
        assert!(!reader.at_eof());
        assert_eq!(reader.readline().await.unwrap().unwrap(), "y");
        assert!(reader.at_eof());
    })
    .await;
}

#[tokio::test]
async fn the_reader_is_an_async_read_and_an_async_buf_read() {
    use tokio::io::{AsyncBufReadExt, AsyncReadExt};
    over(&ALL, async |(mut reader, _), (_, peer)| {
        send_all(peer, "line\nexact and the rest");
        let mut line = String::new();
        reader.read_line(&mut line).await.unwrap();
        assert_eq!(line, "line\n");
        let mut exact = [0; 5];
        reader.read_exact(&mut exact).await.unwrap();
        assert_eq!(&exact, b"exact");
        let mut rest = String::new();
        reader.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, " and the rest");
        assert_eq!(AsyncReadExt::read(&mut reader, &mut exact).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_line_is_appended_to_what_the_caller_keeps() {
    over(&ALL, async |(mut reader, _), (_, peer)| {
        send_all(peer, "one\ntwo\nx;rest");
        let mut data = b"> ".to_vec();
        assert_eq!(reader.readline_into(&mut data).await.unwrap(), 4);
        assert_eq!(data, b"> one\n");
        assert_eq!(reader.readline().await.unwrap().unwrap(), "two\n");
        assert_eq!(reader.readuntil_into(b";", &mut data).await.unwrap(), 2);
        assert_eq!(reader.readline_into(&mut data).await.unwrap(), 4);
        assert!(reader.at_eof());
        assert_eq!(reader.readline_into(&mut data).await.unwrap(), 0);
        assert_eq!(data, b"> one\nx;rest");
    })
    .await;
}

#[tokio::test]
async fn what_fails_appends_nothing() {
    over_sockets(limit(3), async |(mut reader, _), (_, peer)| {
        send_all(peer, "far too long\nok\nfar;end");
        let mut data = Vec::new();
        assert!(matches!(reader.readuntil_into(b"\n", &mut data).await, Err(Error::LimitOverrun { .. })));
        assert!(matches!(reader.readline_into(&mut data).await, Err(Error::LineTooLong { limit: 3, .. })));
        assert_eq!(data, b"");
        assert_eq!(reader.readline_into(&mut data).await.unwrap(), 3);
        assert_eq!(reader.readuntil_into(b";", &mut data).await.unwrap(), 4);
        let ended = reader.readuntil_into(b";", &mut data).await;
        assert!(matches!(ended, Err(Error::Incomplete { partial, .. }) if partial == "end"));
        assert_eq!(data, b"ok\nfar;");
    })
    .await;
}

#[tokio::test]
async fn lines_are_a_stream_that_ends_after_the_error_which_ended_the_connection() {
    let ((mut reader, _writer), (_peer_reader, peer)) = Over::Tcp.ends_with(&limit(3)).await;
    peer.write(b"three\ntwo\n");
    let mut lines = reader.readlines();
    assert!(matches!(StreamExt::next(&mut lines).await, Some(Err(Error::LineTooLong { .. }))));
    assert_eq!(StreamExt::next(&mut lines).await.unwrap().unwrap(), "two\n");
    peer.abort();
    let rest: Vec<_> = soon("the rest", lines.collect()).await;
    assert!(matches!(rest[..], [Err(Error::Lost { .. })]), "{rest:?}");
    assert!(matches!(reader.readlines().next().await, Some(Err(Error::Lost { .. }))), "the error stays");
}

#[tokio::test]
async fn lines_by_their_own_name_are_ours_though_tokios_are_in_scope() {
    let ((mut reader, _), (_peer_reader, peer)) = astream::pair(64);
    peer.write(b"\xff\n");
    // What `lines` would be with tokio's trait in scope.
    let _: fn(&'static mut StreamReader) -> tokio::io::Lines<_> = tokio::io::AsyncBufReadExt::lines;
    let line: Option<Result<Bytes, Error>> = reader.readlines().next().await;
    assert_eq!(line.unwrap().unwrap(), &b"\xff\n"[..]);
}
