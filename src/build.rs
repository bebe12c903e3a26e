//! Links libgcc's unwinder statically where that is possible: loading it costs every start a
//! fifth of a millisecond, and nothing else of that library is needed.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=src/build.rs");
    let target = |what: &str| std::env::var(format!("CARGO_CFG_TARGET_{what}")).unwrap_or_default();
    if target("OS") != "linux" || target("ENV") != "gnu" || !is_native() || !has_static_unwinder() {
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

/// Whether the C compiler, which links, comes with the static library.
fn has_static_unwinder() -> bool {
    let asked = Command::new("cc").arg("-print-file-name=libgcc_eh.a").output();
    asked.is_ok_and(|told| {
        let path = String::from_utf8_lossy(&told.stdout).trim().to_owned();
        path.contains('/') && Path::new(&path).exists()
    })
}
