//! Lines and what becomes of them, each compared with what the shell of this host makes of it.

use std::process::Command;

use super::*;

/// Runs with commands that print their words, fail or complain.
fn sh(line: &str) -> Ran {
    run(line, |words| match words[0].as_str() {
        "false" => Ran::failed(1, ""),
        "both" => Ran { out: "out ".into(), err: "err ".into(), code: 3 },
        _ => Ran::said(format!("<{}>", words.join("|"))),
    })
}

/// The same commands for the shell of this host, as functions of its own.
const FUNCTIONS: &str = "both() { printf 'out '; printf 'err ' >&2; return 3; }\n\
    show() { IFS='|'; printf '<%s>' \"$*\"; }\n\
    echo() { show echo \"$@\"; }\nubus() { show ubus \"$@\"; }\nuci() { show uci \"$@\"; }\n\
    a() { show a \"$@\"; }\nb() { show b; }\nc() { show c; }\ncd /dev\n";

fn real(line: &str) -> Ran {
    let output = Command::new("sh").arg("-c").arg(format!("{FUNCTIONS}{line}\nexit $?")).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { out: text(output.stdout), err: text(output.stderr), code: output.status.code().unwrap() }
}

#[test]
fn words_and_their_quotes() {
    let table = [
        ("echo a  b", "<echo|a|b>"),
        (
            "ubus call iwinfo scan {\\\"device\\\":\\\"radio0\\\"}",
            "<ubus|call|iwinfo|scan|{\"device\":\"radio0\"}>",
        ),
        ("echo '{\"a\":\"b c\"}'", "<echo|{\"a\":\"b c\"}>"),
        ("echo \"a 'b' \\\"c\\\" \\x\"", "<echo|a 'b' \"c\" \\x>"),
        ("uci set wireless.wifi0.key='it'\\''s'", "<uci|set|wireless.wifi0.key=it's>"),
        ("echo {\"device\":\"radio0\"}", "<echo|{device:radio0}>"),
        ("echo '' \"\" x", "<echo|||x>"),
        ("echo a#b # c ; d", "<echo|a#b>"),
        ("echo '$?' \"a;b\" c\\;d", "<echo|$?|a;b|c;d>"),
        ("echo Grüße\\ € '日本'", "<echo|Grüße €|日本>"),
        ("echo a\\\nb", "<echo|ab>"),
        ("", ""),
        ("  \n \n", ""),
    ];
    for (line, out) in table {
        assert_eq!(sh(line), Ran::said(out), "{line:?}");
        assert_eq!(real(line), Ran::said(out), "{line:?} on this host");
    }
}

#[test]
fn commands_one_after_the_other() {
    let table = [
        ("a; b", "<a><b>", 0),
        ("a && b", "<a><b>", 0),
        ("false && b", "", 1),
        ("false || b", "<b>", 0),
        ("false && a || b", "<b>", 0),
        ("a || b && c", "<a><c>", 0),
        ("false; a $?", "<a|1>", 0),
        ("both >/dev/null 2>&1; a \"rc=$?\"", "<a|rc=3>", 0),
        ("a &\nb;\n", "<a><b>", 0),
        ("a ||\n b", "<a>", 0),
    ];
    for (line, out, code) in table {
        let expected = Ran { out: out.into(), err: String::new(), code };
        assert_eq!(sh(line), expected, "{line:?}");
        // What runs in the background there prints when it likes.
        if !line.contains("a &\n") {
            assert_eq!(real(line), expected, "{line:?} on this host");
        }
    }
}

#[test]
fn outputs_go_where_they_are_sent() {
    let both = |out: &str, err: &str| Ran { out: out.into(), err: err.into(), code: 3 };
    let table = [
        ("both", both("out ", "err ")),
        ("both 2>&1", both("out err ", "")),
        ("both 2>/dev/null", both("out ", "")),
        ("both > null", both("", "err ")),
        ("both >>null 2>&1", both("", "")),
        ("both 2>&1 >/dev/null", both("err ", "")),
        ("both >&2", both("", "out err ")),
    ];
    for (line, ran) in table {
        assert_eq!(sh(line), ran, "{line:?}");
        assert_eq!(real(line), ran, "{line:?} on this host");
    }
}

#[test]
fn what_no_shell_reads_is_a_syntax_error() {
    for line in ["echo 'a", "echo \"a", "; a", "a &&", "a && ; b", "a | b", "(a)", "a > ; b", "a ;; b"] {
        let ran = sh(line);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{line:?}");
        assert!(ran.err.starts_with("sh: syntax error"), "{line:?}: {}", ran.err);
    }
}

proptest::proptest! {
    #[test]
    fn any_line_is_read(line: String) {
        sh(&line);
    }

    /// Quoted as a careful caller does, any text arrives as it was.
    #[test]
    fn quoted_text_arrives(text: String) {
        let line = format!("echo '{}'", text.replace('\'', "'\\''"));
        let mut seen = Vec::new();
        run(&line, |words| {
            seen = words.to_vec();
            Ran::default()
        });
        assert_eq!(seen, ["echo".to_owned(), text]);
    }
}
