# shellcheck shell=bash
# Selects and answers as we do: the same folder, the same requests, the same bodies.
export WHAT='matchbox 0.11.0'
have() { go_binary matchbox github.com/poseidon/matchbox/cmd/matchbox; }
run() { REAL_MATCHBOX=$BINARY cargo_real real_matchbox; }
