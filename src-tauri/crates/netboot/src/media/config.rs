//! What GRUB on the disk is told. Everything that can change lies in files of its own; this one never does.

use std::net::SocketAddrV4;

/// Both copies, in the order in which they are tried when nothing says otherwise.
pub const COPIES: [&str; 2] = ["a", "b"];
/// The configuration that GRUB on a machine's own disk asks the engine for.
pub const LOCAL_CONFIG: &str = "grub/local.cfg";

/// The configuration on the disk: ask, then the first copy that fits its hashes, then the other.
///
/// `net_bootp` takes 12.6 s to give up when no DHCP server answers (intervals of 0.2 s, doubled up to 6.4 s: GRUB's
/// net/bootp.c). A list of hashes that was cut short would still fit; so the list itself is sealed, and an empty seal is none.
pub(super) fn grub(base: SocketAddrV4) -> String {
    let place = if base.port() == 80 { base.ip().to_string() } else { base.to_string() };
    format!(
        "\
set timeout=0
insmod http
insmod hashsum
insmod gcry_sha256
set disk=$root
function copy {{
  set folder=($disk)/copies/$1
  if [ -s $folder/seal -a -s $folder/manifest ]; then
    if hashsum --hash sha256 --prefix $folder --check $folder/seal; then
      if hashsum --hash sha256 --prefix $folder --check $folder/manifest; then
        echo \"Nobody answers: the last good choice, copy $1\"
        source $folder/start.cfg
      fi
    fi
  fi
  echo \"Copy $1 is not whole\"
}}
if net_bootp; then
  source (http,{place})/{LOCAL_CONFIG}
fi
set first=a
if [ -s ($disk)/copies/first.cfg ]; then
  source ($disk)/copies/first.cfg
fi
copy $first
if [ $first = a ]; then
  copy b
else
  copy a
fi
echo 'No copy is whole, and nobody answers. Trying again in a minute.'
sleep 60
reboot
"
    )
}

/// How a copy is started, by the file beside it. `$folder` is where it lies.
pub(super) fn start(copy: &str, cmdline: &str) -> String {
    let words: Vec<String> =
        cmdline.split_whitespace().map(|word| format!("'{}'", word.replace('\'', ""))).collect();
    format!(
        "linux $folder/kernel {} statusinator.copy={copy}\ninitrd $folder/initrd\nboot\n",
        words.join(" ")
    )
}

/// Which copy is tried first.
pub(super) fn first(copy: &str) -> String {
    format!("set first={copy}\n")
}
