use std::collections::BTreeMap;

use super::*;

/// Runs a script in a world where files are `files` and everything else works at once.
/// Returns what was done, one word or two each, and what the screen showed.
fn play(main: &str, files: &[(&str, &str)]) -> (Vec<String>, String) {
    let mut files: BTreeMap<String, String> =
        files.iter().map(|(name, text)| (format!("http://h/{name}"), (*text).to_owned())).collect();
    files.insert("http://h/main".into(), format!("#!ipxe\n{main}"));
    let network = Network { mac: [2, 0, 0, 0, 0, 1], ..Network::default() };
    let mut ipxe = Interpreter::new(network);
    let mut effect = ipxe.fetch(Purpose::Chain, "http://h/main", String::new());
    let mut done = Vec::new();
    for _ in 0..100 {
        let outcome = match &effect {
            Effect::Fetch { url, purpose } => {
                done.push(format!("{purpose:?} {}", url.trim_start_matches("http://h/")));
                match files.get(url) {
                    Some(text) => Outcome::Fetched(text.len() as u64, text.clone().into_bytes()),
                    None => Outcome::Failed(format!("{url}: not found")),
                }
            }
            Effect::Sleep(time) => {
                done.push(format!("sleep {}", time.as_millis()));
                Outcome::Done
            }
            Effect::Dhcp => {
                done.push("dhcp".into());
                let address = Some([127, 0, 0, 9].into());
                Outcome::Configured(Box::new(Network { address, ..Network::default() }))
            }
            Effect::Breath => Outcome::Breathed,
            end => {
                done.push(match end {
                    Effect::Boot { cmdline } => format!("boot {cmdline:?}"),
                    Effect::Reboot => "reboot".into(),
                    Effect::Person(what) => format!("waits for {what}"),
                    Effect::Ended(Ok(())) => "ended".into(),
                    Effect::Ended(Err(why)) => format!("failed {why}"),
                    _ => unreachable!(),
                });
                break;
            }
        };
        effect = ipxe.go_on(outcome);
    }
    done.remove(0);
    (done, ipxe.screen.join("|"))
}

#[test]
fn scripts_do_what_ipxe_does() {
    let table: [(&str, &[&str], &str); 31] = [
        ("echo a  b\necho c", &["ended"], "a b|c"),
        ("foo\necho never", &["failed foo: command not found"], ""),
        ("foo ||\necho on", &["ended"], "on"),
        ("foo || echo or", &["ended"], "or"),
        ("foo && echo and\necho never", &["failed foo: command not found"], ""),
        ("foo && echo and || echo or", &["ended"], "or"),
        ("echo a || echo or && echo and", &["ended"], "a|and"),
        ("foo ; echo always", &["ended"], "always"),
        ("echo a ; foo", &["failed foo: command not found"], "a"),
        ("# foo\n  # bar\necho x # foo", &["ended"], "x"),
        ("goto end\necho never\n:end\necho x", &["ended"], "x"),
        ("goto end && foo\n:end echo same line", &["ended"], "same line"),
        ("goto nowhere || echo lost", &["ended"], "lost"),
        ("set n 1\n:again\necho ${n}\ninc n\niseq ${n} 4 || goto again", &["ended"], "1|2|3"),
        ("inc n 0x10\ninc n\necho ${n}", &["ended"], "17"),
        ("isset ${x} || echo unset\nset x a b\nisset ${x} && echo ${x}", &["ended"], "unset|a b"),
        ("set a x y\niseq ${a} ${a} && echo one word each", &["ended"], "one word each"),
        ("iseq a\n", &["failed iseq: Invalid argument"], ""),
        ("sleep 2\nsleep x", &["sleep 2000", "failed sleep: \"x\" is no number"], ""),
        ("prompt --timeout 300 --key 0x197 Press || echo nobody", &["sleep 300", "ended"], "Press|nobody"),
        ("prompt Press", &["waits for a key at a prompt of its boot script"], "Press"),
        ("dhcp && echo ${net0/ip}", &["dhcp", "ended"], "127.0.0.9"),
        (
            "kernel k a=${mac:hexhyp} b\ninitrd i\nboot",
            &["Kernel k", "Initrd i", "boot \"a=02-00-00-00-00-01 b\""],
            "",
        ),
        ("kernel --name vm k x\nimgargs vm y z\nboot", &["Kernel k", "boot \"y z\""], ""),
        ("kernel k\nimgfree\nboot || echo none", &["Kernel k", "ended"], "none"),
        ("kernel gone || goto out\nboot\n:out\nreboot", &["Kernel gone", "reboot"], ""),
        ("initrd empty", &["Initrd empty", "failed http://h/empty: Exec format error"], ""),
        ("shell", &["waits for a command at iPXE's shell"], ""),
        (
            "console --picture p.png --left 32\nsync --timeout 100\nconsole --bad",
            &["failed console: unrecognised option --bad"],
            "",
        ),
        ("echo a\\\n b", &["ended"], "a b"),
        ("exit\necho never", &["ended"], ""),
    ];
    let files = [("k", "kernel"), ("i", "initrd"), ("empty", "")];
    for (script, effects, screen) in table {
        let (done, shown) = play(script, &files);
        assert_eq!(done, effects, "{script}");
        assert_eq!(shown, screen, "{script}");
    }
}

