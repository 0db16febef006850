//! Real programs: scripts that keep their state in a file.

use std::fs;
use std::path::Path;

use lab::gear::PowerGear;

use super::*;
use crate::controls::{ControlFor, build as any};
use crate::fake::Kept;
use crate::tls::Trust;

fn argv(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn control(
    on: Vec<String>,
    off: Option<Vec<String>>,
    read: Option<Vec<String>>,
) -> Result<Arc<dyn Control>, BadGear> {
    let mac = "52:da:00:89:d8:10".parse().unwrap();
    let machine = ControlFor { name: "node4".into(), mac, broadcast: [127, 255, 255, 255].into() };
    let trust: Arc<dyn Trust> = Arc::new(Kept::default());
    any(&PowerGear::Command { on, off, read }, &machine, &|_| None, &trust)
}

fn script(folder: &Path, text: &str) -> String {
    let path = folder.join("plug");
    fs::write(&path, format!("cd {} || exit 9\n{text}\n", folder.display())).unwrap();
    path.display().to_string()
}

#[tokio::test]
async fn it_switches_and_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let plug = script(folder.path(), "case $1 in on|off) echo $1 >state;; esac; echo \"it is $(cat state)\"");
    let line = |word: &str| argv(&["sh", &plug, word]);
    let control = control(line("on"), Some(line("off")), Some(line("read"))).unwrap();
    assert_eq!(control.nature(), Nature::Managed);
    control.on().await.unwrap();
    assert_eq!(control.read().await, Ok(Some(PowerState::On)));
    control.off().await.unwrap();
    assert_eq!(control.read().await, Ok(Some(PowerState::Off)));
}

#[tokio::test]
async fn its_last_words_and_its_exit_code_are_passed_on() {
    let folder = tempfile::tempdir().unwrap();
    let plug = script(folder.path(), "echo trying; echo \"no such plug: $2\" >&2; exit 4");
    let without = control(argv(&["sh", &plug, "on", "a b;$(id)"]), None, None).unwrap();
    assert_eq!((without.nature(), without.read().await), (Nature::Supply, Ok(None)));
    let error = without.on().await.unwrap_err();
    assert!(error.why.contains("exit status: 4") && error.why.contains("no such plug: a b;$(id)"), "{error}");
    assert!(without.off().await.unwrap_err().why.contains("names no program"));
}

#[tokio::test]
async fn what_is_no_state_and_what_is_no_program_are_told() {
    let read = argv(&["echo", "maybe"]);
    let odd = control(argv(&["true"]), None, Some(read)).unwrap();
    assert!(odd.read().await.unwrap_err().why.contains("\"maybe\""));
    let missing = control(argv(&["/nowhere/plug"]), None, None).unwrap();
    assert!(missing.on().await.unwrap_err().why.contains("no program /nowhere/plug"));
    let folder = tempfile::tempdir().unwrap();
    let folder = control(argv(&[&folder.path().display().to_string()]), None, None).unwrap();
    assert!(folder.on().await.unwrap_err().why.contains("Permission denied"));
    let bad = control(Vec::new(), None, None).err().unwrap();
    assert!(bad.why.contains("`on` names no program"), "{bad}");
    let bad = control(argv(&["true"]), Some(argv(&[" "])), None).err().unwrap();
    assert!(bad.why.contains("`off`"), "{bad}");
}
