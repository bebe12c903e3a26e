//! How to open a connection: the options.

use std::sync::Arc;
use std::time::Duration;

use super::limits::limit_setters;
use super::retry::Retry;
use super::{Limits, Observers, SETUP_TIMEOUT};
use crate::endpoint::{Address, Endpoint, Family, Source};
use crate::error::Error;
use crate::policy::Deadline;
use crate::transport::proxy::Proxy;
use crate::transport::starttls::StartTls;
use crate::transport::tls::{Connector, TlsClient};
use crate::transport::{Dial, Eyeballs, Known, Names, ThisEnd, is_target, name_setters};

/// How to open a connection.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use astream::{ConnectOptions, Family, StartTls, TlsClient};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), astream::Error> {
/// let [second, minute] = [1, 60].map(Duration::from_secs);
/// let patient = ConnectOptions::new().timeout(5 * second).retry_for(minute).idle_timeout(5 * minute);
/// let mail = patient.clone().tls(TlsClient::new()).starttls(StartTls::Smtp).limit(1024).close_timeout(second);
/// let racing = patient.clone().first_family(Family::V4).happy_eyeballs_delay(second / 10).interleave(2);
/// let direct = patient.family(Family::V4).numeric(true).multipath(true).by_streams(true);
/// let often = direct.resolved(&"127.0.0.1:80".parse()?).await?;
/// # Ok(())
/// # }
/// ```
#[must_use]
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    pub(crate) names: Names,
    known: Option<Arc<Known>>,
    eyeballs: Eyeballs,
    this_end: ThisEnd,
    pub(super) proxies: Vec<Proxy>,
    pub(super) timeout: Option<Duration>,
    retry: Option<Retry>,
    tls: Option<TlsClient>,
    pub(super) starttls: Option<StartTls>,
    pub(super) limits: Limits,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            names: Names::default(),
            known: None,
            eyeballs: Eyeballs::default(),
            this_end: ThisEnd::default(),
            proxies: Vec::new(),
            timeout: Some(SETUP_TIMEOUT),
            retry: None,
            tls: None,
            starttls: None,
            limits: Limits::default(),
        }
    }
}

/// Most of these are used in the [example](ConnectOptions#example), and proxies in that of [`Proxy`].
impl ConnectOptions {
    /// The defaults: both families, names looked up, 30 s, no TLS, lines of up to 64 KiB.
    pub fn new() -> Self {
        Self::default()
    }

    name_setters!(names);

    /// Reaches the target through this proxy; given repeatedly, through a chain of proxies, whose first one is
    /// connected to from here. [`family`](Self::family) is then about that connection; with
    /// [`numeric`](Self::numeric) the target too must be an IP address. TLS is with the target all the same, and
    /// verified for its name.
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.proxies.push(proxy);
        self
    }

    /// What sees the bytes.
    pub(crate) fn observers(&self) -> &Observers {
        &self.limits.observers
    }

    /// The proxies on the way to a target, in their order.
    pub fn proxies(&self) -> &[Proxy] {
        &self.proxies
    }

    /// Connects from this address, port or interface. Addresses of the target that are of the other family are
    /// left out. asyncio's `local_addr`.
    ///
    /// ```
    /// use std::net::{IpAddr, Ipv4Addr};
    ///
    /// use astream::{ConnectOptions, Source};
    ///
    /// let options = ConnectOptions::new().local_addr(Source::from(IpAddr::from(Ipv4Addr::LOCALHOST)));
    /// let by_port = ConnectOptions::new().local_addr(Source::default().port(1024));
    /// ```
    pub fn local_addr(mut self, source: impl Into<Source>) -> Self {
        self.this_end.source = Some(Arc::new(source.into()));
        self
    }

    /// Uses several paths at once, and goes on when one of them fails, if the peer has multipath TCP as well
    /// (RFC 8684); otherwise plain TCP. Linux only: elsewhere connecting fails with [`Error::Connect`].
    pub fn multipath(mut self, yes: bool) -> Self {
        self.this_end.multipath = yes;
        self
    }

    /// How long one address of a name has before the next one is tried beside it; 250 ms by default
    /// (RFC 8305, 5). `None` tries one after the other. asyncio's `happy_eyeballs_delay`.
    pub fn happy_eyeballs_delay(mut self, delay: impl Into<Option<Duration>>) -> Self {
        self.eyeballs.delay = delay.into();
        self
    }

    /// The family whose addresses are tried first; [`Family::Any`], the default, is the one that the resolver
    /// puts first.
    pub fn first_family(mut self, family: Family) -> Self {
        self.eyeballs.first = family;
        self
    }

    /// How many addresses of the first family are tried before the two take turns; 1 by default. 0 does not
    /// make them take turns at all. asyncio's `interleave`.
    pub fn interleave(mut self, addresses: usize) -> Self {
        self.eyeballs.lead = addresses;
        self
    }

    /// The limit of the whole set-up: name, connection, STARTTLS and TLS handshake; 30 s by default. `None`
    /// is no limit: then only the system limits connecting, and a server that sends nothing is waited for
    /// without end.
    pub fn timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.timeout = limit.into();
        self
    }

    /// Tries again for this long, by default never, what fails for a reason that may pass: a name that does not
    /// resolve yet, a port that refuses, a handshake that is cut short. Verification that fails, and what this
    /// side has to change, does not pass. The pauses grow from 50 ms to 1 s. [`timeout`](Self::timeout) is the
    /// limit of each try, and this the limit of all together, after which the error is that of the last one. What
    /// is waited for is logged as a warning, once for each reason.
    pub fn retry_for(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.retry = limit.into().map(Retry::For);
        self
    }

    /// Speaks TLS.
    pub fn tls(mut self, tls: TlsClient) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Asks the server in its own protocol to start TLS, and then speaks TLS, with the options of `tls` or
    /// else the defaults. The greeting before the handshake is not passed on: a mail client greets the server
    /// anew.
    pub fn starttls(mut self, protocol: StartTls) -> Self {
        self.starttls = Some(protocol);
        self.tls.get_or_insert_default();
        self
    }

    limit_setters!();
}

