//! Replays what asyncio's reader did, step by step: `tests/data/asyncio-streams.json`.

use std::io::ErrorKind;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::io::AsyncBufRead;

use super::StreamReader;
use super::feed::Feed;
use crate::certificate::hex;
use crate::error::Error;

const VECTORS: &str = include_str!("../../tests/data/asyncio-streams.json");

/// The vectors in which this reader differs, and what it does instead.
const DIFFERENT: [(&str, &str); 5] = [
    ("read exception", "what arrived before an error is read before it"),
    ("exception beats data and eof", "what arrived before an error is read before it"),
    ("readuntil limit, not found", "nothing more is received once the limit is passed, so it is not found"),
    ("readexactly negative", "a size is never negative"),
    ("two readers at once", "two calls at once do not compile"),
];

/// How many steps ask whether asyncio has paused reading. Here nothing reads ahead.
const PAUSED: usize = 9;

/// What happens to a call that has to wait.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Waiting {
    /// It is polled again.
    Kept,
    /// It is dropped, and called again.
    Cancelled,
}

#[test]
fn the_vectors_hold_but_for_the_named_differences() {
    let document: Value = serde_json::from_str(VECTORS).unwrap();
    let vectors = document["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 256);
    let steps = vectors.iter().flat_map(|vector| vector["steps"].as_array().unwrap());
    assert_eq!(steps.filter(|step| step[0] == "paused").count(), PAUSED);
    for waiting in [Waiting::Kept, Waiting::Cancelled] {
        let different = vectors.iter().filter_map(|vector| {
            let difference = Replay::new(vector, waiting).differs(vector)?;
            Some((vector["name"].as_str().unwrap(), difference))
        });
        let different: Vec<_> = different.collect();
        let names: Vec<_> = different.iter().map(|(name, _)| *name).collect();
        let known: Vec<_> = DIFFERENT.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, known, "{waiting:?}: {different:#?}");
    }
}

type Call = (StreamReader, Result<Option<Bytes>, Error>);

enum Reader {
    Idle(StreamReader),
    Waiting(Pin<Box<dyn Future<Output = Call>>>),
    Taken,
}

struct Replay {
    feed: Feed,
    reader: Reader,
    waiting: Waiting,
    /// The call that waits, where it was cancelled.
    cancelled: Option<Value>,
}

impl Replay {
    fn new(vector: &Value, waiting: Waiting) -> Self {
        let (feed, reader) = Feed::reader(number(&vector["limit"]));
        Self { feed, reader: Reader::Idle(reader), waiting, cancelled: None }
    }

    /// The first difference between what was expected and the result of a step.
    fn differs(mut self, vector: &Value) -> Option<String> {
        let mut expected = vector["expect"].as_array().unwrap().iter();
        for step in vector["steps"].as_array().unwrap() {
            let Some(came) = self.step(step) else { continue };
            let expected = with_our_errors(expected.next().unwrap());
            if came != expected && !came.is_null() {
                return Some(format!("{step}: {expected} expected, {came} came"));
            }
        }
        assert!(expected.next().is_none(), "{vector}: a step is missing");
        None
    }

    /// The result of a step: None if it has none, null if it cannot be checked now.
    fn step(&mut self, step: &Value) -> Option<Value> {
        match step[0].as_str().unwrap() {
            "feed" => self.feed.data(&bytes(&step[1])),
            "eof" => self.feed.eof(),
            "exc" => self.feed.error(kind(&step[1])),
            "buffer" => return Some(self.unread()),
            "at_eof" => return Some(self.at_eof()),
            "paused" => return Some(Value::Null),
            "resume" => return Some(self.resume()),
            _ => return Some(self.call(step)),
        }
        None
    }

    fn call(&mut self, call: &Value) -> Value {
        let Reader::Idle(reader) = std::mem::replace(&mut self.reader, Reader::Taken) else {
            return json!("it does not compile");
        };
        if self.waiting == Waiting::Kept {
            self.reader = Reader::Waiting(Box::pin(called(reader, call.clone())));
            return self.resume();
        }
        let mut reader = reader;
        let came = match poll(&mut Box::pin(outcome(&mut reader, call))) {
            Poll::Ready(came) => as_vector(came),
            Poll::Pending => {
                self.cancelled = Some(call.clone());
                json!({ "pending": true })
            }
        };
        self.reader = Reader::Idle(reader);
        came
    }

