//! The first script of the reference lab's chain.

use std::net::SocketAddrV4;

use crate::script::url;

/// Rounds before the machine starts anew: what a server that restarts needs, several times over.
const ROUNDS: u32 = 20;
/// Seconds between two rounds.
const PAUSE: u32 = 3;

/// Sets up screen and log, then hands over to the machine's own script, and asks again while there is none.
///
/// Three chain lines in a row, as they are often written, are one try: iPXE ends a script at the first line that fails,
/// unless the line says with `||` what then. Here everything optional says so, and the hand-over is a loop that counts.
pub fn chain(base: SocketAddrV4, syslog: std::net::Ipv4Addr) -> String {
    let picture = url(base, "assets/bootimg.png");
    let nodes = url(base, "nodes-ipxe/lab/");
    format!(
        "\
#!ipxe
console --x 800 --y 600 --picture {picture} || console --x 800 --y 600 ||
set syslog {syslog} ||
sync ||
set rounds:int32 0 ||
:again
inc rounds || goto failed
chain --autofree {nodes}${{netX/mac:hexhyp}}.ipxe || echo No script for ${{netX/mac}} yet, round ${{rounds}} of {ROUNDS}. ||
sleep {PAUSE} ||
iseq ${{rounds}} {ROUNDS} || goto again
:failed
echo The board at {base} has no script for ${{netX/mac}}. Restarting in a minute. ||
sleep 60 ||
reboot || exit 1
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_asks_again() {
        let script = chain("192.168.122.3:80".parse().unwrap(), "192.168.122.3".parse().unwrap());
        insta::assert_snapshot!(script, @r#"
        #!ipxe
        console --x 800 --y 600 --picture http://192.168.122.3/assets/bootimg.png || console --x 800 --y 600 ||
        set syslog 192.168.122.3 ||
        sync ||
        set rounds:int32 0 ||
        :again
        inc rounds || goto failed
        chain --autofree http://192.168.122.3/nodes-ipxe/lab/${netX/mac:hexhyp}.ipxe || echo No script for ${netX/mac} yet, round ${rounds} of 20. ||
        sleep 3 ||
        iseq ${rounds} 20 || goto again
        :failed
        echo The board at 192.168.122.3:80 has no script for ${netX/mac}. Restarting in a minute. ||
        sleep 60 ||
        reboot || exit 1
        "#);
        // A line may fail only where the script says what then.
        for line in script.lines().skip(1).filter(|line| !line.starts_with(':')) {
            assert!(line.contains("||"), "{line:?} would end the script");
        }
    }
}
