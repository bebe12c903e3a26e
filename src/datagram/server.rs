//! `serve_datagrams`: a session for each peer, each with a task of its own.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};

use super::Limits;
use super::inbox::Waiting;
use super::serve::{Service, Shared};
use super::session::Datagrams;
use super::sessions::Sessions;
use crate::endpoint::{Address, Endpoint};
use crate::error::Error;
use crate::policy::Moved;
use crate::stream::Observer;
use crate::transport::{Names, bind_datagrams, name_setters};

/// How long a session may be idle.
const IDLE: Duration = Duration::from_secs(60);

/// How many sessions there may be at once.
const SESSIONS: usize = 1024;

/// How to serve datagrams.
#[must_use]
#[derive(Debug, Clone)]
pub struct DatagramServerOptions {
    names: Names,
    interface: Option<String>,
    limits: Limits,
    sessions: usize,
}

impl Default for DatagramServerOptions {
    fn default() -> Self {
        Self {
            names: Names::default(),
            interface: None,
            limits: Limits { idle: Some(IDLE), ..Limits::default() },
            sessions: SESSIONS,
        }
    }
}

impl DatagramServerOptions {
    /// The defaults: both families, names looked up, 1024 sessions, each ended after 60 s in which nothing has
    /// moved.
    pub fn new() -> Self {
        Self::default()
    }

    name_setters!(names);

    /// Receives only what comes in by this network interface, `eth0` say; a multicast group is joined there.
    pub fn interface(mut self, name: impl Into<String>) -> Self {
        self.interface = Some(name.into());
        self
    }

    /// Ends a session in which nothing has moved either way for this long; 60 s by default. A call that receives
    /// then fails with [`Error::Idle`]. The clock runs only while a call waits to receive. `None` is no limit.
    pub fn idle_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.limits.idle = limit.into();
        self
    }

    /// Lets `observer` see all messages, besides those that were added before.
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.limits.observers.add(observer);
        self
    }

    /// How many sessions there are at most; 1024 by default, and at least one. A newcomer takes the place of the one
    /// that was idle longest.
    pub fn max_sessions(mut self, sessions: usize) -> Self {
        self.sessions = sessions;
        self
    }
}

/// A server of datagrams. Dropping it ends the receiving; sessions end when they have taken what had come.
#[derive(Debug)]
pub struct DatagramServer {
    shared: Arc<Shared>,
    local: Vec<Address>,
    receiving: Vec<AbortHandle>,
}

impl DatagramServer {
    /// The addresses that are bound, with their real port.
    pub fn local_addrs(&self) -> &[Address] {
        &self.local
    }

    /// Ends the receiving. A session that has taken what had come gets [`Error::Closed`]. Never waits; the addresses
    /// are free when the last session has gone.
    pub fn close(&self) {
        self.receiving.iter().for_each(AbortHandle::abort);
        self.shared.is_closed.send_replace(true);
        self.shared.sessions().iter().for_each(|session| session.end(Error::Closed));
    }

    /// Waits until the server is closed and its last session has ended. May be cancelled.
    pub async fn wait_closed(&self) {
        self.shared.is_over().await;
    }

    /// Waits until nothing has been sent or received in any session for this long. May be cancelled.
    ///
    /// # Errors
    /// [`Error::Idle`] if there has never been a session.
    pub async fn quiet(&self, limit: Duration) -> Result<(), Error> {
        loop {
            match limit.saturating_sub(self.shared.moved.still_for()) {
                Duration::ZERO if self.shared.sessions().begun() == 0 => {
                    return Err(Error::Idle { after: limit });
                }
                Duration::ZERO => return Ok(()),
                left => sleep(left).await,
            }
        }
    }
}

impl Drop for DatagramServer {
    fn drop(&mut self) {
        self.close();
    }
}

/// Binds every address of `endpoint`, on one port, and runs `handler` in a task of its own for each peer that sends
/// something: a session, whose first message is that one. Bound on return. asyncio's
/// `create_datagram_endpoint(local_addr=…)`, whose protocol is one for all peers.
///
/// An address that is a multicast group is joined. Answers leave from the address that the peer has sent to, also
/// where all addresses are bound (on Linux).
///
/// A session ends with its handler; when a newcomer takes its place, the handler is dropped. A handler that returns
/// an error or panics is logged, unless its session was over, and the server goes on. What a handler does not take
/// in time is dropped (256 KiB wait for each, and 16 MiB for all), and so is what it has not taken when it ends.
///
/// # Errors
/// [`Error::Resolve`], [`Error::Bind`].
///
/// # Panics
/// Outside of a tokio runtime.
pub async fn serve_datagrams<H, F, E>(
    handler: H,
    endpoint: &Endpoint,
    options: &DatagramServerOptions,
) -> Result<DatagramServer, Error>
where
    H: Fn(Datagrams) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: fmt::Display + Send + 'static,
{
    let DatagramServerOptions { names, interface, limits, sessions } = options;
    let sockets = bind_datagrams(endpoint, *names, interface.as_deref()).await?;
    let shared = Arc::new(Shared {
        sessions: Mutex::new(Sessions::new(*sessions)),
        is_closed: watch::Sender::new(false),
        waiting: Waiting::default(),
        moved: Arc::new(Moved::since(Instant::now())),
        limits: limits.clone(),
    });
    let local = sockets.iter().map(|socket| socket.local_addr().clone()).collect();
    let handler = Arc::new(handler);
    let receiving = sockets.into_iter().enumerate().map(|(number, socket)| {
        let (shared, handler) = (Arc::clone(&shared), Arc::clone(&handler));
        let service = Service { number, socket: Arc::new(socket), shared, handler };
        tokio::spawn(service.receive_all()).abort_handle()
    });
    let receiving = receiving.collect();
    Ok(DatagramServer { shared, local, receiving })
}
