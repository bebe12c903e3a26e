//! The dialogue before a stream: STARTTLS, and other protocols that first ask the other side for something.
//!
//! An answer is judged by a plain function of all bytes received so far, so it may arrive in any pieces, and
//! tests can try every one of them without a connection. [`Dialogue`] does all input and output.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Prefixed, Transport, quoted};
use crate::error::{Error, Step, reason};
use crate::policy::{Deadline, within};

/// An answer that is not complete after this many bytes is not read any further.
pub(super) const MAX_ANSWER: usize = 64 * 1024;

/// What the bytes received so far are.
#[derive(Debug, PartialEq)]
pub(super) enum Reply {
    /// The beginning of an answer.
    More,
    /// A complete answer of this many bytes. What comes after it belongs to whatever follows.
    Done(usize),
    /// Something with which the dialogue cannot go on, and why.
    No(String),
}

/// A dialogue over a connection, in turns: something is sent, and its answer is received.
pub(super) struct Dialogue {
    io: Transport,
    is_tunnel: bool,
    received: BytesMut,
    /// Whether the connection has ended or is lost.
    is_over: bool,
    /// How many bytes are read at a time.
    piece: u64,
    deadline: Deadline,
    step: Step,
    /// What is being done and with whom, for the error of a step that takes too long.
    doing: String,
    /// Makes the error of a dialogue that fails for this reason.
    error: Box<dyn Fn(String) -> Error + Send + Sync>,
}

impl Dialogue {
    /// Begins with what was read ahead, if there is anything.
    pub(super) fn new(
        connection: impl Into<Prefixed>,
        deadline: Deadline,
        step: Step,
        doing: String,
        error: impl Fn(String) -> Error + Send + Sync + 'static,
    ) -> Self {
        let Prefixed { ahead, io, is_tunnel } = connection.into();
        Self {
            io,
            is_tunnel,
            received: ahead.into(),
            is_over: false,
            piece: u64::MAX,
            deadline,
            step,
            doing,
            error: Box::new(error),
        }
    }

    /// Reads byte by byte, and so nothing of what comes after the last answer.
    pub(super) fn exactly(mut self, yes: bool) -> Self {
        self.piece = if yes { 1 } else { u64::MAX };
        self
    }

    /// Sends `say`, receives the answer and takes it, without a byte of what comes after it. `awaits` names the
    /// answer in messages.
    ///
    /// # Errors
    /// [`Error::Timeout`] at the deadline. Otherwise what `error` makes of the reason: the answer is not the
    /// right one, does not end, or the connection is closed or lost before its end.
    pub(super) async fn turn(
        &mut self,
        say: &[u8],
        awaits: &str,
        read: impl Fn(&[u8]) -> Reply,
    ) -> Result<Bytes, Error> {
        let waiting = format!("{}: waiting for {awaits}", self.doing);
        // What is given up must not look complete.
        self.io.reset_on_close();
        let answered = self.deadline.bound(self.step, self.exchange(say, awaits, read), || waiting).await?;
        self.io.end_on_close();
        let length = answered.map_err(&self.error)?;
        Ok(self.received.split_to(length).freeze())
    }

    /// What comes after the last answer, until that `is_enough` or `time` is over: for a message.
    pub(super) async fn rest(&mut self, is_enough: impl Fn(&[u8]) -> bool, time: Duration) -> &[u8] {
        let reading = async {
            while !is_enough(&self.received) {
                self.received.reserve(1024);
                if !matches!(self.io.read_buf(&mut self.received).await, Ok(1..)) {
                    return;
                }
            }
        };
        within(Some(time), reading).await;
        &self.received
    }

    /// Whether the connection was over before a byte of an answer that was waited for.
    pub(super) fn is_unanswered(&self) -> bool {
        self.is_over && self.received.is_empty()
    }

    /// What was received and is not part of an answer that was taken.
    pub(super) fn received(&self) -> &[u8] {
        &self.received
    }

    /// The connection after the dialogue, with what was received after the last answer.
    pub(super) fn end(self) -> Prefixed {
        Prefixed { ahead: self.received.freeze(), io: self.io, is_tunnel: self.is_tunnel }
    }

