//! What is written in any way arrives whole and in order, however small the buffers between are.

mod streams_support;

use astream::{StreamWriter, TlsClient, TlsServer, pair, start_tls};
use futures_util::FutureExt;
use proptest::collection::vec;
use proptest::prelude::*;
use tokio::io::AsyncWriteExt;

use streams_support::{End, IDENTITY, pattern, soon};

#[derive(Debug, Clone)]
enum Call {
    Write(usize),
    Writelines(Vec<usize>),
    WriteAll(usize),
    Drain,
    CancelledDrain,
    Flush,
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        (0..40usize).prop_map(Call::Write),
        vec(0..20usize, 0..5).prop_map(Call::Writelines),
        (0..40usize).prop_map(Call::WriteAll),
        Just(Call::Drain),
        Just(Call::CancelledDrain),
        Just(Call::Flush),
    ]
}

/// How the writer ends.
#[derive(Debug, Clone, Copy)]
enum Ending {
    WriteEof,
    Shutdown,
    WaitClosed,
    Drop,
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn writes_of_any_size_and_kind_arrive_whole_and_in_order(
        capacity in 1..20usize,
        calls in vec(call(), 0..20),
        end in prop::sample::select(&[Ending::WriteEof, Ending::Shutdown, Ending::WaitClosed, Ending::Drop][..]),
    ) {
        run(async {
            let (one, other) = pair(capacity);
            written_is_read(one, other, &calls, end).await;
        });
    }
}

proptest! {
    #![proptest_config(cases(30))]

    #[test]
    fn writes_of_any_size_and_kind_arrive_whole_and_in_order_under_tls(
        // If less than a ChangeCipherSpec record fits between them, rustls waits on both sides.
        capacity in 6..200usize,
        calls in vec(call(), 0..20),
        end in prop::sample::select(&[Ending::WriteEof, Ending::Shutdown, Ending::WaitClosed, Ending::Drop][..]),
    ) {
        run(async {
            let ((reader, writer), (peer_reader, peer_writer)) = pair(capacity);
            let (client, server) = (TlsClient::new().pin(IDENTITY.pin()), TlsServer::new(IDENTITY.clone()));
            let (one, other) = tokio::join!(
                start_tls(reader, writer, &client),
                start_tls(peer_reader, peer_writer, &server)
            );
            written_is_read(one.unwrap(), other.unwrap(), &calls, end).await;
        });
    }
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(soon("the test", test));
}

async fn written_is_read(
    (mut reader, writer): End,
    (mut peer, peer_writer): End,
    calls: &[Call],
    end: Ending,
) {
    peer_writer.write_eof();
    let sizes = calls.iter().map(|call| match call {
        Call::Write(n) | Call::WriteAll(n) => *n,
        Call::Writelines(sizes) => sizes.iter().sum(),
        Call::Drain | Call::CancelledDrain | Call::Flush => 0,
    });
    let data = pattern(sizes.sum());
    let writing = write(writer, &data, calls, end);
    let (read, (), sent, back) =
        tokio::join!(peer.read_to_end(), writing, peer_writer.drain(), reader.read_to_end());
    sent.unwrap();
    assert_eq!(read.unwrap(), data);
    assert_eq!(back.unwrap(), "");
}

async fn write(mut writer: StreamWriter, mut data: &[u8], calls: &[Call], end: Ending) {
    let mut next = |n: usize| data.split_off(..n).unwrap();
    for call in calls {
        match call {
            Call::Write(n) => writer.write(next(*n)),
            Call::Writelines(sizes) => writer.writelines(sizes.iter().map(|n| next(*n))),
            Call::WriteAll(n) => writer.write_all(next(*n)).await.unwrap(),
            Call::Drain => writer.drain().await.unwrap(),
            Call::CancelledDrain => drop(writer.drain().now_or_never()),
            Call::Flush => writer.flush().await.unwrap(),
        }
    }
    match end {
        Ending::WriteEof => {
            writer.write_eof();
            writer.drain().await.unwrap();
        }
        Ending::Shutdown => writer.shutdown().await.unwrap(),
        Ending::WaitClosed => writer.wait_closed().await.unwrap(),
        Ending::Drop => {}
    }
}
