use lab::board::{DhcpMode, Mode};

use super::*;

fn options(template: Template) -> InitOptions {
    InitOptions { template: Some(template), ..InitOptions::default() }
}

fn filled(options: &InitOptions) -> Result<(String, Board), BoardError> {
    let answers = Answers::of(options);
    fill("my.toml", template(answers.template).unwrap(), &answers)
}

#[test]
fn without_answers_a_template_is_written_as_it_is() {
    for name in [Template::Labinator, Template::Home] {
        let (text, _) = filled(&options(name)).unwrap();
        assert_eq!(text, template(name).unwrap());
    }
}

#[test]
fn to_watch_differs_from_to_drive_by_one_word() {
    let (text, board) = filled(&options(Template::Watch)).unwrap();
    assert_eq!(board.board.mode, Mode::Watch);
    assert_eq!(text.replace("mode = \"watch\"", "mode = \"drive\""), template(Template::Labinator).unwrap());
}

#[test]
fn what_is_said_stands_where_it_belongs() {
    let (text, board) = filled(&InitOptions {
        name: Some("bench".into()),
        interface: Some("enp2s0".into()),
        network: Some("10.9.8.0/24".into()),
        boss: Some(Ipv4Addr::new(10, 9, 8, 9)),
        dhcp: Some("proxy".into()),
        relay: Some("/dev/ttyUSB3".into()),
        switch: Some("http://10.9.8.77".into()),
        mac: vec![(4, "16:09:01:00:00:44".parse().unwrap())],
        without: vec!["display".into(), "compat".into()],
        ..options(Template::Labinator)
    })
    .unwrap();
    assert_eq!(board.board.name, "bench");
    assert_eq!(board.network.interface.as_deref(), Some("enp2s0"));
    assert_eq!(board.network.boss, Ipv4Addr::new(10, 9, 8, 9));
    assert_eq!(board.network.gateway, Some(Ipv4Addr::new(10, 9, 8, 1)), "moved along");
    assert_eq!(board.network.dhcp, DhcpMode::Proxy);
    assert_eq!(board.relay.unwrap().path, PathBuf::from("/dev/ttyUSB3"));
    assert_eq!(board.machines[3].mac.to_string(), "16:09:01:00:00:44");
    assert!(board.display.is_none() && board.compat.is_none());
    assert!(
        text.contains("url = \"http://10.9.8.77\"") && text.contains("# what machines are told"),
        "{text}"
    );
}

#[test]
fn what_cannot_be_is_refused_with_a_remedy() {
    let macs = vec![(9, "16:09:01:00:00:44".parse().unwrap())];
    let table = [
        (InitOptions { network: Some("10.9.8.0".into()), ..options(Template::Home) }, "10.9.8.0"),
        (InitOptions { network: Some("10.9.8.0/28".into()), ..options(Template::Home) }, "no room"),
        (InitOptions { boss: Some(Ipv4Addr::new(10, 0, 0, 1)), ..options(Template::Home) }, "outside"),
        (InitOptions { relay: Some("/dev/x".into()), ..options(Template::Home) }, "no [relay]"),
        (InitOptions { mac: macs, ..options(Template::Home) }, "no box 9"),
    ];
    for (options, why) in table {
        let error = filled(&options).unwrap_err();
        assert!(error.why.contains(why) && !error.remedy.is_empty(), "{error} {}", error.remedy);
    }
}

#[test]
fn a_person_is_asked_for_what_differs_and_not_for_what_was_said() {
    let said = InitOptions { name: Some("said".into()), ..options(Template::Home) };
    let mut answers = Answers::of(&said);
    let text = template(Template::Home).unwrap();
    // Network, adapter, boss (its default moved along), three hardware addresses, the second first misspelt.
    let typed = "10.0.0.0/16\nenp3s0\n\n00:00:00:00:00:0a\n00:00:00\n00:00:00:00:00:0b\n\n";
    let mut shown = Vec::new();
    answers.ask(text, &mut typed.as_bytes(), &mut shown).unwrap();
    let shown = String::from_utf8(shown).unwrap();
    assert!(!shown.contains("Name of the board"), "{shown}");
    assert!(shown.contains("This computer's address there [10.0.0.2]"), "{shown}");
    let (_, board) = fill("my.toml", text, &answers).unwrap();
    assert_eq!((board.board.name.as_str(), board.network.prefix), ("said", 16));
    assert_eq!(board.network.interface.as_deref(), Some("enp3s0"));
    let macs: Vec<String> = board.machines.iter().map(|m| m.mac.to_string()).collect();
    assert_eq!(macs, ["00:00:00:00:00:0a", "00:00:00:00:00:0b", "00:00:5e:00:53:03"]);
}

#[test]
fn nobody_at_the_terminal_is_no_consent() {
    let mut answers = Answers::of(&options(Template::Labinator));
    let text = template(Template::Labinator).unwrap();
    let error = answers.ask(text, &mut "bench\n".as_bytes(), &mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains("nobody answered"), "{error}");
}
