//! Keeps the writer that a server's handler drops while it is polled. Only when the poll has returned, with a
//! failure or without, is it known whether the connection is to be ended or aborted.

use std::cell::RefCell;
use std::sync::Arc;

use super::link::Link;
use super::outgoing::Outgoing;

thread_local! {
    /// The handler that is being polled on this thread.
    static POLLED: RefCell<Option<Polled>> = const { RefCell::new(None) };
}

struct Polled {
    link: *const Link,
    dropped: Option<Arc<Outgoing>>,
}

/// Polls the handler of this connection. Also returns its writer, if that was dropped meanwhile.
pub(super) fn poll_handler<T>(link: &Arc<Link>, poll: impl FnOnce() -> T) -> (T, Option<Arc<Outgoing>>) {
    let outer = POLLED.replace(Some(Polled { link: Arc::as_ptr(link), dropped: None }));
    let polled = poll();
    let inner = POLLED.replace(outer);
    (polled, inner.and_then(|inner| inner.dropped))
}

/// Keeps a writer that was dropped until the end of the poll, if it is the polled handler's.
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
