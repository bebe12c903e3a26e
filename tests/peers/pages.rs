//! Two pages for web servers to serve, a short and a long one.

use std::fs;
use std::path::Path;

use crate::support::Finished;
use crate::transfer::DOWN;

pub const PAGE: &[u8] = b"<p>A page.</p>\n";

/// Writes them as `/` and `/long`.
pub fn write_pages(folder: &Path) {
    fs::write(folder.join("index.html"), PAGE).unwrap();
    fs::write(folder.join("long"), &*DOWN).unwrap();
}

pub fn request(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").into_bytes()
}

#[track_caller]
pub fn has_body(client: &Finished, body: &[u8]) {
    let head = client.stdout.strip_suffix(body).unwrap_or_default();
    let is_page = head.starts_with(b"HTTP/1.") && head[8..].starts_with(b" 200 ");
    assert!(is_page && head.ends_with(b"\r\n\r\n"), "another page\n{}", client.description());
}
