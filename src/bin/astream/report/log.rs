//! The log, by tracing: off unless asked for, one line an event.

use std::fmt;
use std::io::{self, Write};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use super::event;
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
    let line = Line { json: wanted.json };
    tracing_subscriber::fmt().with_max_level(level).with_writer(|| NeverWaiting).event_format(line).init();
}

/// stderr without waiting and without errors: a line for which there is no room, or that cannot be written,
/// is dropped, because a log that is not read must not stop a server. (tracing would report an error with a
/// panic if stderr cannot be written.)
pub(super) struct NeverWaiting;

impl Write for NeverWaiting {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let stderr = rustix::stdio::stderr();
        let ready = poll(&mut [PollFd::new(&stderr, PollFlags::OUT)], Some(&Timespec::default()));
        // A pipe that is ready has room for any line.
        if ready.is_ok_and(|count| count > 0) {
            return Ok(io::stderr().write(line).unwrap_or(line.len()));
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The client that is served, which is the only field of the only kind of span.
fn peer<S, N>(context: &FmtContext<'_, S, N>) -> Option<String>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    let span = context.event_scope()?.next()?;
    let extensions = span.extensions();
    let fields = extensions.get::<FormattedFields<N>>()?;
    fields.strip_prefix("peer=").map(str::to_owned)
}

/// `astream: message`, or an object.
struct Line {
    json: bool,
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
        let peer = peer(context);
        if !self.json {
            writer.write_str("astream: ")?;
            if let Some(peer) = &peer {
                write!(writer, "{peer}: ")?;
            }
            context.field_format().format_fields(writer.by_ref(), event)?;
            return writeln!(writer);
        }
        let mut message = String::new();
        context.field_format().format_fields(Writer::new(&mut message), event)?;
        let event = match *event.metadata().level() {
            Level::ERROR | Level::WARN => event::Event::Warning { message: &message },
            Level::INFO => event::Event::Log { level: "info", message: &message, peer: peer.as_deref() },
            _ => event::Event::Log { level: "debug", message: &message, peer: peer.as_deref() },
        };
        writeln!(writer, "{}", event.json())
    }
}
