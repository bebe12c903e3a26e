//! The limit of open descriptors.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Descriptors without which the runtime cannot even start.
const NEEDED: u64 = 20;

/// Below this many descriptors none are spent on a runtime for each thread of a server.
const ENOUGH_FOR_THREADS: u64 = 256;

/// Whether a server may have a thread for each core.
pub fn are_enough_for_threads() -> bool {
    getrlimit(Resource::Nofile).current.is_none_or(|limit| limit >= ENOUGH_FOR_THREADS)
}

/// # Errors
/// There are too few to start.
pub fn check() -> anyhow::Result<()> {
    if getrlimit(Resource::Nofile).current.is_some_and(|limit| limit < NEEDED) {
        anyhow::bail!("too few descriptors: at least {NEEDED} are needed (ulimit -n)");
    }
    Ok(())
}

/// How many descriptors there may be, which is from now on as many as the system lets us have; none is no limit.
pub fn raise_limit() -> Option<u64> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Refused, it stays at what it was.
    let _ = setrlimit(Resource::Nofile, limit);
    getrlimit(Resource::Nofile).current
}
