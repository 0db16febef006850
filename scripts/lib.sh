# shellcheck shell=bash
# What every script here begins with: stop at the first error, stand in the project's folder, one place for build output.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"
# The Makefile promises target/release/statusinator, whatever the caller's own settings are.
export CARGO_TARGET_DIR="$ROOT/target"

# One line an argument.
say() { printf '%s\n' "$@" >&2; }

# Something outside the project is missing: say what to do and leave with 2, so that it is never taken for a failed test (1).
stop() {
  say "$@"
  exit 2
}
