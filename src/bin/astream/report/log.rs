//! The log, by tracing: off unless asked for, one line an event.

use std::error::Error;
use std::fmt::{self, Write};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use super::event;
use super::hint::{hint_of_client, hinted};
use super::line::line;
use super::stderr::NeverWaiting;
use super::terminal::{Tone, toned};
use crate::cli::Report;

/// What is logged without a flag.
#[derive(Clone, Copy)]
pub enum Quietness {
    /// Nothing: the error is in the last line.
    Silent,
    /// The failures of single connections of a server.
    Warnings,
}

pub(super) fn start(wanted: Report, quietness: Quietness) {
    let level = match (wanted.verbose, wanted.quiet, quietness) {
        (0, false, Quietness::Warnings) => LevelFilter::WARN,
        (0, _, _) => return,
        (1, _, _) => LevelFilter::INFO,
        _ => LevelFilter::DEBUG,
    };
    let format = Line { json: wanted.json, has_time: wanted.log_time };
    tracing_subscriber::fmt().with_max_level(level).with_writer(|| NeverWaiting).event_format(format).init();
}

/// The number and the address of the client that is served, which are the fields of the only kind of span; without a
/// number it is one whose handshake has failed.
fn client<S, N>(context: &FmtContext<'_, S, N>) -> Option<(Option<u64>, String)>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    let span = context.event_scope()?.next()?;
    let extensions = span.extensions();
    let fields = extensions.get::<FormattedFields<N>>()?;
    let (number, peer) = fields.split_once("peer=")?;
    let number = number.strip_prefix("number=").and_then(|number| number.trim_end().parse().ok());
    Some((number, peer.to_owned()))
}

/// What a line says: a text, or the error that kept a client out.
#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, _: &Field, text: &dyn fmt::Debug) {
        let _ = write!(self.0, "{text:?}");
    }

    fn record_error(&mut self, _: &Field, error: &(dyn Error + 'static)) {
        let hint = error.downcast_ref().and_then(hint_of_client);
        self.0.push_str(&hinted(&error.to_string(), hint));
    }
}

/// `astream: message`, or an object.
struct Line {
    json: bool,
    has_time: bool,
}

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let client = client(context);
        let mut message = Message::default();
        event.record(&mut message);
        let Message(mut message) = message;
        if !self.json {
            if let Some((Some(number), peer)) = &client {
                message.insert_str(0, &format!("#{number} {peer}: "));
            }
            let is_warning = *event.metadata().level() <= Level::WARN;
            let tone = if is_warning { Tone::Warning } else { Tone::Plain };
            return writeln!(writer, "{}", toned(line(&message, self.has_time), tone));
        }
        let client = client.as_ref().map(|(number, peer)| (*number, peer.as_str()));
        let event = match *event.metadata().level() {
            Level::ERROR | Level::WARN => event::Event::Warning { message: &message, client },
            Level::INFO => event::Event::Log { level: "info", message: &message, client },
            _ => event::Event::Log { level: "debug", message: &message, client },
        };
        writeln!(writer, "{}", event.json())
    }
}
