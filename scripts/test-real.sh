#!/usr/bin/env bash
# Runs the tests against real far sides and ends with a table: what ran, what was skipped and why, and how long it took.
#   scripts/test-real.sh [PART...]   all parts, or those named; a part is a file in tests/real/parts
# REAL=all: a skip is a failure. Exit: 0 nothing failed, 1 otherwise.
. "$(dirname "$0")/lib.sh"
. tests/real/lib.sh
export CARGO_TERM_COLOR=never NO_COLOR=1
LOGS=target/test-logs
# Downloading and building the largest far side takes ten minutes; more than this is a hang.
LIMIT=3600

# One part in a shell of its own, so that parts share nothing.
if [ "${1:-}" = --part ]; then
  # shellcheck source=/dev/null
  . "tests/real/parts/$2.sh"
  have
  run
  exit
fi

mkdir -p "$LOGS" "$CACHE"
parts=("$@")
[ ${#parts[@]} -gt 0 ] || mapfile -t parts < <(basename -s .sh tests/real/parts/*.sh)
rows=() ran=0 skipped=0 failed=0
for part in "${parts[@]}"; do
  file=tests/real/parts/$part.sh
  [ -f "$file" ] || stop "There is no part \`$part\`. Parts: $(basename -s .sh tests/real/parts/*.sh | paste -sd ' ')"
  # shellcheck source=/dev/null
  what=$(. "$file" && printenv WHAT)
  log=$LOGS/real-$part.log
  REASON=$(mktemp)
  export REASON
  printf '%s\n' "" "════ $part: $what"
  began=$SECONDS code=0
  timeout --foreground --kill-after=20 $LIMIT "$0" --part "$part" > >(tee "$log") 2>&1 </dev/null || code=$?
  case $code in
    0)
      read -r passed broken _ < <(awk -f scripts/count-tests.awk "$log")
      if [ "$passed" -gt 0 ] && [ "$broken" -eq 0 ]; then
        ran=$((ran + 1)) words="ran, $passed passed"
      else
        failed=$((failed + 1)) words='FAILED: no test ran'
      fi
      ;;
    77)
      words="skipped: $(cat "$REASON")"
      skipped=$((skipped + 1))
      if [ "${REAL:-}" = all ]; then failed=$((failed + 1)) words="FAILED: $words"; fi
      ;;
    124 | 137) failed=$((failed + 1)) words='FAILED: killed after an hour' ;;
    *) failed=$((failed + 1)) words="FAILED: exit $code, see $log" ;;
  esac
  rm -f "$REASON"
  rows+=("$(printf '%-12s %6d s  %-20s %s' "$part" $((SECONDS - began)) "$what" "$words")")
done
printf '%s\n' "" "$(printf '%-12s %8s  %-20s %s' part time 'far side' result)" "${rows[@]}" \
  "$ran ran, $skipped skipped, $failed failed"
[ $failed -eq 0 ]