    fn resume(&mut self) -> Value {
        if let Some(call) = self.cancelled.take() {
            return self.call(&call);
        }
        let Reader::Waiting(call) = &mut self.reader else { panic!("nothing waits") };
        match poll(call) {
            Poll::Ready((reader, came)) => {
                self.reader = Reader::Idle(reader);
                as_vector(came)
            }
            Poll::Pending => json!({ "pending": true }),
        }
    }

    /// What was fed and not read, whether it has been received or not.
    fn unread(&self) -> Value {
        let Reader::Idle(reader) = &self.reader else { return Value::Null };
        json!({ "value": hex(&[reader.buffer(), &self.feed.unread()].concat()) })
    }

    /// A reader notices the end when it reads.
    fn at_eof(&mut self) -> Value {
        let Reader::Idle(reader) = &mut self.reader else { return Value::Null };
        let _ = Pin::new(&mut *reader).poll_fill_buf(&mut Context::from_waker(Waker::noop()));
        json!({ "value": reader.at_eof() })
    }
}

fn poll<F: Future + ?Sized>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

async fn called(mut reader: StreamReader, call: Value) -> Call {
    let came = outcome(&mut reader, &call).await;
    (reader, came)
}

async fn outcome(reader: &mut StreamReader, call: &Value) -> Result<Option<Bytes>, Error> {
    let argument = &call[1];
    match call[0].as_str().unwrap() {
        "read" if *argument == json!(-1) => reader.read_to_end().await.map(Some),
        "read" => reader.read(number(argument)).await.map(Some),
        "readline" => reader.readline().await,
        "readexactly" if *argument == json!(-1) => Err(Error::invalid("-1", "a size cannot be negative")),
        "readexactly" => reader.readexactly(number(argument)).await.map(Some),
        "readuntil" if argument.is_string() => reader.readuntil(&bytes(argument)).await.map(Some),
        "readuntil" => {
            let separators: Vec<_> = argument.as_array().unwrap().iter().map(bytes).collect();
            let separators: Vec<_> = separators.iter().map(Vec::as_slice).collect();
            reader.readuntil_any(&separators).await.map(Some)
        }
        other => panic!("{other}"),
    }
}

/// An outcome in the form of the vectors.
fn as_vector(came: Result<Option<Bytes>, Error>) -> Value {
    match came {
        Ok(data) => json!({ "ok": hex(&data.unwrap_or_default()) }),
        Err(Error::Incomplete { partial, expected }) => {
            json!({ "incomplete": { "partial": hex(&partial), "expected": expected } })
        }
        Err(Error::LimitOverrun { consumed, found }) => {
            json!({ "limit_overrun": { "consumed": consumed, "found": found } })
        }
        Err(Error::LineTooLong { .. }) => json!("the line is too long"),
        Err(Error::EmptySeparator) => json!("the separator is empty"),
        Err(Error::Lost { cause, .. }) => json!({ "exc": cause.kind().to_string() }),
        Err(other) => json!(other.to_string()),
    }
}

/// An expected outcome, with our errors in place of asyncio's.
fn with_our_errors(expected: &Value) -> Value {
    let found = |message: &Value| message == "Separator is found, but chunk is longer than limit";
    match expected.as_object().and_then(|object| object.iter().next()).unwrap() {
        (kind, overrun) if kind == "limit_overrun" => {
            json!({ "limit_overrun": { "consumed": overrun["consumed"], "found": found(&overrun["msg"]) } })
        }
        (kind, message) if kind == "value_error" => match message.as_str().unwrap() {
            empty if empty.starts_with("Separator should") => json!("the separator is empty"),
            long if long.starts_with("Separator is") => json!("the line is too long"),
            other => json!(other),
        },
        (key, name) if key == "exc" => json!({ "exc": kind(name).to_string() }),
        _ => expected.clone(),
    }
}

fn kind(name: &Value) -> ErrorKind {
    if name == "ConnectionResetError" { ErrorKind::ConnectionReset } else { ErrorKind::Other }
}

fn number(value: &Value) -> usize {
    value.as_u64().and_then(|n| n.try_into().ok()).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap().as_bytes();
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16).unwrap()).unwrap();
    text.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}
