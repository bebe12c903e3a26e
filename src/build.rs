//! Warns where the program will start slowly, and says how it is linked on Linux with glibc, so that it starts sooner.
//!
//! libgcc's unwinder is inside it: loading the shared library costs every start a fifth of a millisecond, and nothing
//! else of that library is needed. And what a start runs lies together (`start.ld`), because each piece of 64 KiB that
//! is touched costs a page fault; otherwise it is scattered over all of the program.
//!
//! Only the program is linked so, never a crate that depends on the library: two unwinders in one process
//! abort it at the first exception.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What `.cargo/config.toml` sets, which `cargo install` from a registry does not read. A build script cannot set it for
/// the crate that reads it.
const NO_JITTER: &str = "AWS_LC_SYS_NO_JITTER_ENTROPY";

fn main() {
    println!("cargo:rerun-if-changed=src/build.rs");
    println!("cargo:rerun-if-changed=src/start.ld");
    println!("cargo:rerun-if-env-changed={NO_JITTER}");
    if env::var_os("CARGO_FEATURE_CLI").is_some() && env::var_os(NO_JITTER).is_none() {
        println!("cargo:warning={NO_JITTER}=1 is not set: each start with TLS will take 45 to 110 ms more");
    }
    let target = |what: &str| variable(&format!("CARGO_CFG_TARGET_{what}"));
    if target("OS") != "linux" || target("ENV") != "gnu" || !is_native() {
        return;
    }
    let folder = PathBuf::from(variable("OUT_DIR"));
    // The linker finds this linker script before the system's shared library of the same name.
    if has_static_unwinder() && std::fs::write(folder.join("libgcc_s.so"), "INPUT(-lgcc_eh -lgcc)\n").is_ok()
    {
        println!("cargo:rustc-link-arg-bins=-L{}", folder.display());
    }
    let start = format!("-Wl,-T,{}/src/start.ld", variable("CARGO_MANIFEST_DIR"));
    if variable("PROFILE") == "release" && is_linked_with(&start, &folder) {
        println!("cargo:rustc-link-arg-bins={start}");
    }
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

fn is_native() -> bool {
    variable("HOST") == variable("TARGET")
}

/// Whether the C compiler, which links, comes with the static library.
fn has_static_unwinder() -> bool {
    let asked = Command::new("cc").arg("-print-file-name=libgcc_eh.a").output();
    asked.is_ok_and(|answer| {
        let path = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
        path.contains('/') && Path::new(&path).exists()
    })
}

/// Whether the linker that will be used takes `option`, as GNU ld and lld do and others do not: it is tried.
fn is_linked_with(option: &str, folder: &Path) -> bool {
    let source = folder.join("empty.rs");
    if std::fs::write(&source, "fn main() {}\n").is_err() {
        return false;
    }
    let mut rustc = Command::new(variable("RUSTC"));
    rustc.arg(source).arg("-o").arg(folder.join("empty")).arg(format!("-Clink-arg={option}"));
    rustc.args(variable("CARGO_ENCODED_RUSTFLAGS").split('\x1f').filter(|flag| !flag.is_empty()));
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        rustc.arg(format!("-Clinker={linker}"));
    }
    rustc.output().is_ok_and(|ran| ran.status.success())
}
