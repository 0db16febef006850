use std::os::unix::fs::PermissionsExt;

use super::*;

fn folder() -> (tempfile::TempDir, DataDir) {
    let dir = tempfile::tempdir().unwrap();
    let data = DataDir::new(Some(dir.path().to_owned())).unwrap();
    (dir, data)
}

fn write(data: &DataDir, text: &str, mode: u32) {
    fs::write(data.secrets(), text).unwrap();
    fs::set_permissions(data.secrets(), fs::Permissions::from_mode(mode)).unwrap();
}

fn read(data: &DataDir) -> Result<Secrets, BadSecrets> {
    Secrets::read(&data.secrets(), None)
}

#[test]
fn what_is_set_is_found_again_and_only_we_may_read_it() {
    let (_dir, data) = folder();
    assert_eq!(read(&data).unwrap().names().count(), 0, "no file, no secrets, no complaint");
    set(&data, "switch", &Secret::new("correct \"horse\"")).unwrap();
    set(&data, "plug-4", &Secret::new("battery\\staple")).unwrap();
    set(&data, "switch", &Secret::new("another")).unwrap();
    let secrets = read(&data).unwrap();
    assert_eq!(secrets.names().collect::<Vec<_>>(), ["plug-4", "switch"]);
    assert_eq!(secrets.get("switch").unwrap().reveal(), "another");
    assert_eq!(secrets.get("plug-4").unwrap().reveal(), "battery\\staple");
    assert_eq!(secrets.place("switch"), Some(Place::File));
    assert_eq!(secrets.get("router"), None);
    let mode = fs::metadata(data.secrets()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(fs::read_dir(data.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn the_others_and_their_comments_stay() {
    let (_dir, data) = folder();
    write(&data, "# of the bench\nswitch = \"a\"\n\n# of the rack\nrouter = \"b\"\n", 0o600);
    set(&data, "switch", &Secret::new("c")).unwrap();
    let text = fs::read_to_string(data.secrets()).unwrap();
    assert_eq!(text, "# of the bench\nswitch = \"c\"\n\n# of the rack\nrouter = \"b\"\n");
}

#[test]
fn a_file_that_others_may_read_is_refused_with_the_command() {
    let (_dir, data) = folder();
    for mode in [0o640, 0o604, 0o660, 0o644] {
        write(&data, "switch = \"hidden\"\n", mode);
        let error = read(&data).unwrap_err();
        assert!(matches!(error, BadSecrets::Open { .. }), "{mode:o}: {error}");
        assert_eq!(error.remedy(), format!("chmod 600 {}", data.secrets().display()));
        assert!(set(&data, "switch", &Secret::new("x")).is_err(), "nor is it written over");
    }
    write(&data, "switch = \"hidden\"\n", 0o400);
    assert!(read(&data).is_ok());
}

#[test]
fn a_file_of_another_user_is_refused() {
    let (_dir, data) = folder();
    write(&data, "switch = \"hidden\"\n", 0o600);
    if !nix::unistd::geteuid().is_root() {
        return; // only root can give files away
    }
    std::os::unix::fs::chown(data.secrets(), Some(12345), None).unwrap();
    let error = read(&data).unwrap_err();
    assert!(matches!(error, BadSecrets::NotOurs { owner: 12345, .. }), "{error}");
}

#[test]
fn no_error_and_no_debug_output_shows_a_secret() {
    let (_dir, data) = folder();
    for broken in [
        "switch = \"hunter2\nrouter = \"x\"\n",
        "switch = hunter2\n",
        "hunter2\n",
        "switch = [\"hunter2\"]\n",
        "[switch]\nhunter2 = 1\n",
        "switch = 'hunter2' hunter2",
    ] {
        write(&data, broken, 0o600);
        let error = read(&data).unwrap_err();
        let all = format!("{error} {error:?} {}", error.remedy());
        assert!(!all.contains("hunter2"), "{all}");
    }
    write(&data, "a = \"1\"\nb = oops\n", 0o600);
    assert!(matches!(read(&data).unwrap_err(), BadSecrets::Line { line: 2, .. }));
    write(&data, "switch = \"hunter2\"\n", 0o600);
    assert!(!format!("{:?}", read(&data).unwrap()).contains("hunter2"));
}

#[test]
fn credentials_of_systemd_win_and_lose_their_last_newline_alone() {
    let (_dir, data) = folder();
    write(&data, "switch = \"file\"\nrouter = \"file\"\n", 0o600);
    let given = tempfile::tempdir().unwrap();
    fs::write(given.path().join("switch"), "given\n").unwrap();
    fs::write(given.path().join("plug"), " two\nlines\n\n").unwrap();
    fs::write(given.path().join("key"), [0xff, 0xfe]).unwrap();
    let secrets = Secrets::read(&data.secrets(), Some(given.path())).unwrap();
    let told = |name: &str| secrets.get(name).map(|s| s.reveal().to_owned());
    assert_eq!(told("switch").as_deref(), Some("given"));
    assert_eq!(told("plug").as_deref(), Some(" two\nlines\n"));
    assert_eq!(told("router").as_deref(), Some("file"));
    assert_eq!(told("key"), None, "that is no text");
    assert_eq!(secrets.place("switch"), Some(Place::Credential));
}

#[test]
fn names_are_plain_words() {
    let (_dir, data) = folder();
    for name in ["", "a b", "../x", "a.b", "a\nb", "ä"] {
        assert!(matches!(set(&data, name, &Secret::new("x")), Err(BadSecrets::Name(_))), "{name}");
    }
}
