//! iPXE scripts, as text.
//!
//! iPXE ends a script at its first failing line unless the line carries `||`; a screen that a build cannot draw would
//! be enough. So nothing here may fail unnoticed: what is optional ends in `||`, what is not jumps to a label, and every
//! loop counts. Addresses stand where names could, because AAAA answers break iPXE's look-ups without IPv6.

use std::fmt::Write as _;
use std::net::SocketAddrV4;

use crate::Mac;

/// How often kernel and initrd are asked for before a person is.
const TRIES: u32 = 5;

/// Seconds between two tries: a server that restarts is back by then.
const BETWEEN_TRIES: u32 = 3;

/// Seconds after which an unknown machine asks for the first time.
const FIRST_ASK: u32 = 5;

/// By how many seconds it waits longer each time; iPXE can add but not multiply.
const LONGER_EACH_TIME: u32 = 5;

/// The longest it waits: what a person at the bench has patience for. A multiple of the two above.
const LONGEST_ASK: u32 = 60;

/// A machine with something to boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptMachine {
    /// The number on its box; shown first, because it is what a person sees.
    pub box_number: Option<u8>,
    /// Its name.
    pub name: String,
    /// Where HTTP is served.
    pub base: SocketAddrV4,
    /// Path of the kernel.
    pub kernel: String,
    /// Path of the initrd.
    pub initrd: String,
    /// The kernel's command line. `initrd=` is added; iPXE expands settings such as `${net0/mac}` in it.
    pub cmdline: String,
}

/// Text that would not be what it says once it is in a script.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScriptError {
    /// iPXE has no quoting: `&&` and `||` always end a command, a line end ends it anyway.
    #[error("the kernel's command line cannot carry \"{0}\" through an iPXE script")]
    Cmdline(String),
}

/// The script of a machine that the board knows.
pub fn known(machine: &ScriptMachine) -> Result<String, ScriptError> {
    let cmdline = &machine.cmdline;
    if let Some(odd) = cmdline.chars().find(|c| c.is_control()) {
        return Err(ScriptError::Cmdline(odd.escape_default().to_string()));
    }
    if let Some(odd) = cmdline.split(' ').find(|word| matches!(*word, "&&" | "||")) {
        return Err(ScriptError::Cmdline(odd.to_owned()));
    }
    let title = match machine.box_number {
        Some(number) => format!("Box {number} ({})", shown(&machine.name)),
        None => shown(&machine.name),
    };
    let kernel = url(machine.base, &machine.kernel);
    let initrd = url(machine.base, &machine.initrd);
    // A kernel started through its EFI stub finds the initrd by the name given here, one started by BIOS needs neither.
    let cmdline = format!("initrd=initrd.img {}", cmdline.trim());
    let cmdline = cmdline.trim_end();
    Ok(format!(
        "\
#!ipxe
# {title}
set tries:int32 0 ||
:fetch
inc tries || goto failed
imgfree ||
echo {title}: loading, try ${{tries}} of {TRIES} ||
kernel {kernel} {cmdline} || goto again
initrd --name initrd.img {initrd} || goto again
boot || goto again
:again
iseq ${{tries}} {TRIES} && goto failed ||
sleep {BETWEEN_TRIES} ||
goto fetch
:failed
echo ||
echo {title} could not load what it should boot, and tried {TRIES} times. ||
echo It asked {base}, and is {mac} at ${{netX/ip}}. ||
prompt --timeout 60000 Press a key for a shell; restarting in a minute. && shell ||
reboot || exit 1
",
        base = machine.base,
        mac = "${netX/mac}",
    ))
}

/// The script of a machine that the board does not know: it says so on its own screen, with what is needed to name it,
/// and asks again, later each time, until somebody did.
///
/// `again` is the path of this very script: once the machine is known, it is answered with another one.
pub fn unknown(mac: Option<Mac>, code: &str, base: SocketAddrV4, again: &str) -> String {
    let mac = mac.map_or_else(|| "${netX/mac}".to_owned(), |mac| mac.to_string());
    let mut script = String::from("#!ipxe\n# A machine that is not known\n");
    // Settings outlive a script: the next one goes on counting where this one stopped.
    let lines = [
        format!("isset ${{pause}} || set pause:int32 {FIRST_ASK} ||"),
        "set missed:int32 0 ||".to_owned(),
        "echo ||".to_owned(),
        "echo This machine is not known to the board. ||".to_owned(),
        "echo ||".to_owned(),
        format!("echo MAC  {mac} ||"),
        format!("echo Code {} ||", shown(code)),
        "echo ||".to_owned(),
        "echo Name it on the board by this code. Nothing is changed on this machine. ||".to_owned(),
        ":ask".to_owned(),
        "echo Asking again in ${pause} seconds. ||".to_owned(),
        "sleep ${pause} ||".to_owned(),
        format!("iseq ${{pause}} {LONGEST_ASK} || inc pause {LONGER_EACH_TIME} ||"),
        format!("chain --replace --autofree {} || goto missed", url(base, again)),
        ":missed".to_owned(),
        "inc missed || goto failed".to_owned(),
        format!("iseq ${{missed}} {TRIES} || goto ask"),
        ":failed".to_owned(),
        "echo ||".to_owned(),
        format!("echo The board at {base} does not answer. Restarting in a minute. ||"),
        "sleep 60 ||".to_owned(),
        "reboot || exit 1".to_owned(),
    ];
    for line in lines {
        // Writing to a String cannot fail.
        let _ = writeln!(script, "{line}");
    }
    script
}

