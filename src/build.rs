//! Warns where the program will start slowly, and says how it is linked.
//!
//! On Linux with glibc it is linked with libgcc's unwinder inside it. Loading the shared library
//! costs every start a fifth of a millisecond, and nothing else of that library is needed.
//!
//! Only the program is linked so, never a crate that depends on the library: two unwinders in one process
//! abort it at the first exception.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What `.cargo/config.toml` sets, which `cargo install` from elsewhere does not read. A build script cannot set it for
/// the crate that reads it.
const NO_JITTER: &str = "AWS_LC_SYS_NO_JITTER_ENTROPY";

fn main() {
    println!("cargo:rerun-if-changed=src/build.rs");
    println!("cargo:rerun-if-env-changed={NO_JITTER}");
    if std::env::var_os("CARGO_FEATURE_CLI").is_some() && std::env::var_os(NO_JITTER).is_none() {
        println!("cargo:warning={NO_JITTER}=1 is not set: each start with TLS will take 45 to 110 ms more");
    }
    let target = |what: &str| std::env::var(format!("CARGO_CFG_TARGET_{what}")).unwrap_or_default();
    if target("OS") != "linux" || target("ENV") != "gnu" || !is_native() || !has_static_unwinder() {
        return;
    }
    // The linker finds this linker script before the system's shared library of the same name.
    let folder = PathBuf::from(std::env::var("OUT_DIR").unwrap_or_default());
    if std::fs::write(folder.join("libgcc_s.so"), "INPUT(-lgcc_eh -lgcc)\n").is_ok() {
        println!("cargo:rustc-link-arg-bins=-L{}", folder.display());
    }
}

fn is_native() -> bool {
    std::env::var("HOST").ok() == std::env::var("TARGET").ok()
}

/// Whether the C compiler, which links, comes with the static library.
fn has_static_unwinder() -> bool {
    let asked = Command::new("cc").arg("-print-file-name=libgcc_eh.a").output();
    asked.is_ok_and(|answer| {
        let path = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
        path.contains('/') && Path::new(&path).exists()
    })
}