#[test]
fn scripts_chain_scripts() {
    let files = [
        ("inner", "#!ipxe\necho inner\nexit ${code}\necho never"),
        ("sub/deep", "#!ipxe\nchain ../inner"),
        ("page", "<html>not found</html>"),
        ("program", "MZ\0\0"),
    ];
    let table: [(&str, &[&str], &str); 7] = [
        ("set code 0\nchain inner\necho back", &["Chain inner", "ended"], "inner|back"),
        ("set code 3\nchain inner || echo failed\necho on", &["Chain inner", "ended"], "inner|failed|on"),
        ("set code 3\nchain inner\necho never", &["Chain inner", "failed exit 3"], "inner"),
        ("set code 0\nchain sub/deep", &["Chain sub/deep", "Chain inner", "ended"], "inner"),
        ("chain page || chain gone ||\necho x", &["Chain page", "Chain gone", "ended"], "x"),
        ("chain --autofree --replace program a b", &["Chain program", "boot \"a b\""], ""),
        ("chain main", &["Chain main"; 16], ""),
    ];
    for (script, effects, screen) in table {
        let (mut done, shown) = play(script, &files);
        if script == "chain main" {
            assert!(done.pop().unwrap().contains("more than 16 deep"), "ends by its depth");
        }
        assert_eq!(done, effects, "{script}");
        assert_eq!(shown, screen, "{script}");
    }
}

#[test]
fn the_shape_of_a_good_chain_script_retries_and_then_reboots() {
    let script = "set tries 0\n:again\nchain nodes/${mac:hexhyp}.ipxe ||\ninc tries\n\
                  iseq ${tries} 3 && goto lost ||\nsleep 1\ngoto again\n:lost\nreboot";
    let (done, _) = play(script, &[]);
    let chain = "Chain nodes/02-00-00-00-00-01.ipxe";
    assert_eq!(done, [chain, "sleep 1000", chain, "sleep 1000", chain, "reboot"]);
}

#[test]
fn an_endless_loop_takes_breath() {
    let mut ipxe = Interpreter::new(Network::default());
    ipxe.fetch(Purpose::Chain, "http://h/main", String::new());
    let mut effect = ipxe.go_on(Outcome::Fetched(1, b"#!ipxe\n:x\necho y\ngoto x\n".to_vec()));
    for _ in 0..50 {
        assert_eq!(effect, Effect::Breath);
        effect = ipxe.go_on(Outcome::Breathed);
    }
    assert_eq!(ipxe.screen.len(), SCREEN, "and its screen does not grow");
}

proptest::proptest! {
    #[test]
    fn no_script_breaks_it(
        free: Vec<u8>,
        words in proptest::collection::vec(proptest::sample::select(vec![
            "echo", "goto", ":a", "a", "\n", "||", "&&", ";", "set", "inc", "iseq", "isset", "${a}", "1", "chain",
            "kernel", "boot", "exit", "sleep", "prompt", "--timeout", "--name=x", "-t", "--", "imgfree", "#", "imgargs",
        ]), 0..60)
    ) {
        for body in [free, words.join(" ").into_bytes()] {
            let text = [b"#!ipxe\n".as_slice(), &body].concat();
            let mut ipxe = Interpreter::new(Network::default());
            let mut effect = ipxe.fetch(Purpose::Chain, "http://h/main", String::new());
            for _ in 0..40 {
                effect = match effect {
                    Effect::Fetch { .. } => ipxe.go_on(Outcome::Fetched(text.len() as u64, text.clone())),
                    Effect::Breath => ipxe.go_on(Outcome::Breathed),
                    Effect::Sleep(_) | Effect::Dhcp => ipxe.go_on(Outcome::Done),
                    Effect::Boot { .. } | Effect::Reboot | Effect::Person(_) | Effect::Ended(_) => break,
                };
            }
        }
    }
}
