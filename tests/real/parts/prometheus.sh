# shellcheck shell=bash
# Scrapes us over TLS with the token that may only read.
export WHAT="Prometheus (Debian)"
have() { needs prometheus prometheus; }
run() { cargo_real real_prometheus; }
