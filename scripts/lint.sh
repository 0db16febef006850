#!/usr/bin/env bash
# Everything that reads the source and runs none of it. Goes on after a finding, so that one run shows them all.
. "$(dirname "$0")/lib.sh"
findings=()

look() {
  local name=$1 began=$SECONDS
  shift
  say "── $name"
  if "$@"; then say "   clean ($((SECONDS - began)) s)"; else findings+=("$name"); fi
}
skip() { say "── $1: skipped, $2"; }

ui() { (cd ui && npm run --silent "$1"); }

# Licences, bans and sources need nothing from outside; advisories need a database, which `cargo deny fetch` brings.
dependencies() {
  cargo deny --locked check bans licenses sources || return 1
  if [ -n "$(ls -A "${CARGO_HOME:-$HOME/.cargo}"/advisory-db*/ 2>/dev/null)" ]; then
    cargo deny --locked check --disable-fetch advisories
  else
    say "   advisories not checked: no database here; \`cargo deny fetch\` brings it"
  fi
}

look rustfmt cargo fmt --all --check
# The profile of the build, so that build scripts and macros are taken over from it.
look clippy cargo clippy --release --locked --workspace --all-targets -- -D warnings
if command -v cargo-deny >/dev/null; then
  look cargo-deny dependencies
else
  skip cargo-deny "not installed (cargo install cargo-deny --locked)"
fi
# They need a nightly compiler to run, and none to be kept up with what they call. Their own dependencies take two minutes.
for crate in netboot logs certs; do
  [ -z "${FULL:-}" ] || look "fuzz targets of $crate" cargo check --release --locked --quiet --manifest-path "src-tauri/crates/$crate/fuzz/Cargo.toml" --bins --target-dir target/fuzz-check
done
look 'generated types' ui check:generated
look svelte-check ui check
look eslint ui lint
look prettier ui format:check
look shellcheck shellcheck -x --source-path=scripts scripts/*.sh tests/real/*.sh tests/real/parts/*.sh .ci/run

if [ ${#findings[@]} -gt 0 ]; then
  say "lint: findings in ${findings[*]}"
  exit 1
fi
