//! How the program is linked on Linux, where that is possible. libgcc's unwinder statically: loading it
//! costs every start a fifth of a millisecond, and nothing else of that library is needed. The addresses
//! that a start has to adjust in their packed form, which is a hundredth of the size. The file at once: so it
//! lies in memory in large pieces, and what a start needs of it is mapped in a tenth less of its time.

use std::path::{Path, PathBuf};
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
    let out = PathBuf::from(std::env::var("OUT_DIR").unwrap_or_default());
    if is_linked_with(WRITE_AT_ONCE, &out) {
        println!("cargo:rustc-link-arg-bins={WRITE_AT_ONCE}");
    }
    // Found before the system's, this stands in for the shared library.
    let unwinder = out.join("libgcc_s.so");
    if has_static_unwinder() && std::fs::write(unwinder, "INPUT(-lgcc_eh -lgcc)\n").is_ok() {
        println!("cargo:rustc-link-search=native={}", out.display());
    }
}

/// lld 22, which comes with Rust, takes this for its contrary, and its contrary for this: told nothing, it
/// writes single pages through a mapping. Where it means what it says, nothing is gained or lost.
const WRITE_AT_ONCE: &str = "-Wl,--mmap-output-file";

/// Whether the linker that will be used knows `option`: it is tried.
fn is_linked_with(option: &str, out: &Path) -> bool {
    let source = out.join("empty.rs");
    if std::fs::write(&source, "fn main() {}\n").is_err() {
        return false;
    }
    let told = |what: &str| std::env::var(what).unwrap_or_default();
    let mut rustc = Command::new(told("RUSTC"));
    rustc.arg(source).arg("-o").arg(out.join("empty")).arg("-Clink-arg=".to_owned() + option);
    rustc.args(told("CARGO_ENCODED_RUSTFLAGS").split('\x1f').filter(|flag| !flag.is_empty()));
    if let Ok(linker) = std::env::var("RUSTC_LINKER") {
        rustc.arg("-Clinker=".to_owned() + &linker);
    }
    rustc.output().is_ok_and(|ran| ran.status.success())
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
