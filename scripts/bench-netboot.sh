#!/usr/bin/env bash
# Measures our boot servers beside those that others use, in a network namespace of its own, and writes benches/RESULTS.md.
#   scripts/bench-netboot.sh [--runs N] [--row WORD]...      all rows and 5 runs each, or what is asked for
# Code 0 only when every row was measured. With --row the results are printed and not written.
. "$(dirname "$0")/lib.sh"
. scripts/apt.sh
did=

# Only this needs them. perfdhcp is part of kea-admin. Debian starts nginx as a service when it is installed: nobody asked for that.
had_nginx=$(command -v nginx || true)
install_packages "dnsmasq-base nginx kea-admin atftp curl iproute2 util-linux"
if [ -z "$had_nginx" ] && [ -d /run/systemd/system ]; then systemctl disable --now nginx 2>/dev/null || true; fi

# The rows that boot machines start the program as a whole, with its virtual board.
scripts/build.sh
cargo build --release --locked -p benches -p netboot --bins --examples
unshare --user --map-root-user --net true 2>/dev/null ||
  stop "This user may not make a network namespace (unshare -Urn)." \
    "As root: sysctl -w kernel.unprivileged_userns_clone=1, or on Ubuntu kernel.apparmor_restrict_unprivileged_userns=0."

write=(--write benches/RESULTS.md)
for word in "$@"; do [ "$word" != --row ] || write=(); done
export PATH=$PATH:/usr/sbin:/sbin
exec unshare --user --map-root-user --net -- target/release/bench-netboot ${write[@]+"${write[@]}"} "$@"
