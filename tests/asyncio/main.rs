//! What asyncio's streams do, and what is done better here, over every transport.

#[path = "../streams_support/mod.rs"]
mod streams_support;

mod aborting;
mod closing;
mod lost;
mod over;
mod reading;
mod source;
mod table;
mod writing;
