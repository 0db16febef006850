# shellcheck shell=bash
# Sends and relays syslog in every way it can.
export WHAT="Debian's logger and rsyslog"
have() {
  needs logger bsdutils
  needs rsyslogd rsyslog
}
run() { cargo_real real_syslog; }
