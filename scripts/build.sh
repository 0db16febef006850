#!/usr/bin/env bash
# UI first, because the program embeds it; then both binaries.
. "$(dirname "$0")/lib.sh"

# What the built UI depends on, and what was built. Building is skipped while both are as the last build left them: a fresh dist
# with the same content would still have new times, and cargo would compile and link everything that embeds it again.
fingerprint() {
  {
    find ui \( -name node_modules -o -name dist -o -name test-results -o -name playwright-report \) -prune -o -type f -print0
    if [ -d ui/dist ]; then find ui/dist -type f -print0; fi
  } | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum
}

build_ui() {
  local stamp=ui/node_modules/.built
  [ "$(cat $stamp 2>/dev/null)" != "$(fingerprint)" ] || return 0
  (cd ui && npm run build)
  fingerprint >$stamp
}

build_ui
# Always the whole workspace, here and in the tests: cargo picks the features of shared dependencies by what is built
# together, so that building one package alone would compile many of them a second time.
cargo build --release --locked --workspace --bins
