//! A client's first message, which is read before anything is answered: who cannot be served is refused with
//! the alert that says why.

use std::future::poll_fn;
use std::io::{self, ErrorKind, Read};
use std::pin::Pin;
use std::task::{Context, Poll};

use rustls::server::{Accepted, AcceptedAlert, Acceptor};
use rustls::{AlertDescription, Error, PeerIncompatible};
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};

use super::HandshakeIo;
use super::negotiation::Negotiation;

/// What a client is refused for that names no application protocol where one is demanded.
pub(super) const NO_PROTOCOL_NAMED: &str = "the peer named no application protocol (ALPN)";

/// The last part of the number of a version (RFC 8446, 4.2.1).
const TLS_1_2: u8 = 3;

/// Reads the `ClientHello` and nothing after it. What is negotiated in it is up to rustls, but for what that
/// answers with a misleading alert.
pub(super) async fn receive(io: &mut HandshakeIo, ours: &Negotiation) -> io::Result<Accepted> {
    let (mut acceptor, mut record) = (Acceptor::default(), Record::default());
    loop {
        if poll_fn(|cx| poll_read(&mut acceptor, &mut Arrived { io, cx, record: &mut record })).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let (error, alert) = match acceptor.accept() {
            Ok(None) => continue,
            Ok(Some(hello)) if leaves_protocol_open(&hello, ours) => no_protocol_named(),
            Ok(Some(hello)) => return Ok(hello),
            Err((error, alert)) => refusal(error, alert, io.hello_version()),
        };
        poll_fn(|cx| drain(io, cx)).await;
        // The reason matters more than whether the alert could be sent.
        let _ = io.write_all(&alert).await;
        return Err(io::Error::new(ErrorKind::InvalidData, error));
    }
}

fn poll_read(acceptor: &mut Acceptor, arrived: &mut Arrived<'_, '_>) -> Poll<io::Result<usize>> {
    match acceptor.read_tls(arrived) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Poll::Pending,
        done => Poll::Ready(done),
    }
}

/// Such a client may have been led to another server than the one it means (ALPACA, 2021).
fn leaves_protocol_open(hello: &Accepted, ours: &Negotiation) -> bool {
    !ours.protocols.is_empty() && hello.client_hello().alpn().is_none()
}

fn no_protocol_named() -> (Error, Vec<u8>) {
    let error = Error::General(NO_PROTOCOL_NAMED.to_owned());
    (error, fatal(TLS_1_2, AlertDescription::NoApplicationProtocol))
}

/// What rustls misses first in the message of an old version is the extension for signatures, which came with
/// TLS 1.2.
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

/// The record of a fatal alert (RFC 8446, 5.1 and 6), before anything is encrypted.
fn fatal(version: u8, alert: AlertDescription) -> Vec<u8> {
    vec![21, 3, version, 0, 2, 2, alert.into()]
}

fn bytes(mut alert: AcceptedAlert) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = alert.write_all(&mut bytes);
    bytes
}

/// Reads what else has come, which the message may quote, and which would otherwise turn the close into a reset
/// that destroys the alert.
fn drain(io: &mut HandshakeIo, cx: &mut Context<'_>) -> Poll<()> {
    let mut scratch = [0; 4096];
    let _ = Pin::new(io).poll_read(cx, &mut ReadBuf::new(&mut scratch));
    Poll::Ready(())
}

/// What has come by now, up to the end of a record: what comes after the message is for the session, which
/// does not look at what was read before it was made.
struct Arrived<'a, 'b> {
    io: &'a mut HandshakeIo,
    cx: &'a mut Context<'b>,
    record: &'a mut Record,
}

impl Read for Arrived<'_, '_> {
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
struct Record {
    head: [u8; 5],
    read: usize,
}

impl Record {
    /// How much of its head, or else of the rest, is still to come.
    fn left(&self) -> usize {
        let head = self.head.len();
        let rest = usize::from(u16::from_be_bytes([self.head[3], self.head[4]]));
        if self.read < head { head - self.read } else { head + rest - self.read }
    }

    /// More of it has been read, no more than was left.
    fn advance(&mut self, bytes: &[u8]) {
        let unread = self.head.iter_mut().skip(self.read);
        unread.zip(bytes).for_each(|(head, byte)| *head = *byte);
        self.read += bytes.len();
        if self.left() == 0 {
            *self = Self::default();
        }
    }
}
