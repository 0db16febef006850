//! Prepares what the window's binary embeds (its configuration and icons), and says when the program was built.

use std::{
    env,
    path::Path,
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

/// The moment is rounded down: it is a floor under every clock, and must not make anything be compiled anew before tomorrow.
const DAY: u64 = 86_400;

fn main() {
    println!("cargo:rerun-if-env-changed=SOURCE_DATE_EPOCH");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-env=STATUSINATOR_BUILT={}", built() / DAY * DAY);
    tauri_build::build();
}

/// As the maker of a package says, else when the last commit was made, else now; in seconds since 1970.
fn built() -> u64 {
    let said = env::var("SOURCE_DATE_EPOCH").ok().and_then(|seconds| seconds.parse().ok());
    said.or_else(committed)
        .unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

/// Looked at anew when the checked-out commit changes.
fn committed() -> Option<u64> {
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
    };
    let log = git(&["rev-parse", "--git-path", "logs/HEAD"])?;
    if Path::new(&log).exists() {
        println!("cargo:rerun-if-changed={log}");
    }
    git(&["log", "-1", "--format=%ct"])?.parse().ok()
}
