//! How the program is linked on Linux, where that is possible. libgcc's unwinder statically: loading it
//! costs every start a fifth of a millisecond, and nothing else of that library is needed. The addresses
//! that a start has to adjust in their packed form, which is a hundredth of the size.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=src/build.rs");
    let target = |what: &str| std::env::var(format!("CARGO_CFG_TARGET_{what}")).unwrap_or_default();
    if target("OS") != "linux" || target("ENV") != "gnu" || !is_native() {
        return;
    }
    if reads_packed_addresses() {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
    if !has_static_unwinder() {
        return;
    }
    // Found before the system's, this stands in for the shared library.
    let out = std::env::var("OUT_DIR").unwrap_or_default();
    if std::fs::write(Path::new(&out).join("libgcc_s.so"), "INPUT(-lgcc_eh -lgcc)\n").is_ok() {
        println!("cargo:rustc-link-search=native={out}");
    }
}

fn is_native() -> bool {
    std::env::var("HOST").ok() == std::env::var("TARGET").ok()
}

/// Whether this system's glibc, with which the program will run, is 2.36 or newer.
fn reads_packed_addresses() -> bool {
    let asked = Command::new("getconf").arg("GNU_LIBC_VERSION").output();
    asked.is_ok_and(|told| {
        let version = String::from_utf8_lossy(&told.stdout).trim().replace("glibc 2.", "");
        version.split('.').next().and_then(|minor| minor.parse().ok()).is_some_and(|minor: u32| minor >= 36)
    })
}

/// Whether the C compiler, which links, comes with the static library.
fn has_static_unwinder() -> bool {
    let asked = Command::new("cc").arg("-print-file-name=libgcc_eh.a").output();
    asked.is_ok_and(|told| {
        let path = String::from_utf8_lossy(&told.stdout).trim().to_owned();
        path.contains('/') && Path::new(&path).exists()
    })
}