/// `http://ADDRESS/path`, without a port where it is HTTP's own.
fn url(base: SocketAddrV4, path: &str) -> String {
    let mut url = format!("http://{}", base.ip());
    if base.port() != 80 {
        let _ = write!(url, ":{}", base.port());
    }
    url.push('/');
    for byte in path.trim_start_matches('/').bytes() {
        // What RFC 3986 leaves alone, and no more: a space, a dollar or a bar would mean something to iPXE.
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            url.push(char::from(byte));
        } else {
            let _ = write!(url, "%{byte:02X}");
        }
    }
    url
}

/// Text for a screen, free of what a script would act on.
fn shown(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || " .,:_-".contains(c) { c } else { '?' };
    text.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node3() -> ScriptMachine {
        ScriptMachine {
            box_number: Some(3),
            name: "node3".into(),
            base: "192.168.122.3:80".parse().unwrap(),
            kernel: "probe/vmlinuz".into(),
            initrd: "probe/initrd.img".into(),
            cmdline: "console=tty0 statusinator.mac=${netX/mac}".into(),
        }
    }

    #[test]
    fn a_known_machine_boots_what_it_should() {
        insta::assert_snapshot!(known(&node3()).unwrap(), @r#"
        #!ipxe
        # Box 3 (node3)
        set tries:int32 0 ||
        :fetch
        inc tries || goto failed
        imgfree ||
        echo Box 3 (node3): loading, try ${tries} of 5 ||
        kernel http://192.168.122.3/probe/vmlinuz initrd=initrd.img console=tty0 statusinator.mac=${netX/mac} || goto again
        initrd --name initrd.img http://192.168.122.3/probe/initrd.img || goto again
        boot || goto again
        :again
        iseq ${tries} 5 && goto failed ||
        sleep 3 ||
        goto fetch
        :failed
        echo ||
        echo Box 3 (node3) could not load what it should boot, and tried 5 times. ||
        echo It asked 192.168.122.3:80, and is ${netX/mac} at ${netX/ip}. ||
        prompt --timeout 60000 Press a key for a shell; restarting in a minute. && shell ||
        reboot || exit 1
        "#);
    }

    #[test]
    fn an_unknown_machine_says_so_and_asks_again() {
        let mac = Some(Mac([0x52, 0x54, 0, 0x12, 0x34, 0x56]));
        let base = "127.122.122.3:20080".parse().unwrap();
        insta::assert_snapshot!(unknown(mac, "K7QX", base, "boot.ipxe"), @r#"
        #!ipxe
        # A machine that is not known
        isset ${pause} || set pause:int32 5 ||
        set missed:int32 0 ||
        echo ||
        echo This machine is not known to the board. ||
        echo ||
        echo MAC  52:54:00:12:34:56 ||
        echo Code K7QX ||
        echo ||
        echo Name it on the board by this code. Nothing is changed on this machine. ||
        :ask
        echo Asking again in ${pause} seconds. ||
        sleep ${pause} ||
        iseq ${pause} 60 || inc pause 5 ||
        chain --replace --autofree http://127.122.122.3:20080/boot.ipxe || goto missed
        :missed
        inc missed || goto failed
        iseq ${missed} 5 || goto ask
        :failed
        echo ||
        echo The board at 127.122.122.3:20080 does not answer. Restarting in a minute. ||
        sleep 60 ||
        reboot || exit 1
        "#);
        assert!(unknown(None, "K7QX", base, "boot.ipxe").contains("echo MAC  ${netX/mac} ||"));
    }

    /// A line may fail only where the script says what then.
    #[test]
    fn no_line_ends_a_script_by_failing() {
        let base = "192.168.122.3:80".parse().unwrap();
        for script in [known(&node3()).unwrap(), unknown(None, "K7QX", base, "boot.ipxe")] {
            let mut labels: Vec<&str> = Vec::new();
            let mut targets: Vec<&str> = Vec::new();
            for line in script.lines().skip(1).filter(|line| !line.starts_with('#')) {
                if let Some(label) = line.strip_prefix(':') {
                    labels.push(label);
                    continue;
                }
                targets.extend(line.split("goto ").skip(1).filter_map(|rest| rest.split(' ').next()));
                assert!(line.contains("||") || line.starts_with("goto "), "{line:?} would end the script");
            }
            for target in targets {
                assert!(labels.contains(&target), "no label {target:?}");
            }
        }
    }

    #[test]
    fn names_and_paths_cannot_become_commands() {
        let mut machine = node3();
        machine.name = "x\nshell || ${net0/ip}".into();
        machine.kernel = "a b||c".into();
        let script = known(&machine).unwrap();
        assert!(!script.lines().any(|line| line.starts_with("shell")));
        assert!(script.contains("Box 3 (x?shell ?? ??net0?ip?)"), "{script}");
        assert!(script.contains("http://192.168.122.3/a%20b%7C%7Cc "), "{script}");
        for cmdline in ["a || shell", "a && b", "a\nshell"] {
            machine.cmdline = cmdline.into();
            assert!(known(&machine).is_err(), "{cmdline:?}");
        }
    }
}
