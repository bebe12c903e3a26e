//! A program that depends on the library, without what only our own program needs.

use std::path::{Path, PathBuf};
use std::process::Command;

/// It uses rustls' default provider, lets a panic pass through its frames, and talks to itself.
const PROGRAM: &str = r#"
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), astream::Error> {
    rustls::ClientConfig::builder();
    assert!(std::panic::catch_unwind(|| std::panic::panic_any(1)).is_err());
    let ((mut reader, _), (_, writer)) = astream::pair(1);
    tokio::spawn(async move {
        writer.write(b"fine\n");
        writer.wait_closed().await
    });
    print!("{}", String::from_utf8_lossy(&reader.readline().await?.unwrap_or_default()));
    Ok(())
}
"#;

const MANIFEST: &str = r#"
[package]
name = "dependent"
version = "0.0.0"
edition = "2024"

# As in astream's own manifest, so that what it has compiled is not compiled again.
[profile.dev]
debug = "line-tables-only"

[dependencies]
astream = { path = "../..", default-features = false }
rustls = { version = "0.23", default-features = false, features = ["aws_lc_rs", "std"] }
tokio = { version = "1", features = ["macros", "rt"] }
"#;

/// Where cargo puts what it compiles.
fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap()
}

/// In the target folder of the project, where cargo finds its settings.
fn dependent() -> PathBuf {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = project.join("target/dependent");
    std::fs::create_dir_all(folder.join("src")).unwrap();
    std::fs::write(folder.join("Cargo.toml"), MANIFEST).unwrap();
    std::fs::write(folder.join("src/main.rs"), PROGRAM).unwrap();
    std::fs::copy(project.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    folder
}

fn cargo(folder: &Path, args: &[&str]) -> String {
    let ran = Command::new(env!("CARGO"))
        .args(args)
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", target())
        .output()
        .unwrap();
    assert!(ran.status.success(), "cargo {args:?}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap()
}

#[test]
fn a_dependent_program_gets_no_linker_settings_and_none_of_the_programs_crates() {
    let folder = dependent();
    let built = cargo(&folder, &["build", "--message-format=json"]);
    let messages = built.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let scripts: Vec<_> = messages
        .filter(|message| message["reason"] == "build-script-executed")
        .filter(|message| message["package_id"].as_str().is_some_and(|id| id.contains("astream")))
        .collect();
    assert_eq!(scripts.len(), 1, "our build script ran");
    for setting in ["linked_libs", "linked_paths", "cfgs", "env"] {
        assert_eq!(scripts[0][setting].as_array().map(Vec::len), Some(0), "{setting}: {}", scripts[0]);
    }
    assert_eq!(cargo(&folder, &["run", "--quiet"]), "fine\n");
    let tree = cargo(&folder, &["tree", "--edges", "normal", "--prefix", "none"]);
    for name in ["clap", "anyhow", "signal-hook", "tracing-subscriber", "rcgen", "ring"] {
        let has_it = tree.lines().any(|line| line.split(' ').next() == Some(name));
        assert!(!has_it, "{name} is in\n{tree}");
    }
}
