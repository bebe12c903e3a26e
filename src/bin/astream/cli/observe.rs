//! What shows the bytes that move: a dump, a capture, digests, the progress.

use std::path::PathBuf;

use clap::builder::{PathBufValueParser, TypedValueParser};
use clap::{Args, ValueHint};

use super::units;

#[derive(Debug, Default, Clone, Args)]
pub struct ObserveOptions {
    /// Append each chunk that moves to FILE in hexadecimal and text; `-` is stderr [default: none]
    ///
    /// A line "# CONNECTION TIME PEER" begins each chunk: the number of the client (- where there is none), UTC, the address of
    /// the peer. The lines of xxd follow, with the offset in the direction, behind "> " for what is sent and "< " for what is
    /// received: of one connection, sed -n 's/^< //p' FILE | xxd -r is what was received. Under TLS it is the plain text. With
    /// --forward each byte is there twice: of the client, and of the target, whose address the line says.
    #[arg(long, hide_short_help = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub dump: Option<PathBuf>,
    /// Write what moves to FILE as packets, for Wireshark (pcapng); what FILE holds is replaced [default: none]
    ///
    /// The bytes, their times, addresses and ports are real, and the headers around them are made up: TCP or UDP, over IP for
    /// Unix sockets too. Under TLS it is the plain text. Comments of the first packet of a connection have the number of the
    /// client, what TLS has agreed on, and the certificate of the peer. FILE may be a pipe: --capture >(tshark -i -).
    #[arg(long, hide_short_help = true, value_name = "FILE", value_hint = ValueHint::FilePath,
          value_parser = PathBufValueParser::new().try_map(capture_file))]
    pub capture: Option<PathBuf>,
    /// Print the SHA-256 of what was sent and of what was received at the end of each connection
    #[arg(long, hide_short_help = true)]
    pub sha256: bool,
    /// Show on stderr how much has moved, how fast, and how long the rest takes if the size of stdin is known
    ///
    /// It is a line that changes where stderr is a terminal and stdout is not, and else a line each 5 s.
    #[arg(long, hide_short_help = true, conflicts_with = "quiet")]
    pub progress: bool,
    /// How many bytes will move, for --progress [default: the length of the file that stdin is]
    #[arg(long, hide_short_help = true, value_name = "SIZE", value_hint = ValueHint::Other, requires = "progress",
          value_parser = units::size)]
    pub size: Option<u64>,
}

/// A capture is no text, and stdout is the stream's.
fn capture_file(path: PathBuf) -> Result<PathBuf, &'static str> {
    if path.as_os_str() == "-" {
        return Err("a capture is no text for stdout or stderr; name a file, or a pipe as in >(tshark -i -)");
    }
    Ok(path)
}
