//! Several runtimes for the connections of one server, each run by a thread of its own. A connection stays in the runtime
//! that it was given to, so that what belongs to it never moves between threads.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::Handle;

/// Where the connections of a server are served.
#[derive(Debug, Clone)]
pub(super) enum Workers {
    /// In the runtime that accepts them.
    Here,
    /// In these.
    Several(Arc<[Worker]>),
}

#[derive(Debug)]
pub(super) struct Worker {
    runtime: Handle,
    /// How many connections it has.
    open: Arc<AtomicUsize>,
}

impl From<Vec<Handle>> for Workers {
    /// None is the runtime that accepts.
    fn from(runtimes: Vec<Handle>) -> Self {
        if runtimes.is_empty() {
            return Self::Here;
        }
        Self::Several(runtimes.into_iter().map(|runtime| Worker { runtime, open: Arc::default() }).collect())
    }
}

impl Workers {
    /// Whether a connection leaves the runtime in which it was accepted.
    pub(super) fn are_elsewhere(&self) -> bool {
        matches!(self, Self::Several(_))
    }

    /// Prepares a connection where there are the fewest. It is counted there until `Open` is dropped.
    pub(super) fn spawn<F>(&self, prepare: impl FnOnce(Open) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let Self::Several(workers) = self else {
            tokio::spawn(prepare(Open::default()));
            return;
        };
        let Some(worker) = workers.iter().min_by_key(|worker| worker.open.load(Ordering::Relaxed)) else {
            return;
        };
        worker.open.fetch_add(1, Ordering::Relaxed);
        worker.runtime.spawn(prepare(Open(Some(Arc::clone(&worker.open)))));
    }
}

/// Counts one connection of a worker until it is dropped. By default it counts for none.
#[derive(Default)]
pub(super) struct Open(Option<Arc<AtomicUsize>>);

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(open) = &self.0 {
            open.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
