//! The threads that serve the connections of a server.

use std::io;
use std::thread::{Builder, JoinHandle};

use tokio::runtime::{self, Handle};
use tokio::sync::watch;

/// Threads with a runtime each. Dropped, they end, and with them what is left of their connections.
#[derive(Default)]
pub struct Threads {
    running: Vec<(Handle, JoinHandle<()>)>,
    end: watch::Sender<()>,
}

impl Threads {
    /// None if one is wanted: the caller's own serves then.
    ///
    /// # Errors
    /// The system gives no thread, or no descriptors for a runtime.
    pub fn start(wanted: usize) -> io::Result<Self> {
        let mut threads = Self::default();
        for _ in (0..wanted).skip_while(|_| wanted < 2) {
            let runtime = runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
            let (handle, mut end) = (runtime.handle().clone(), threads.end.subscribe());
            let run = move || runtime.block_on(async { _ = end.changed().await });
            threads.running.push((handle, Builder::new().name("server".to_owned()).spawn(run)?));
        }
        Ok(threads)
    }

    pub fn runtimes(&self) -> Vec<Handle> {
        self.running.iter().map(|(handle, _)| handle.clone()).collect()
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.end.send_replace(());
        for (_, thread) in self.running.drain(..) {
            // It has nothing to return, and a panic was reported.
            let _ = thread.join();
        }
    }
}
