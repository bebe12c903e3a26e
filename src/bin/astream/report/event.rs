//! What happens and is reported: a line for a person, or an object for a program (`docs/json-schema.json`).

use std::fmt;
use std::path::Path;

use astream::{Address, Direction, Endpoint, Error, Pin, ProbeSeries, Timestamp, TlsInfo, Totals};

use super::connection::Name;
use super::ends::{ending, mean, opening};
use super::figures::Figures;
use super::hint::{hint, hinted};
use super::json::Object;
use super::line::now;
use super::members::{certificate, handshake, probed, progress, repeated};
use super::probed::{Checked, summary};
use super::terminal::{Tone, shows_messages};

/// One thing that is reported.
pub enum Event<'a> {
    /// A server is bound.
    Listening { addresses: &'a [Address] },
    /// A server has a key of its own, fresh or kept in a file; with this command a client connects.
    OwnKey { pin: Pin, kept_in: Option<&'a Path>, command: &'a str },
    /// A server has read its files anew; its certificate, if one was read, is valid until then.
    Reloaded { not_after: Option<Timestamp> },
    /// Something that can do harm, by the client with this number and address if it is of one.
    Warning { message: &'a str, client: Option<(Option<u64>, &'a str)> },
    /// Something to try, where nothing has failed.
    Hint { message: &'a str },
    /// A line of the log, of a client with this number and address if it is of one.
    Log { level: &'a str, message: &'a str, client: Option<(Option<u64>, &'a str)> },
    /// A connection was made, by us.
    Connected { peer: &'a Address, local: &'a Address },
    /// A connection was made, by a client that `proxy` may have introduced.
    Accepted { name: &'a Name, local: &'a Address, proxy: Option<&'a Address>, tls: Option<&'a TlsInfo> },
    /// The result of a connection's handshake.
    Tls { name: &'a Name, tls: &'a TlsInfo },
    /// A connection has ended, which a relay may have led to `target`.
    Closed {
        name: &'a Name,
        totals: Totals,
        target: Option<&'a Endpoint>,
        error: Option<&'a Error>,
        seconds: f64,
        /// Whether a signal ends the program while it is open.
        is_interrupted: bool,
    },
    /// The SHA-256 of what a connection has moved in one direction, in hexadecimal.
    Digest { name: &'a Name, direction: Direction, sha256: &'a str },
    /// How much has moved, with `--progress`.
    Progress { figures: &'a Figures },
    /// A port was probed.
    Probed(&'a Checked),
    /// A port was checked several times.
    Summary { endpoint: &'a Endpoint, series: &'a ProbeSeries },
    /// The program ends with this.
    Failed { status: u8, message: &'a str, hint: Option<&'a str>, error: Option<&'a Error> },
}

/// When an event is reported.
#[derive(PartialEq, Eq)]
pub enum Level {
    /// Always.
    Always,
    /// Unless `--quiet` is given.
    Notice,
    /// With `-v`, and in JSON like a notice.
    Fact,
}

impl Event<'_> {
    pub fn level(&self) -> Level {
        match self {
            Self::Failed { .. } | Self::Digest { .. } => Level::Always,
            Self::Probed(checked) if checked.status() != 0 => Level::Always,
            Self::Listening { .. }
            | Self::OwnKey { .. }
            | Self::Reloaded { .. }
            | Self::Warning { .. }
            | Self::Hint { .. }
            | Self::Progress { .. }
            | Self::Log { .. }
            | Self::Probed(_)
            | Self::Summary { .. } => Level::Notice,
            // Who has pressed ^C sees how much has moved.
            Self::Closed { is_interrupted: true, .. } if shows_messages() => Level::Notice,
            Self::Connected { .. } | Self::Accepted { .. } | Self::Tls { .. } | Self::Closed { .. } => {
                Level::Fact
            }
        }
    }

    /// How its line begins.
    pub fn tone(&self) -> Tone {
        match self {
            Self::Failed { .. } => Tone::Error,
            Self::Warning { .. } | Self::Hint { .. } => Tone::Warning,
            Self::Closed { is_interrupted: true, .. } => Tone::NewLine,
            _ => Tone::Plain,
        }
    }

    /// The number of the client that it is of.
    fn connection(&self) -> Option<u64> {
        match self {
            Self::Accepted { name, .. }
            | Self::Tls { name, .. }
            | Self::Digest { name, .. }
            | Self::Closed { name, .. } => name.number,
            Self::Warning { client, .. } | Self::Log { client, .. } => client.and_then(|(number, _)| number),
            _ => None,
        }
    }

    /// The line for a person; None if the log has printed it.
    pub fn text(&self) -> Option<String> {
        Some(match self {
            Self::Listening { addresses } => {
                let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
                format!("listening on {}", addresses.join(", "))
            }
            Self::OwnKey { kept_in: Some(file), command, .. } => {
                format!("the key in {}; connect with: {command}", file.display().to_string().escape_debug())
            }
            Self::OwnKey { command, .. } => format!("a fresh key; connect with: {command}"),
            Self::Reloaded { not_after } => {
                let until = not_after
                    .map_or_else(String::new, |end| format!("; the certificate is valid until {end}"));
                format!("all files were read anew, for new connections{until}")
            }
            Self::Hint { message } => format!("hint: {message}"),
            Self::Warning { message, .. } | Self::Log { message, .. } => (*message).to_owned(),
            Self::Connected { .. } | Self::Tls { .. } => return None,
            Self::Accepted { name, proxy, tls, .. } => opening(name, *proxy, *tls),
            Self::Closed { name, totals, target, error, seconds, .. } => {
                let totals = format!("{name}: {totals} in {seconds:.3} s{}", mean(totals, *seconds));
                // The error of our own connection is in the last line.
                if name.number.is_some() { totals + &ending(*target, *error) } else { totals }
            }
            Self::Digest { name, direction, sha256 } => {
                let name = name.number.map_or_else(String::new, |_| format!("{name}: "));
                format!("{name}{sha256}  {direction}")
            }
            Self::Progress { figures } => figures.to_string(),
            Self::Probed(checked) => checked.text(),
            Self::Summary { endpoint, series } => summary(endpoint, series),
            Self::Failed { message, hint, .. } => hinted(message, *hint),
        })
    }

    /// The object for a program, on one line: an arm for each event.
    pub fn json(&self) -> String {
        let event = |name: &str| {
            let object = Object::new().text("event", name).text("time", &now());
            object.number("connection", self.connection())
        };
        match self {
            Self::Listening { addresses } => event("listening").texts("addresses", *addresses),
            Self::OwnKey { pin, kept_in, command } => {
                let name = if kept_in.is_some() { "kept_key" } else { "fresh_key" };
                event(name).text("pin", pin).text("command", command)
            }
            Self::Reloaded { not_after } => event("reloaded").maybe("not_after", not_after.as_ref()),
            Self::Hint { message } => event("hint").text("message", message),
            Self::Warning { message, client } => {
                event("warning").text("message", message).maybe("peer", client.map(|(_, peer)| peer))
            }
            Self::Log { level, message, client } => event("log")
                .text("level", level)
                .text("message", message)
                .maybe("peer", client.map(|(_, peer)| peer)),
            Self::Connected { peer, local } => event("connected").text("peer", peer).text("local", local),
            Self::Accepted { name, local, proxy, .. } => {
                event("accepted").text("peer", &name.peer).text("local", local).maybe("proxy", *proxy)
            }
            Self::Tls { name, tls } => handshake(event("tls").text("peer", &name.peer), tls)
                .objects("certificates", tls.peer_certificates.iter().map(certificate)),
            Self::Closed { name, totals, target, error, seconds, .. } => event("closed")
                .text("peer", &name.peer)
                .maybe("target", *target)
                .number("sent", counted(totals, totals.sent))
                .number("received", counted(totals, totals.received))
                .raw("seconds", &format_args!("{seconds:.6}"))
                .maybe("error", *error),
            Self::Digest { name, direction, sha256 } => {
                event("digest").text("peer", &name.peer).text("direction", direction).text("sha256", sha256)
            }
            Self::Progress { figures } => progress(event("progress"), figures),
            Self::Probed(checked) => probed(event("probe"), checked),
            Self::Summary { endpoint, series } => repeated(event("summary").text("target", endpoint), series),
            Self::Failed { status, message, hint, error } => {
                let shown = error.map_or(&[][..], Error::peer_certificates);
                event("error")
                    .raw("status", status)
                    .text("message", message)
                    .maybe("hint", *hint)
                    .objects("certificates", shown.iter().map(certificate))
            }
        }
        .end()
    }
}

/// A number of bytes, if they were counted.
fn counted(totals: &Totals, bytes: u64) -> Option<u64> {
    (!totals.is_uncounted).then_some(bytes)
}

/// An error with what to do about it, for a log that takes anything that can be displayed.
pub struct Hinted(pub Error);

impl fmt::Display for Hinted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hinted(&self.0.to_string(), hint(&self.0).as_deref()))
    }
}
