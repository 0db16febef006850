#!/usr/bin/env bash
# Measures log lines into counters beside a reader in Go (benches/reader) and jq, and writes benches/RESULTS-LOGS.md.
#   scripts/bench-logs.sh [--runs N] [--row WORD]...      all rows and 5 runs each, or what is asked for
# Code 0 only when every row was measured. With --row the results are printed and not written. Go is taken from PATH or from
# /usr/local/go; jq is left out where it is not installed.
. "$(dirname "$0")/lib.sh"

export PATH=$PATH:/usr/local/go/bin
command -v go >/dev/null ||
  stop "The reader beside which ours is measured is written in Go, and there is no go in PATH. On Debian:" "    apt-get install golang-go"
scripts/build.sh
cargo build --release --locked -p benches --bin bench-logs
mkdir -p target/bench
# Nothing is downloaded: it uses the standard library alone.
(cd benches/reader && CGO_ENABLED=0 GOFLAGS=-mod=mod GOPROXY=off go build -buildvcs=false -trimpath -o "$ROOT/target/bench/reader" .)

write=(--write benches/RESULTS-LOGS.md)
for word in "$@"; do [ "$word" != --row ] || write=(); done
exec target/release/bench-logs ${write[@]+"${write[@]}"} "$@"
