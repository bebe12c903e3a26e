//! Futures that are too large for the stack of a program that has just started.

use std::pin::Pin;

/// A future on the heap. It is not inlined: what the future holds would take room on the stack of the caller, even where it
/// is not made, and each page of that costs a start.
#[inline(never)]
pub fn boxed<'a, F: Future + 'a>(make: impl FnOnce() -> F) -> Pin<Box<dyn Future<Output = F::Output> + 'a>> {
    Box::pin(make())
}
