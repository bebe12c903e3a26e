//! `open_datagrams`: a socket of its own for messages to one address.

use std::time::Duration;

use super::Limits;
use super::session::Datagrams;
use crate::endpoint::{Endpoint, Source};
use crate::error::Error;
use crate::stream::{ConnectOptions, Observer};
use crate::transport::{DatagramDial, connect_datagrams, name_setters};

/// How to open a session of datagrams.
///
/// # Example
///
/// ```
/// use std::net::{IpAddr, Ipv4Addr};
/// use std::time::Duration;
///
/// use astream::{DatagramOptions, Family};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), astream::Error> {
/// let [second, minute] = [1, 60].map(Duration::from_secs);
/// let options = DatagramOptions::new().family(Family::V4).numeric(true).timeout(second).idle_timeout(minute);
/// let from_here = options.clone().local_addr(IpAddr::from(Ipv4Addr::LOCALHOST));
/// let often = from_here.resolved(&"127.0.0.1:53".parse()?).await?;
/// let to_all_machines = options.interface("eth0").broadcast(true);
/// # Ok(())
/// # }
/// ```
#[must_use]
#[derive(Debug, Clone, Default)]
pub struct DatagramOptions {
    /// As a connection is opened, as far as that has a meaning for messages.
    how: ConnectOptions,
    limits: Limits,
    broadcast: bool,
}

/// All of these are used in the [example](DatagramOptions#example).
impl DatagramOptions {
    /// The defaults: both families, names looked up within 30 s.
    pub fn new() -> Self {
        Self::default()
    }

    /// As streams are opened.
    pub(crate) fn of(how: ConnectOptions) -> Self {
        let limits = Limits { observers: how.observers().clone(), ..Limits::default() };
        Self { how, limits, ..Self::default() }
    }

    name_setters!(how.names);

    /// How long looking the name up may take; 30 s by default. `None` is no limit.
    pub fn timeout(self, limit: impl Into<Option<Duration>>) -> Self {
        Self { how: self.how.timeout(limit), ..self }
    }

    /// Ends a session in which nothing has moved either way for this long, by default never: a call that receives
    /// then fails with [`Error::Idle`]. The clock runs only while a call waits to receive.
    pub fn idle_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.limits.idle = limit.into();
        self
    }

    /// Lets `observer` see all messages, besides those that were added before.
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.limits.observers.add(observer);
        self
    }

    /// Sends from this address, port or interface; the system chooses them by default. asyncio's `local_addr`.
    pub fn local_addr(self, source: impl Into<Source>) -> Self {
        Self { how: self.how.local_addr(source), ..self }
    }

    /// Sends by this network interface, `eth0` say, also to a multicast group.
    pub fn interface(self, name: impl Into<String>) -> Self {
        let source = self.how.source().interface(name);
        self.local_addr(source)
    }

    /// Allows the address to stand for all machines of a network, and receives from all of them. asyncio's
    /// `allow_broadcast`.
    pub fn broadcast(mut self, yes: bool) -> Self {
        self.broadcast = yes;
        self
    }

    /// Looks the host of `endpoint` up, for all sessions with that host that are opened with these options. May be
    /// cancelled.
    ///
    /// # Errors
    /// [`Error::Resolve`]; [`Error::Timeout`] after [`timeout`](Self::timeout); [`Error::Invalid`] for an address to
    /// listen on.
    pub async fn resolved(self, endpoint: &Endpoint) -> Result<Self, Error> {
        Ok(Self { how: self.how.resolved(endpoint).await?, ..self })
    }

    #[cfg(test)]
    pub(super) fn known(self, known: std::sync::Arc<crate::transport::Known>) -> Self {
        Self { how: self.how.known(known), ..self }
    }
}

/// Opens a session with `endpoint`: a UDP socket, or a Unix socket for datagrams, that sends to the first of its
/// addresses that there is a route to. Nothing is sent, so it is not known yet whether anything receives there. A message
/// from any other address is not received, unless the address is a multicast group or
/// [that of all machines](DatagramOptions::broadcast). asyncio's `create_datagram_endpoint(remote_addr=…)`. May be
/// cancelled.
///
/// Where a name has several addresses, one that refuses before anything has come is followed by the next, to which all
/// that was sent is sent again, in its order. Once more than 256 KiB were sent, the address stays.
///
/// ```
/// use astream::{DatagramOptions, DatagramServerOptions, Datagrams, Error, open_datagrams, serve_datagrams};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let echo = |peer: Datagrams| async move {
///     while let Ok(message) = peer.receive().await {
///         peer.send(&message).await?;
///     }
///     Ok::<_, Error>(())
/// };
/// let server = serve_datagrams(echo, &"127.0.0.1:0".parse()?, &DatagramServerOptions::new()).await?;
///
/// let address = server.local_addrs()[0].clone().try_into()?;
/// let session = open_datagrams(&address, &DatagramOptions::new()).await?;
/// session.send(b"hello").await?;
/// assert_eq!(session.receive().await?, "hello");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Error::Resolve`]; [`Error::Timeout`] of looking the name up; [`Error::Connect`] with every address that there
/// is no route to; [`Error::Invalid`] for an address to listen on.
pub async fn open_datagrams(endpoint: &Endpoint, options: &DatagramOptions) -> Result<Datagrams, Error> {
    open_datagrams_for(None, endpoint, options).await
}

/// The same, for the client with this number.
pub(crate) async fn open_datagrams_for(
    client: Option<u64>,
    endpoint: &Endpoint,
    options: &DatagramOptions,
) -> Result<Datagrams, Error> {
    let DatagramOptions { how, limits, broadcast } = options;
    // What was to be protected must not leave without that.
    let Some(dial) = how.dial_plain() else {
        return Err(Error::invalid(endpoint, "datagrams go neither over TLS nor through a proxy"));
    };
    let (connected, untried) =
        connect_datagrams(endpoint, DatagramDial { dial, broadcast: *broadcast }).await?;
    let session = Datagrams::connected(connected, untried, client, limits);
    tracing::info!("sending datagrams to {} from {}", session.peer_addr(), session.local_addr());
    Ok(session)
}
