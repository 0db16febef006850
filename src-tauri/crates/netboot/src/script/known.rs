//! The script of a machine that has something to boot.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::{Plate, screen, shown, syslog, url};

/// How often kernel and initrd are asked for before a person is.
const TRIES: u32 = 5;

/// Seconds between two tries: a server that restarts is back by then.
const BETWEEN_TRIES: u32 = 3;

/// A machine with something to boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptMachine {
    /// Who it is, for its own screen.
    pub plate: Plate,
    /// Where HTTP is served.
    pub base: SocketAddrV4,
    /// Where loaders send log lines, if anywhere.
    pub syslog: Option<Ipv4Addr>,
    /// What is loaded, in words: `probe 6.1.0-56`.
    pub loads: String,
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

/// The script of a machine that the board knows and that may boot.
///
/// A transfer that ends early is a failed `kernel` or `initrd` line: iPXE compares what came with Content-Length. Its
/// hashes would need `imgverify` and a signature, which the packaged builds do not have.
pub fn known(machine: &ScriptMachine) -> Result<String, ScriptError> {
    let cmdline = &machine.cmdline;
    if let Some(odd) = cmdline.chars().find(|c| c.is_control()) {
        return Err(ScriptError::Cmdline(odd.escape_default().to_string()));
    }
    if let Some(odd) = cmdline.split(' ').find(|word| matches!(*word, "&&" | "||")) {
        return Err(ScriptError::Cmdline(odd.to_owned()));
    }
    let plate = &machine.plate;
    let title = plate.title();
    let figure = plate.box_number.map_or_else(|| "?".to_owned(), |number| number.to_string());
    let head = screen::head(&figure);
    let name = screen::bold(&match plate.duty() {
        Some(duty) => format!("{title}: {duty}"),
        None => title.clone(),
    });
    let loads = shown(&machine.loads);
    let kernel = url(machine.base, &machine.kernel);
    let initrd = url(machine.base, &machine.initrd);
    // A kernel started through its EFI stub finds the initrd by the name given here, one started by BIOS needs neither.
    let cmdline = format!("initrd=initrd.img {}", cmdline.trim());
    let cmdline = cmdline.trim_end();
    let state = screen::line(&format!("loading {loads}, try ${{tries}} of {TRIES}"));
    let starts = screen::line(&format!("starting {loads}"));
    let failed = screen::bold(&format!("{title} could not load {loads}, and tried {TRIES} times."));
    let asked = screen::line(&format!("It asked {}, and is ${{netX/mac}} at ${{netX/ip}}.", machine.base));
    let syslog = syslog(machine.syslog);
    Ok(format!(
        "\
#!ipxe
# {title}
{syslog}{head}{name}set tries:int32 0 ||
:fetch
inc tries || goto failed
imgfree ||
{state}kernel {kernel} {cmdline} || goto again
initrd --name initrd.img {initrd} || goto again
{starts}boot || goto again
:again
iseq ${{tries}} {TRIES} && goto failed ||
sleep {BETWEEN_TRIES} ||
goto fetch
:failed
echo ||
{failed}{asked}prompt --timeout 60000 Press a key for a shell; restarting in a minute. && shell ||
reboot || exit 1
"
    ))
}
