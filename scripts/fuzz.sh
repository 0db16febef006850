#!/usr/bin/env bash
# Hostile bytes for every parser that has a fuzz target, SECS seconds each (default 60), from the seed corpora beside them.
#   scripts/fuzz.sh [SECS] [TARGET...]
# What a target finds on its way stays in target/fuzz; a crash is printed with the input that made it. Code 0: nothing found.
. "$(dirname "$0")/lib.sh"
SECS=${1:-60}
[[ $SECS =~ ^[1-9][0-9]*$ ]] || stop "How many seconds for each target? make fuzz SECS=60"
shift || true
FOLDERS=(src-tauri/crates/netboot/fuzz src-tauri/crates/logs/fuzz src-tauri/crates/certs/fuzz)

cargo +nightly --version >/dev/null 2>&1 ||
  stop "Fuzzing needs a nightly compiler (its sanitizer is in no other). Run:" "    rustup toolchain install nightly --profile minimal"
cargo +nightly fuzz --version >/dev/null 2>&1 ||
  stop "Fuzzing needs cargo-fuzz. Run:" "    cargo install cargo-fuzz --locked"

# A build folder of its own: another compiler, other flags.
export CARGO_TARGET_DIR=$ROOT/target/fuzz
found=() ran=()
for fuzz in "${FOLDERS[@]}"; do
  mapfile -t there < <(cargo +nightly fuzz list --fuzz-dir "$fuzz")
  [ ${#there[@]} -gt 0 ] || stop "There is no fuzz target in $fuzz."
  for target in "${there[@]}"; do
    [ $# -eq 0 ] || [[ " $* " == *" $target "* ]] || continue
    say "── $target, $SECS s"
    # What is new goes to the first folder; the seeds in the second are only read.
    mkdir -p "target/fuzz/corpus/$target" "target/fuzz/artifacts/$target"
    cargo +nightly fuzz run --fuzz-dir "$fuzz" "$target" "target/fuzz/corpus/$target" "$fuzz/corpus/$target" -- \
      -max_total_time="$SECS" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="target/fuzz/artifacts/$target/" ||
      found+=("$target")
    ran+=("$target")
  done
done
[ ${#ran[@]} -gt 0 ] || stop "There is no fuzz target named $*."
if [ ${#found[@]} -gt 0 ]; then
  say "fuzz: not clean: ${found[*]}; what was found is in target/fuzz/artifacts, unless a target did not build (see above)"
  exit 1
fi
say "fuzz: nothing found in ${ran[*]}"
