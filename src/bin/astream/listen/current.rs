//! A handler that may be replaced by one with other files, while the connections of the one before go on.

use std::sync::{Arc, Mutex, PoisonError};

use astream::handlers::{Handler, Outcome, Use};
use astream::{Error, StreamReader, StreamWriter};

/// The handler of new connections.
pub struct Current<H>(Arc<Mutex<Arc<H>>>);

impl<H> Current<H> {
    pub fn new(handler: H) -> Self {
        Self(Arc::new(Mutex::new(Arc::new(handler))))
    }

    /// New connections are served by this one from now on.
    pub fn replace(&self, handler: H) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(handler);
    }

    fn get(&self) -> Arc<H> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<H> Clone for Current<H> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<H: Handler + Send + Sync> Handler for Current<H> {
    async fn handle(&self, reader: StreamReader, writer: StreamWriter) -> Outcome {
        self.get().handle(reader, writer).await
    }

    async fn in_use(&self, reader: &StreamReader) -> Result<Use, Error> {
        self.get().in_use(reader).await
    }
}