impl ConnectOptions {
    /// Looks the host of `endpoint` up, or that of the first proxy, for all connections to that host that are
    /// made with these options. Otherwise each of them asks anew, which is right for a program that runs for long. A
    /// Unix socket has no host. With [`retry_for`](Self::retry_for), the time of all these connections begins now.
    /// May be cancelled.
    ///
    /// # Errors
    /// [`Error::Resolve`]; [`Error::Timeout`] after [`timeout`](Self::timeout); [`Error::Invalid`] for
    /// an address to listen on.
    pub async fn resolved(mut self, endpoint: &Endpoint) -> Result<Self, Error> {
        self.retry = self.retry.map(|retry| Retry::Until(retry.end()));
        let options = &self;
        let first = options.proxies.first().map_or(endpoint, Proxy::endpoint);
        let look_up = |deadline| async move { options.dial(deadline).look_up(first).await };
        self.known = self.retrying(look_up).await?;
        Ok(self)
    }

    #[cfg(test)]
    pub(crate) fn known(mut self, known: Arc<Known>) -> Self {
        self.known = Some(known);
        self
    }

    /// Makes a connection, or what leads to one, in as many tries as there may be; each has a deadline.
    pub(super) async fn retrying<T, F>(&self, attempt: impl Fn(Deadline) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        self.in_tries(self.timeout, attempt).await
    }

    /// The same with another limit of each try.
    pub(super) async fn in_tries<T, F>(
        &self,
        timeout: Option<Duration>,
        attempt: impl Fn(Deadline) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        match self.retry {
            Some(retry) => retry.run(timeout, attempt).await,
            None => attempt(Deadline::after(timeout)).await,
        }
    }

    /// How to connect.
    pub(super) fn dial(&self, deadline: Deadline) -> Dial {
        let (known, this_end) = (self.known.clone(), self.this_end.clone());
        let &Self { names, eyeballs, .. } = self;
        Dial { known, names, eyeballs, this_end, reads_exactly: false, deadline }
    }

    /// Where connections come from, as far as that was chosen.
    pub(crate) fn source(&self) -> Source {
        self.this_end.source.as_deref().cloned().unwrap_or_default()
    }

    /// What goes through TLS on its way, which a plain socket cannot, if anything does.
    pub(super) fn tls_on_the_way(&self) -> Option<String> {
        let proxy = self.proxies.iter().find(|proxy| proxy.is_tls());
        self.tls
            .as_ref()
            .map(|_| "TLS".to_owned())
            .or_else(|| proxy.map(|proxy| format!("the proxy {proxy}")))
    }

    /// How to reach a target without streams; None if TLS or a proxy is in between, which need streams.
    pub(crate) fn dial_plain(&self) -> Option<Dial> {
        let is_plain = self.tls.is_none() && self.proxies.is_empty();
        is_plain.then(|| self.dial(Deadline::after(self.timeout)))
    }

    /// Checks before any connection whether one could be made: the address must be one to connect to, and the
    /// files of TLS must be usable.
    pub(crate) fn check(&self, endpoint: &Endpoint) -> Result<(), Error> {
        is_target(endpoint)?;
        self.tls.as_ref().map_or(Ok(()), |tls| tls.check(endpoint.host()))?;
        self.check_proxies(endpoint)
    }

    /// Each proxy is asked for the next one, and the last for the target.
    pub(super) fn check_proxies(&self, endpoint: &Endpoint) -> Result<(), Error> {
        let targets = self.proxies.iter().skip(1).map(Proxy::endpoint).chain([endpoint]);
        self.proxies.iter().zip(targets).try_for_each(|(proxy, target)| proxy.check(target))
    }

    /// The target in messages, with what it was reached at.
    pub(super) fn name(&self, endpoint: &Endpoint, peer: &Address) -> String {
        let (given, reached) = (endpoint.to_string(), peer.to_string());
        match self.proxies.last() {
            Some(proxy) => format!("{given} (through {proxy})"),
            None if given == reached => given,
            None => format!("{given} ({reached})"),
        }
    }

    pub(super) fn connector(&self, host: Option<&str>) -> Result<Option<Connector>, Error> {
        self.tls.as_ref().map(|tls| tls.connector(host)).transpose()
    }
}
