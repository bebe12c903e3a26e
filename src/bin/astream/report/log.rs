//! The log, by tracing: off unless asked for, one line an event.

use std::fmt;

use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::cli::Report;

/// What is told without a flag.
#[derive(Clone, Copy)]
pub enum Default {
    /// Nothing: what goes wrong is in the last line.
    Silent,
    /// What goes wrong with one connection of a server.
    Warnings,
}

pub fn log(wanted: Report, default: Default) {
    let level = match (wanted.verbose, wanted.quiet, default) {
        (0, false, Default::Warnings) => LevelFilter::WARN,
        (0, _, _) => return,
        (1, _, _) => LevelFilter::INFO,
        _ => LevelFilter::DEBUG,
    };
    tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).event_format(Line).init();
}

/// `astream: message`.
struct Line;

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
        writer.write_str("astream: ")?;
        context.field_format().format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}
