#!/usr/bin/env bash
# The simulated board in a window; without a display, in any browser: `serve` prints its address with a one-time login.
. "$(dirname "$0")/lib.sh"
scripts/build.sh

board=(--board simulated)
for argument in "$@"; do
  # The caller's own board replaces ours.
  case $argument in --board | --board=*) board=() ;; esac
done

if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
  exec target/release/statusinator-window "${board[@]}" "$@"
fi
say "No display (neither DISPLAY nor WAYLAND_DISPLAY is set): starting without a window."
exec target/release/statusinator serve "${board[@]}" "$@"
