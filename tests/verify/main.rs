//! What is verified, one fault a row: each is refused with its status, its words and its alert, and each
//! has a control that passes but for that fault. The program on both sides.

#[path = "../support/mod.rs"]
mod support;

mod clients;
mod crl;
mod files;
mod lists;
mod roots;
mod servers;
mod workshop;
