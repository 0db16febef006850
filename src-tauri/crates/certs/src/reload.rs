//! The user's command that makes a service take its new certificate.

use std::{process::Stdio, time::Duration};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tokio::{
    io::AsyncReadExt,
    process::{ChildStderr, Command},
    sync::oneshot,
    time::timeout,
};

/// A service that starts anew takes seconds; longer than this it hangs.
const DEADLINE: Duration = Duration::from_secs(30);
/// What it wrote before it ended is in the pipe already.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// Of its first line, in bytes.
const LINE: usize = 160;

/// Runs program and arguments, without a shell, and says what came of it in a few words.
pub(crate) async fn reload(command: &[String]) -> Option<String> {
    let (program, arguments) = command.split_first()?;
    let mut child = match Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        // A group of its own, so that what it started ends with it.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
    {
        Ok(child) => child,
        Err(error) => return Some(format!("{program} could not be started: {error}")),
    };
    let group = child.id().and_then(|id| i32::try_from(id).ok());
    let (first, heard) = oneshot::channel();
    let listener = child.stderr.take().map(|errors| tokio::spawn(listen(errors, first)));
    let ended = timeout(DEADLINE, child.wait()).await;
    // A daemon that it leaves behind may hold the pipe: its end is not waited for.
    let first = timeout(LAST_WORDS, heard).await.ok().and_then(Result::ok).unwrap_or_default();
    if let Some(listener) = listener {
        listener.abort();
    }
    Some(match ended {
        Ok(Ok(status)) if status.success() => "done".to_owned(),
        Ok(Ok(status)) => {
            let how = status.code().map_or_else(|| status.to_string(), |code| format!("exit {code}"));
            if first.is_empty() { format!("{program}: {how}") } else { format!("{program}: {how}: {first}") }
        }
        Ok(Err(error)) => format!("{program}: {error}"),
        Err(_) => {
            if let Some(group) = group {
                // It may have ended in this moment.
                let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
            }
            format!("{program} did not end within {} s and was killed", DEADLINE.as_secs())
        }
    })
}

/// Tells the first line that is not empty, and reads on: a full pipe would make the command wait for us.
async fn listen(mut errors: ChildStderr, first: oneshot::Sender<String>) {
    let (mut first, mut said) = (Some(first), Vec::<u8>::new());
    let mut piece = [0_u8; 1024];
    loop {
        let read = errors.read(&mut piece).await.unwrap_or(0);
        said.extend(piece[..read].iter().take(2 * LINE));
        let start = said.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(said.len());
        said.drain(..start);
        let whole = read == 0 || said.len() >= LINE || said.contains(&b'\n');
        if whole
            && !said.is_empty()
            && let Some(first) = first.take()
        {
            let line = said.split(|byte| *byte == b'\n').next().unwrap_or_default();
            // Nobody listens any more where the command has ended.
            let _ = first.send(String::from_utf8_lossy(&line[..line.len().min(LINE)]).trim().to_owned());
        }
        if first.is_none() {
            said.clear();
        }
        if read == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn run(command: &[&str]) -> Option<String> {
        reload(&command.iter().map(|&part| part.to_owned()).collect::<Vec<_>>()).await
    }

    #[tokio::test]
    async fn what_came_of_it_is_told() {
        assert_eq!(run(&[]).await, None);
        assert_eq!(run(&["true"]).await.unwrap(), "done");
        assert_eq!(run(&["false"]).await.unwrap(), "false: exit 1");
        let said =
            run(&["sh", "-c", "echo >&2; echo unit not found >&2; echo more >&2; exit 5"]).await.unwrap();
        assert_eq!(said, "sh: exit 5: unit not found");
        assert!(run(&["/nowhere/reload"]).await.unwrap().contains("could not be started"));
    }

    #[tokio::test]
    async fn no_shell_reads_the_arguments() {
        assert_eq!(run(&["test", "$(id)", "=", "$(id)"]).await.unwrap(), "done");
    }
}
