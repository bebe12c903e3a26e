//! Reports events, one per line, as text or as JSON: on stderr, and on stdout what was asked for.

mod connection;
mod ends;
mod event;
mod exit;
mod figures;
#[cfg(test)]
mod generated;
mod hint;
mod json;
mod line;
mod log;
mod members;
mod probed;
pub mod progress;
pub mod stderr;
mod terminal;
pub mod waiting;

use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::sync::OnceLock;

use astream::{Address, Endpoint, TlsInfo};

use crate::cli::{Own, Report};
pub use connection::{Connection, Name, interrupted};
use event::Level;
pub use event::{Event, Hinted};
pub use exit::{Ending, finish, not_run, status};
pub use line::{now, printable};
pub use log::Quietness;
pub use probed::Checked;
use terminal::toned;

/// How much is reported, and in which form; set once, by [`start`].
static WANTED: OnceLock<Report> = OnceLock::new();

/// Sets how events are reported.
pub fn start(wanted: Report, quietness: Quietness) {
    let _ = WANTED.set(wanted);
    log::start(wanted, quietness);
}

/// Reports an event on stderr, if it is one that was asked for.
pub fn report(event: &Event) {
    let wanted = WANTED.get().copied().unwrap_or_default();
    let is_wanted = match event.level() {
        Level::Always => true,
        Level::Notice => !wanted.quiet,
        Level::Fact => wanted.verbose > 0 || (wanted.json && !wanted.quiet),
    };
    if !is_wanted {
        return;
    }
    let line = if wanted.json {
        Some(event.json())
    } else {
        event.text().map(|text| toned(line::line(&text, wanted.log_time), event.tone()))
    };
    let Some(line) = line else { return };
    let line = line + "\n";
    // A server reports facts without end, and stderr may not be read.
    let written = match event.level() {
        Level::Fact => stderr::NeverWaiting.write_all(line.as_bytes()),
        _ => stderr::write(line.as_bytes()),
    };
    // That stderr has no reader is no reason to stop.
    let _ = written;
}

/// Prints an event on `stdout`, because it is what the program was run for, without the prefix.
///
/// # Errors
/// It cannot be written.
pub fn print(event: &Event, stdout: &mut impl Write) -> io::Result<()> {
    let wanted = WANTED.get().copied().unwrap_or_default();
    if wanted.quiet && event.level() != Level::Always {
        return Ok(());
    }
    let line = if wanted.json { event.json() } else { printable(&event.text().unwrap_or_default()) };
    stdout.write_all((line + "\n").as_bytes())
}

/// To a person at a terminal: a connection is there, or has ended. The log says it with `-v`.
pub fn greet(message: &str) {
    let wanted = WANTED.get().copied().unwrap_or_default();
    if wanted.verbose == 0 && !wanted.json && terminal::is_interactive() {
        report(&Event::Log { level: "info", message, client: None });
    }
}

/// Whether the end of a connection is reported also where a signal ends the program.
pub fn has_last_word() -> bool {
    let wanted = WANTED.get().copied().unwrap_or_default();
    wanted.verbose > 0 || (!wanted.quiet && (wanted.json || terminal::shows_messages()))
}

/// Something that can do harm.
pub fn warn(message: &str) {
    report(&Event::Warning { message, client: None });
}

/// Reports what `--insecure` has accepted.
pub fn unverified(tls: &TlsInfo) {
    let found = tls.unverified.as_deref().unwrap_or("verification would have succeeded");
    warn(&format!(
        "the server's certificate is not verified (--insecure), so anyone may be answering: {found}"
    ));
}

/// The certificate of a listener, if clients that verify it refuse it.
pub fn refused_by_clients(own: &Own) {
    if let Some(flaw) = own.identity.flaw_as_server() {
        let pin = own.identity.pin();
        warn(&format!(
            "{}: {flaw}; clients that verify it refuse it, and need --pin {pin}",
            shown(&own.file)
        ));
    }
}

/// The certificate that is shown to servers, if those that verify it refuse it.
pub fn refused_by_servers(own: &Own) {
    if let Some(flaw) = own.identity.flaw_as_client() {
        warn(&format!("{}: {flaw}; servers that verify it refuse it", shown(&own.file)));
    }
}

fn shown(file: &Path) -> impl fmt::Display {
    file.display().to_string().escape_debug().to_string()
}

/// The answer to what was sent without TLS is an alert.
pub fn speaks_tls(peer: &Address) {
    warn(&format!("{peer} answered with a TLS alert: the peer speaks TLS (--tls)"));
}

/// What came without TLS is the beginning of a handshake.
pub fn began_tls(peer: &Address) {
    warn(&format!("{peer} began a TLS handshake, and what was received is that and not its data (--tls)"));
}

/// The same as [`unverified`] for a relay, which connects to its target only later and perhaps often.
pub fn unverified_target(target: &Endpoint) {
    warn(&format!(
        "the certificate of {target} is not verified (--forward-insecure), so anyone may be answering"
    ));
}

/// The only client of a listener has sent nothing.
pub fn unused(peer: &Address) {
    let message =
        &format!("{peer} has ended without a byte, as a probe of the port does (-k serves others too)");
    report(&Event::Hint { message });
}

/// The peer has ended right after our end.
pub fn unanswered() {
    let message = "the peer ended right after our end and sent nothing more; if an answer was expected, \
                   --no-shutdown sends our end only after the peer's (--send-only: none was)";
    report(&Event::Hint { message });
}
