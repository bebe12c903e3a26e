//! Runs a command for each connection, with the connection as its stdin and stdout.

mod child;
mod datagrams;
mod environment;
#[cfg_attr(target_os = "linux", path = "exit_linux.rs")]
mod exit;
mod pipes;
mod socket;

use std::ffi::OsString;
use std::future::ready;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{self, ExitStatus, Stdio};
use std::time::Duration;

use rustix::fs::{Access, access};

use super::{Handler, Outcome, Use};
use crate::error::Error;
use crate::stream::{StreamReader, StreamWriter, is_bare};
use child::Child;
use environment::Environment;

/// How often the end of a process is looked for where no event reports it.
const PAUSE: Duration = Duration::from_millis(20);

/// Runs a command for each connection, without a shell: what the peer sends is its stdin, and its stdout is what the peer
/// receives. Its stderr is ours.
///
/// - A plain socket is given to the command itself, in blocking mode. Under TLS, with an idle timeout, or
///   [by streams](crate::ServerOptions::by_streams), pipes stand in between.
/// - The peer's end is the end of its stdin. A command that closes its stdin may go on writing.
/// - Our end is sent when the command has ended, after everything that it has written. A process that it leaves behind no
///   longer reaches the peer. A command that is killed by a signal has its connection aborted.
/// - A connection that is lost ends the command: SIGTERM to its process group, and SIGKILL 5 s later. So does dropping
///   the handler's future.
///
/// A session of datagrams has pipes: each message is written to the command's stdin, and what the command writes at once is
/// a message.
///
/// The [status](Outcome::status) is that of the command, or 128 and the number of the signal that killed it; it is 0 if
/// the connection was lost and the command had to be ended for it.
///
/// The environment is ours, without `LISTEN_*` and `NOTIFY_SOCKET`, and with what [UCSPI] says about the connection:
/// `PROTO`, `TCPREMOTEIP`, `TCPREMOTEPORT`, `TCPLOCALIP`, `TCPLOCALPORT`, or `UNIXLOCALPATH` and so on; under TLS also
/// `SSL_PROTOCOL`, `SSL_CIPHER`, `SSL_TLS_SNI`, `SSL_ALPN`, `SSL_CLIENT_S_DN` and `SSL_CLIENT_PIN`.
///
/// ```no_run
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), astream::Error> {
/// use std::sync::Arc;
///
/// use astream::handlers::{Command, Handler};
/// use astream::{ServerOptions, StreamReader, StreamWriter, start_server};
///
/// let sort = Arc::new(Command::new("sort", ["-n"])?);
/// let handler = move |reader: StreamReader, writer: StreamWriter| {
///     let sort = Arc::clone(&sort);
///     async move { sort.handle(reader, writer).await.result }
/// };
/// let server = start_server(handler, &"127.0.0.1:8080".parse()?, &ServerOptions::new()).await?;
/// server.serve_forever().await
/// # }
/// ```
///
/// [UCSPI]: https://cr.yp.to/proto/ucspi.txt
#[derive(Debug, Clone)]
pub struct Command {
    program: OsString,
    arguments: Vec<OsString>,
}

impl Command {
    /// A command with these arguments. A name without a slash is looked up in `PATH`.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there is no such program, or it cannot be run.
    pub fn new<S: Into<OsString>>(
        program: impl Into<OsString>,
        arguments: impl IntoIterator<Item = S>,
    ) -> Result<Self, Error> {
        let program = program.into();
        if !is_there(&program) {
            let reason = "there is no such command, or it may not be run";
            return Err(Error::invalid(program.to_string_lossy(), reason));
        }
        Ok(Self { program, arguments: arguments.into_iter().map(Into::into).collect() })
    }

    /// Starts it, in a process group of its own.
    fn start(&self, environment: &Environment, stdin: Stdio, stdout: Stdio) -> Result<Child, Error> {
        let mut command = process::Command::new(&self.program);
        command.args(&self.arguments).stdin(stdin).stdout(stdout);
        environment.apply(&mut command);
        Child::start(command)
            .map_err(|cause| Error::other(format_args!("cannot start {}: {cause}", self.name())))
    }

    fn name(&self) -> impl std::fmt::Display + '_ {
        self.program.display()
    }

    /// What follows from the end of the command.
    fn outcome(&self, Ended { status, connection }: Ended) -> Outcome {
        let Some(status) = status else { return connection.into() };
        if let Some(signal) = status.signal() {
            let killed = Error::other(format_args!("{} was killed by signal {signal}", self.name()));
            let code = u8::try_from(128 + signal).unwrap_or(1);
            return Outcome { status: code, ..connection.and(Err(killed)).into() };
        }
        let code = u8::try_from(status.code().unwrap_or(1)).unwrap_or(1);
        tracing::info!("{} has ended with status {code}", self.name());
        Outcome { status: code, ..connection.into() }
    }
}

/// How a command and its connection have ended.
struct Ended {
    /// None if the command was ended because the connection was lost.
    status: Option<ExitStatus>,
    connection: Result<(), Error>,
}

impl Handler for Command {
    async fn handle(&self, reader: StreamReader, writer: StreamWriter) -> Outcome {
        let environment = Environment::of(&reader);
        let guard = writer.abort_guard();
        let ended = if is_bare(&reader, &writer) && !reader.traffic().has_limit() {
            Box::pin(socket::run(self, &environment, reader, writer, guard)).await
        } else {
            Box::pin(pipes::run(self, &environment, reader, writer, guard)).await
        };
        match ended {
            Ok(ended) => self.outcome(ended),
            Err(error) => Err(error).into(),
        }
    }

    /// A connection that is not lost already is in use at once: the command may be the first to send.
    async fn in_use(&self, reader: &StreamReader) -> Result<Use, Error> {
        tokio::select! {
            biased;
            arrived = reader.arrived() => arrived?,
            () = ready(()) => {}
        }
        Ok(Use::Certain)
    }
}

/// Whether a program can be run under this name.
fn is_there(program: &OsString) -> bool {
    let runs = |path: &Path| path.is_file() && access(path, Access::EXEC_OK).is_ok();
    if program.as_encoded_bytes().contains(&b'/') {
        return runs(Path::new(program));
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| runs(&folder.join(program)))
}
