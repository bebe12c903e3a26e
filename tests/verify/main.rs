//! What is verified, one fault a row: each is refused with its status, its message and its alert, and each
//! has a control that differs only in that fault and passes. The program is on both sides.

#[path = "../support/mod.rs"]
mod support;

mod clients;
mod crl;
mod files;
mod lists;
mod roots;
mod servers;
mod workshop;
