//! Reads a client's first message before anything is answered, so that a client that cannot be served is
//! refused with the alert that says why.

use std::future::poll_fn;
use std::io::{self, ErrorKind, Read};
use std::pin::Pin;
use std::task::{Context, Poll};

use rustls::server::{Accepted, AcceptedAlert, Acceptor};
use rustls::{AlertDescription, Error, PeerIncompatible};
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};

use super::HandshakeIo;
use super::negotiation::Negotiation;

/// Why a client is refused that offers no application protocol where one is required.
pub(super) const NO_PROTOCOL_OFFERED: &str = "the peer offered no application protocol (ALPN)";

/// The last byte of the number of TLS 1.2 (RFC 8446, 4.2.1).
const TLS_1_2: u8 = 3;

/// Reads the `ClientHello` and nothing after it. rustls negotiates, except where its alert would be
/// misleading.
pub(super) async fn receive(io: &mut HandshakeIo, ours: &Negotiation) -> io::Result<Accepted> {
    let (mut acceptor, mut record) = (Acceptor::default(), RecordProgress::default());
    loop {
        let read =
            poll_fn(|cx| poll_read(&mut acceptor, &mut RecordReader { io, cx, record: &mut record })).await?;
        if read == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let (error, alert) = match acceptor.accept() {
            Ok(None) => continue,
            Ok(Some(hello)) if leaves_protocol_open(&hello, ours) => no_protocol_offered(),
            Ok(Some(hello)) => return Ok(hello),
            Err((error, alert)) => refusal(error, alert, io.hello_version()),
        };
        poll_fn(|cx| drain(io, cx)).await;
        // The reason matters more than whether the alert could be sent.
        let _ = io.write_all(&alert).await;
        return Err(io::Error::new(ErrorKind::InvalidData, error));
    }
}

fn poll_read(acceptor: &mut Acceptor, reader: &mut RecordReader<'_, '_>) -> Poll<io::Result<usize>> {
    match acceptor.read_tls(reader) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Poll::Pending,
        done => Poll::Ready(done),
    }
}

/// A client that names no protocol may have been diverted from another server (ALPACA, 2021).
fn leaves_protocol_open(hello: &Accepted, ours: &Negotiation) -> bool {
    !ours.protocols.is_empty() && hello.client_hello().alpn().is_none()
}

fn no_protocol_offered() -> (Error, Vec<u8>) {
    let error = Error::General(NO_PROTOCOL_OFFERED.to_owned());
    (error, fatal(TLS_1_2, AlertDescription::NoApplicationProtocol))
}

/// In a message of an old version rustls first misses the extension for signatures, which came with TLS 1.2.
fn refusal(error: Error, alert: AcceptedAlert, version: Option<u8>) -> (Error, Vec<u8>) {
    match (error, version) {
        (Error::PeerIncompatible(PeerIncompatible::SignatureAlgorithmsExtensionRequired), Some(version))
            if version < TLS_1_2 =>
        {
            let error = PeerIncompatible::Tls12NotOffered.into();
            (error, fatal(version, AlertDescription::ProtocolVersion))
        }
        (error, _) => (error, bytes(alert)),
    }
}

/// The unencrypted record of a fatal alert (RFC 8446, 5.1 and 6).
fn fatal(version: u8, alert: AlertDescription) -> Vec<u8> {
    vec![21, 3, version, 0, 2, 2, alert.into()]
}

fn bytes(mut alert: AcceptedAlert) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = alert.write_all(&mut bytes);
    bytes
}

/// Reads what else has arrived: the message may quote it, and unread it would turn the close into a reset
/// that destroys the alert.
fn drain(io: &mut HandshakeIo, cx: &mut Context<'_>) -> Poll<()> {
    let mut scratch = [0; 4096];
    let _ = Pin::new(io).poll_read(cx, &mut ReadBuf::new(&mut scratch));
    Poll::Ready(())
}

/// Reads what has arrived, but not past the end of a record: what follows the message is for the session,
/// which does not look at what was read before it was made.
struct RecordReader<'a, 'b> {
    io: &'a mut HandshakeIo,
    cx: &'a mut Context<'b>,
    record: &'a mut RecordProgress,
}

impl Read for RecordReader<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(self.record.left());
        let mut buffer = ReadBuf::new(&mut buffer[..most]);
        match Pin::new(&mut *self.io).poll_read(self.cx, &mut buffer) {
            Poll::Ready(Ok(())) => {
                self.record.advance(buffer.filled());
                Ok(buffer.filled().len())
            }
            Poll::Ready(Err(error)) => Err(error),
            Poll::Pending => Err(ErrorKind::WouldBlock.into()),
        }
    }
}

/// How much of a record has been read (RFC 8446, 5.1).
#[derive(Default)]
struct RecordProgress {
    head: [u8; 5],
    read: usize,
}

impl RecordProgress {
    /// The bytes that are missing from its header, or else from its body.
    fn left(&self) -> usize {
        let head = self.head.len();
        let rest = usize::from(u16::from_be_bytes([self.head[3], self.head[4]]));
        if self.read < head { head - self.read } else { head + rest - self.read }
    }

    /// Counts these bytes as read. They are no more than were left.
    fn advance(&mut self, bytes: &[u8]) {
        let unread = self.head.iter_mut().skip(self.read);
        unread.zip(bytes).for_each(|(head, byte)| *head = *byte);
        self.read += bytes.len();
        if self.left() == 0 {
            *self = Self::default();
        }
    }
}
