//! Programs of the host that do what only they can: nft for rules, ip for interfaces.

use std::process::Stdio;
use std::time::Duration;

use lab::ports::PortError;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Both take some milliseconds.
const LIMIT: Duration = Duration::from_secs(10);
/// Of what a program complains, for an error's text.
const SAID: usize = 300;

/// Gives `input` to a program and waits until it has done all of it. `package` is Debian's name of what has it.
pub(in crate::qemu) async fn run(
    what: &str,
    program: &str,
    arguments: &[&str],
    package: &str,
    input: &str,
) -> Result<(), PortError> {
    let error = |why: String, remedy: String| PortError { what: what.to_owned(), why, remedy, absent: false };
    let missing = |source: std::io::Error| {
        error(format!("{program} could not be started: {source}"), format!("install the package {package}"))
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(missing)?;
    let stdin = child.stdin.take();
    let work = async {
        if let Some(mut stdin) = stdin {
            // A broken pipe means that it ended early; its own words say why.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        child.wait_with_output().await
    };
    let again = || {
        "try again; if it stays so, restart the program: a virtual board's network is made anew".to_owned()
    };
    match tokio::time::timeout(LIMIT, work).await {
        Err(_) => Err(error(format!("{program} did not end within {} s", LIMIT.as_secs()), again())),
        Ok(Err(source)) => Err(error(format!("{program}: {source}"), again())),
        Ok(Ok(output)) if output.status.success() => Ok(()),
        Ok(Ok(output)) => {
            let said: String = String::from_utf8_lossy(&output.stderr).trim().chars().take(SAID).collect();
            Err(error(format!("{program} refused: {said}"), remedy(program, &said)))
        }
    }
}

fn remedy(program: &str, said: &str) -> String {
    let modules = match program {
        "nft" => "nf_tables and nf_tables_bridge",
        _ => "veth and bridge",
    };
    if said.contains("not supported") || said.contains("No such file") || said.contains("Unknown device type")
    {
        return format!("load the kernel modules {modules} (`modprobe …` as root)");
    }
    "try again; if it stays so, restart the program: a virtual board's network is made anew".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_missing_program_names_its_package_and_a_refusal_its_words() {
        let missing = run("do it", "no-such-program", &[], "nftables", "").await.unwrap_err();
        assert!(missing.remedy.contains("nftables"), "{missing:?}");
        let refused = run("do it", "sh", &["-s"], "dash", "echo not today >&2; exit 3").await.unwrap_err();
        assert!(refused.why.contains("not today"), "{refused:?}");
        run("do it", "sh", &["-s"], "dash", "exit 0").await.unwrap();
    }
}