    /// The length of the answer, or why there is none.
    async fn exchange(
        &mut self,
        say: &[u8],
        awaits: &str,
        read: impl Fn(&[u8]) -> Reply,
    ) -> Result<usize, String> {
        self.say(say).await.map_err(|error| self.lost(&error, awaits))?;
        loop {
            match read(&self.received) {
                Reply::Done(length) => return Ok(length),
                Reply::No(reason) => return Err(reason),
                Reply::More if self.received.len() >= MAX_ANSWER => {
                    return Err(format!("{awaits} does not end: {}", quoted(&self.received)));
                }
                Reply::More => self.received.reserve(1024),
            }
            self.io.acknowledge_at_once();
            match (&mut self.io).take(self.piece).read_buf(&mut self.received).await {
                Ok(0) => return Err(self.closed(awaits)),
                Ok(_) => {}
                Err(error) => return Err(self.lost(&error, awaits)),
            }
        }
    }

    async fn say(&mut self, what: &[u8]) -> io::Result<()> {
        self.io.write_all(what).await?;
        self.io.flush().await
    }

    fn lost(&mut self, error: &io::Error, awaits: &str) -> String {
        self.is_over = true;
        format!("{} while waiting for {awaits}", reason(error))
    }

    fn closed(&mut self, awaits: &str) -> String {
        self.is_over = true;
        let closed = format!("the connection was closed before {awaits}");
        match &self.received[..] {
            [] => closed,
            part => format!("{closed} was complete: {}", quoted(part)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    /// A dialogue, and its other side, which has sent this before the dialogue reads anything.
    async fn dialogue(sent: &[u8]) -> (Dialogue, DuplexStream) {
        let (ours, mut theirs) = duplex(2 * MAX_ANSWER);
        theirs.write_all(sent).await.unwrap();
        let deadline = Deadline::after(Some(Duration::from_secs(3)));
        let error = |reason| Error::tls("a test", reason);
        (Dialogue::new(Transport::over(ours), deadline, Step::StartTls, "a test".to_owned(), error), theirs)
    }

    fn line(received: &[u8]) -> Reply {
        match received.iter().position(|&byte| byte == b'\n') {
            _ if received.starts_with(b"-") => Reply::No("refused".to_owned()),
            Some(end) => Reply::Done(end + 1),
            None => Reply::More,
        }
    }

    #[tokio::test]
    async fn answers_are_taken_in_turn_and_what_comes_after_the_last_is_handed_on() {
        let (mut dialogue, mut theirs) = dialogue(b"one\ntwo\nthe stream").await;
        assert_eq!(dialogue.turn(b"1", "one", line).await.unwrap(), "one\n");
        assert_eq!(dialogue.turn(b"2", "two", line).await.unwrap(), "two\n");
        let Prefixed { ahead, mut io, .. } = dialogue.end();
        assert_eq!(ahead, "the stream");
        let mut said = [0; 2];
        theirs.read_exact(&mut said).await.unwrap();
        assert_eq!(&said, b"12");
        theirs.write_all(b" goes on").await.unwrap();
        drop(theirs);
        let mut rest = Vec::new();
        io.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b" goes on");
    }

    #[tokio::test]
    async fn what_was_read_ahead_is_the_beginning_of_the_first_answer() {
        let (read_ahead, theirs) = dialogue(b"e\n").await;
        let mut dialogue = Dialogue { received: BytesMut::from("on"), ..read_ahead };
        assert_eq!(dialogue.turn(b"", "one", line).await.unwrap(), "one\n");
        drop(theirs);
    }

    #[tokio::test(start_paused = true)]
    async fn whatever_is_no_answer_is_an_error_that_names_what_was_waited_for() {
        let endless = vec![b'x'; MAX_ANSWER];
        for (sent, closes, wanted) in [
            (&b"-no\n"[..], false, "a test: refused"),
            (b"", false, "a test: waiting for the answer: timed out after 3 s"),
            (b"", true, "a test: the connection was closed before the answer"),
            (b"half", true, "a test: the connection was closed before the answer was complete: \"half\""),
            (b"half", false, "a test: waiting for the answer: timed out after 3 s"),
            (&endless, false, "a test: the answer does not end: \"xxx"),
        ] {
            let (mut dialogue, mut theirs) = dialogue(sent).await;
            if closes {
                theirs.shutdown().await.unwrap();
            }
            let error = dialogue.turn(b"", "the answer", line).await.unwrap_err().to_string();
            assert!(error.starts_with(wanted), "{error}");
            assert_eq!(dialogue.is_unanswered(), closes && sent.is_empty(), "{error}");
        }
    }
}
