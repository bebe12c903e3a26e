//! The writer that a handler of a server drops while it is polled. Whether the connection then ends or is
//! aborted is known when the poll has come to its end, with a failure or without.

use std::cell::RefCell;
use std::sync::Arc;

use super::link::Link;
use super::outgoing::Outgoing;

thread_local! {
    /// Of the handler that is being polled on this thread.
    static POLLED: RefCell<Option<Polled>> = const { RefCell::new(None) };
}

struct Polled {
    link: *const Link,
    dropped: Option<Arc<Outgoing>>,
}

/// Polls the handler of this connection; returns its writer too, if that was dropped meanwhile.
pub(super) fn poll_handler<T>(link: &Arc<Link>, poll: impl FnOnce() -> T) -> (T, Option<Arc<Outgoing>>) {
    let outer = POLLED.replace(Some(Polled { link: Arc::as_ptr(link), dropped: None }));
    let polled = poll();
    let inner = POLLED.replace(outer);
    (polled, inner.and_then(|inner| inner.dropped))
}

/// Keeps a writer that was dropped for the end of the poll, if it is the polled handler's.
pub(super) fn keep(outgoing: &Arc<Outgoing>) -> bool {
    let keep = |polled: &mut Option<Polled>| match polled {
        Some(polled) if polled.link == Arc::as_ptr(&outgoing.link) => {
            polled.dropped = Some(Arc::clone(outgoing));
            true
        }
        _ => false,
    };
    POLLED.try_with(|polled| keep(&mut polled.borrow_mut())).unwrap_or(false)
}
