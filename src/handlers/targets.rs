//! Where a relay leads to: one target, or one of several for each client.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::datagram::{DatagramOptions, Datagrams, open_datagrams_for};
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::stream::{ConnectOptions, ForClient, StreamReader, StreamWriter, open_first};

/// How long the addresses of a target count for sessions of datagrams that begin: many may begin at once.
const KNOWN_FOR: Duration = Duration::from_secs(10);

/// Targets in their order.
#[derive(Debug, Clone, Default)]
pub(super) struct Targets {
    all: Vec<Target>,
    /// Each client begins with another target.
    pub(super) balance: bool,
    /// How many clients have come so far.
    clients: Arc<AtomicUsize>,
}

#[derive(Debug, Clone)]
struct Target {
    endpoint: Endpoint,
    options: ConnectOptions,
    /// For datagrams: since when its addresses are known, and they, in the options.
    known: Arc<Mutex<Option<Known>>>,
}

/// Since when something is known, and what.
type Known = (Instant, Result<DatagramOptions, Error>);

impl Targets {
    pub(super) fn add(&mut self, endpoint: Endpoint, options: ConnectOptions) -> Result<(), Error> {
        options.check(&endpoint)?;
        self.all.push(Target { endpoint, options, known: Arc::default() });
        Ok(())
    }

    /// All of them, in the order in which they are tried for one more client.
    fn in_turn(&self) -> impl Iterator<Item = &Target> {
        let clients = if self.balance { self.clients.fetch_add(1, Ordering::Relaxed) } else { 0 };
        let (later, first) = self.all.split_at(clients.checked_rem(self.all.len()).unwrap_or(0));
        first.iter().chain(later)
    }

    /// A connection for this client to the first target that can be reached, which is named.
    pub(super) async fn open(
        &self,
        client: ForClient<'_>,
    ) -> Result<(&Endpoint, (StreamReader, StreamWriter)), Error> {
        let targets: Vec<_> = self.in_turn().map(|target| (&target.endpoint, &target.options)).collect();
        open_first(&targets, client).await
    }

    /// A session with the first target that there is a way to, which is named.
    pub(super) async fn open_datagrams(&self, client: &Datagrams) -> Result<(&Endpoint, Datagrams), Error> {
        let mut failed = Vec::new();
        for target in self.in_turn() {
            match target.open_datagrams(client.number()).await {
                Ok(session) => return Ok((&target.endpoint, session)),
                Err(error) => failed.push((&target.endpoint, error)),
            }
        }
        Err(Error::of_targets(failed))
    }
}

impl Target {
    async fn open_datagrams(&self, client: Option<u64>) -> Result<Datagrams, Error> {
        let mut known = self.known.lock().await;
        let is_known = known.as_ref().is_some_and(|(since, _)| since.elapsed() < KNOWN_FOR);
        if !is_known {
            let resolved = DatagramOptions::of(self.options.clone()).resolved(&self.endpoint).await;
            *known = Some((Instant::now(), resolved));
        }
        let Some((_, options)) = &*known else { return Err(Error::Closed) };
        open_datagrams_for(client, &self.endpoint, options.as_ref().map_err(Clone::clone)?).await
    }
}
