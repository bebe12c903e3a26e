//! The connection under a handshake: bytes that were read ahead come first, and the first bytes of the peer
//! are kept for the message in case it does not speak TLS.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Buf;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::transport::{Prefixed, quoted};

/// How many bytes are kept.
const MAX: usize = 80;

/// A connection whose first bytes are recorded while the handshake lasts.
pub(super) struct HandshakeIo {
    /// What was read ahead is returned before anything else.
    pub(super) connection: Prefixed,
    first: Vec<u8>,
    is_handshaking: bool,
}

impl HandshakeIo {
    /// Until the handshake is over, closing the connection resets it: a peer that does not know of TLS must not take
    /// what was sent for the whole.
    pub(super) fn new(connection: impl Into<Prefixed>) -> Self {
        let connection = connection.into();
        connection.io.reset_on_close();
        Self { connection, first: Vec::new(), is_handshaking: true }
    }

    /// To be called when the handshake is complete. Its last message may have been the peer's, and this end
    /// may have nothing to send that would acknowledge it.
    pub(super) fn handshake_done(&mut self) {
        self.first = Vec::new();
        self.is_handshaking = false;
        self.connection.io.acknowledge_at_once();
        self.connection.io.end_on_close();
    }

    /// To be called when the handshake has failed: the peer is to receive the alert that was sent. Only a server that does
    /// not speak TLS must not take our words for the whole.
    pub(super) fn handshake_failed(&self, is_server: bool) {
        if is_server || self.other_words().is_none() {
            self.connection.io.end_on_close();
        }
    }

    fn poll_read_next(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let ahead = &mut self.connection.ahead;
        if ahead.is_empty() {
            return Pin::new(&mut self.connection.io).poll_read(cx, buf);
        }
        let taken = ahead.len().min(buf.remaining());
        buf.put_slice(&ahead[..taken]);
        ahead.advance(taken);
        Poll::Ready(Ok(()))
    }

    pub(super) fn is_silent(&self) -> bool {
        self.first.is_empty()
    }

    /// The last byte of the version in a `ClientHello` (RFC 8446, 4.1.2), if it begins with one.
    pub(super) fn hello_version(&self) -> Option<u8> {
        match self.first[..] {
            // A record's type, version and length, then a message's type and length.
            [22, _, _, _, _, 1, _, _, _, 3, version, ..] => Some(version),
            _ => None,
        }
    }

    /// The first line, if it does not begin as a record of TLS does (RFC 8446, 5.1).
    pub(super) fn other_words(&self) -> Option<String> {
        let is_record = (20..=24).contains(self.first.first()?);
        let line = self.first.split(|byte| *byte == b'\n').next()?;
        (!is_record).then(|| quoted(line))
    }
}

impl AsyncRead for HandshakeIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let known = buf.filled().len();
        let read = self.poll_read_next(cx, buf);
        if self.is_handshaking && read.is_pending() {
            self.connection.io.acknowledge_at_once();
        } else if self.is_handshaking {
            let room = MAX - self.first.len();
            let new = &buf.filled()[known..];
            self.first.extend_from_slice(&new[..new.len().min(room)]);
        }
        read
    }
}

impl AsyncWrite for HandshakeIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection.io).poll_write(cx, data)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection.io).poll_write_vectored(cx, data)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection.io).poll_flush(cx)
    }

    /// Through a tunnel the end of TLS, which is sent by now, is the only one before the connection is closed.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.connection.is_tunnel {
            return Pin::new(&mut self.connection.io).poll_flush(cx);
        }
        Pin::new(&mut self.connection.io).poll_shutdown(cx)
    }
}
