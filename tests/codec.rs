//! Codecs work on the streams: `StreamReader` is `AsyncRead + AsyncBufRead`, `StreamWriter` is
//! `AsyncWrite`.

use astream::pair;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt};
use tokio_util::bytes::Bytes;
use tokio_util::codec::{FramedRead, FramedWrite, LengthDelimitedCodec, LinesCodec};

#[tokio::test]
async fn lines_go_through_a_codec() {
    let ((_, writer), (reader, _)) = pair(8);
    let mut sink = FramedWrite::new(writer, LinesCodec::new());
    let mut lines = FramedRead::new(reader, LinesCodec::new());
    let sending = async {
        for line in ["one", "two, which is longer than eight bytes", ""] {
            sink.send(line).await.unwrap();
        }
        SinkExt::<&str>::close(&mut sink).await.unwrap();
    };
    let receiving = async {
        let mut got = Vec::new();
        while let Some(line) = lines.next().await {
            got.push(line.unwrap());
        }
        got
    };
    let ((), got) = tokio::join!(sending, receiving);
    assert_eq!(got, ["one", "two, which is longer than eight bytes", ""]);
}

#[tokio::test]
async fn frames_with_a_length_go_through_a_codec() {
    let ((_, writer), (reader, _)) = pair(5);
    let mut sink = FramedWrite::new(writer, LengthDelimitedCodec::new());
    let mut frames = FramedRead::new(reader, LengthDelimitedCodec::new());
    let sent: Vec<Bytes> = (0..50).map(|n| Bytes::from(vec![7; n * n])).collect();
    let sending = async {
        for frame in &sent {
            sink.send(frame.clone()).await.unwrap();
        }
        SinkExt::<Bytes>::close(&mut sink).await.unwrap();
    };
    let receiving = async {
        let mut got = Vec::new();
        while let Some(frame) = frames.next().await {
            got.push(frame.unwrap().freeze());
        }
        got
    };
    let ((), got) = tokio::join!(sending, receiving);
    assert!(got == sent);
}

#[tokio::test]
async fn tokios_own_lines_and_copy_work() {
    let ((mut reader, _ours), (_theirs, mut writer)) = pair(8);
    let sending = async {
        tokio::io::copy(&mut &b"first\nsecond\n"[..], &mut writer).await.unwrap();
        writer.shutdown().await.unwrap();
    };
    let receiving = async {
        let mut line = String::new();
        while AsyncBufReadExt::read_line(&mut reader, &mut line).await.unwrap() > 0 {}
        line
    };
    let ((), got) = tokio::join!(sending, receiving);
    assert_eq!(got, "first\nsecond\n");
}
