#!/usr/bin/env bash
# Runs the groups of tests one after the other and ends with a table of their times and counts, whatever happened.
#   scripts/test.sh [GROUP...]      all groups, or those named, after setup and build
#   scripts/test.sh --group GROUP   what one group does, without limits (the runner calls itself so)
# FULL=1: nothing is sampled; limits are four times as long. Exit: 0 all passed, 1 otherwise, 130 interrupted.
. "$(dirname "$0")/lib.sh"
export FULL=${FULL:-}
export CARGO_TERM_COLOR=never NO_COLOR=1

# 1 once every group below has its tests: from then on a group that finds none has failed instead of being `absent`.
COMPLETE=1

# The minutes are what a cold machine with two cores needs; three times that is the limit, then the group is killed.
# `tests`: must count at least one passed test. Groups after `build` need it; without it they are not run.
TABLE='
# group      minutes  proof   what
setup        6        checks  packages, npm, tauri-driver
build        22       checks  the UI, both binaries, every test binary
lint         3        checks  scripts/lint.sh
unit         4        tests   unit and property tests of every crate and of the UI
journeys     5        tests   simulated board, command line, house rules
qemu         8        tests   real firmware and kernels, two machines at a time
playwright   5        tests   the UI on serve, in chromium
windows      3        tests   the real window, read through WebDriver
'
groups() { sed -e '/^#/d' -e '/^$/d' <<<"$TABLE"; }

# ── what each group does ────────────────────────────────────────────────────────────────────────────────────────────

cargo_test() { cargo test --release --locked --workspace --no-fail-fast "$@"; }

# Names of the integration tests of a group, whichever package they stand in: qemu*, window*, real* (scripts/test-real.sh), and all others are journeys, so that
# a new file always belongs to a group and none can be forgotten.
targets() {
  cargo metadata --no-deps --format-version 1 --locked --offline | node -e '
    const { packages } = JSON.parse(require("fs").readFileSync(0, "utf8"));
    const group = (name) => (name.startsWith("qemu") ? "qemu" : name.startsWith("window") ? "windows" : name.startsWith("real") ? "real" : "journeys");
    const tests = packages.flatMap((p) => p.targets).filter((t) => t.kind.includes("test")).map((t) => t.name);
    console.log(tests.filter((name) => group(name) === process.argv[1]).join("\n"));
  ' "$1"
}

integration() {
  local group=$1 chosen=() name
  shift
  while read -r name; do [ -z "$name" ] || chosen+=(--test "$name"); done < <(targets "$group")
  [ ${#chosen[@]} -gt 0 ] || { say "no test of group $group exists"; return 1; }
  "$@" cargo test --release --locked --workspace --no-fail-fast "${chosen[@]}" "${HARNESS[@]}"
}
HARNESS=()

group_setup() { scripts/setup.sh; }
group_build() { scripts/build.sh && cargo_test --no-run; }
group_lint() { scripts/lint.sh; }
group_unit() {
  local failed=0
  cargo_test --lib --bins || failed=1
  (cd ui && npm run test:unit) || failed=1
  return $failed
}
group_journeys() { integration journeys; }
group_qemu() {
  HARNESS=(-- --test-threads=2)
  integration qemu
}
group_playwright() { (cd ui && npm run test:e2e); }
group_windows() {
  # One window at a time: a display has one focus. No accessibility bus: there is no session bus to have it on.
  HARNESS=(-- --test-threads=1)
  export PATH="$ROOT/target/tools/bin:$PATH" GDK_BACKEND=x11 NO_AT_BRIDGE=1 WEBKIT_DISABLE_DMABUF_RENDERER=1
  integration windows xvfb-run --auto-servernum --server-args='-screen 0 1366x768x24 -nolisten tcp'
}

# Whether the project has the tests of a group at all. Asked only while COMPLETE is 0.
exists() {
  case $1 in
    playwright) compgen -G 'ui/playwright.config.*' >/dev/null ;;
    journeys | qemu | windows) [ -n "$(targets "$1")" ] ;;
    *) true ;;
  esac
}

if [ "${1:-}" = --group ]; then
  "group_$2"
  exit
fi

# ── the runner ──────────────────────────────────────────────────────────────────────────────────────────────────────

LOGS=target/test-logs
mkdir -p "$LOGS"
LIMIT_FACTOR=3
[ -z "$FULL" ] || LIMIT_FACTOR=12
running='' rows=() first_failure='' total_seconds=0 total_minutes=0
passed=0 failed=0 ignored=0

# The report belongs to standard output, with the output of the groups.
report() { printf '%s\n' "$@"; }

clock() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }

# row NAME SECONDS MINUTES PASSED FAILED IGNORED RESULT
row() { rows+=("$(printf '%-11s %7s %7s %7s %7s %8s  %s' "$@")"); }

# The living processes of a process group. Dead ones that nobody has reaped (PID 1 of a container often does not) still count for
# kill -0, so that it cannot be asked.
alive() { ps -eo pgid=,stat=,pid=,args= | awk -v group="$1" '$1 == group && $2 !~ /^Z/ { print; found = 1 } END { exit !found }'; }

# Waits until a command says no, at most five seconds; says whether it did.
gone_within_5s() {
  local end=$((SECONDS + 5))
  while "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || return 1
    sleep 0.1
  done
}

run_group() {
  local name=$1 minutes=$2 proof=$3
  local log=$LOGS/$name.log pipe=$LOGS/$name.pipe began=$SECONDS code=0 words=ok tee
  report "" "════ $name (budget $minutes min)"
  rm -f "$pipe"
  mkfifo "$pipe"
  tee -i "$log" <"$pipe" &
  tee=$!
  # timeout makes itself the leader of a process group of its own and, when time is up, ends that whole group: cargo, tests,
  # machines and browsers with it.
  timeout --kill-after=20 $((minutes * 60 * LIMIT_FACTOR)) "$0" --group "$name" >"$pipe" 2>&1 </dev/null &
  running=$!
  wait "$running" || code=$?
  local seconds=$((SECONDS - began))
  case $code in
    0) ;;
    124 | 137) words="FAILED: killed after $(clock $seconds)" ;;
    *) words="FAILED: exit $code" ;;
  esac

  # What a group leaves running would disturb the next one and hides a missing end.
  if ! gone_within_5s alive "$running"; then
    report "left running by $name:" "$(alive "$running")"
    kill -KILL -- "-$running" 2>/dev/null || true
    words="FAILED: left processes running"
    code=1
  fi
  running=''
  if ! gone_within_5s kill -0 "$tee"; then
    report "a process that left its group still holds the output of $name"
    kill "$tee" 2>/dev/null || true
    words="FAILED: a process got away"
    code=1
  fi
  wait "$tee" 2>/dev/null || true
  rm -f "$pipe"

  local p f i
  read -r p f i < <(awk -f scripts/count-tests.awk "$log")
  if [ $code -eq 0 ] && [ "$f" -gt 0 ]; then
    words="FAILED: its runner said 0, its counts report otherwise"
    code=1
  fi
  if [ $code -eq 0 ] && [ "$proof" = tests ] && [ "$p" -eq 0 ]; then
    words="FAILED: no test ran"
    code=1
  fi
  # A group that failed without a failed test (lint, a build, a limit) is one failure in the total.
  [ $code -eq 0 ] || [ "$f" -gt 0 ] || f=1
  [ $code -ne 0 ] || [ $seconds -le $((minutes * 60)) ] || words="ok, over budget"
  if [ $code -ne 0 ] && [ -z "$first_failure" ]; then first_failure=$name; fi
  passed=$((passed + p)) failed=$((failed + f)) ignored=$((ignored + i)) total_seconds=$((total_seconds + seconds))
  row "$name" "$(clock $seconds)" "$minutes:00" "$p" "$f" "$i" "$words"
  return $code
}

# The end of a long log is rarely where it went wrong: cargo collects the reasons under "failures:".
show_first_failure() {
  local log=$LOGS/$first_failure.log
  report "" "════ first failure: $first_failure (whole output: $log)"
  if grep -q '^failures:$' "$log"; then
    sed -n '/^failures:$/,$p' "$log" | head -n 100
  else
    tail -n 60 "$log"
  fi
}

finish() {
  [ -z "$first_failure" ] || show_first_failure
  report "" "$(printf '%-11s %7s %7s %7s %7s %8s  %s' group time budget passed failed ignored result)" "${rows[@]}" \
    "$(printf '%-11s %7s %7s %7s %7s %8s' total "$(clock $total_seconds)" "$total_minutes:00" "$passed" "$failed" "$ignored")"
  # The last line, on standard output and in a form that machines read too.
  echo "$passed passed, $failed failed"
}

interrupted() {
  trap '' INT TERM
  if [ -n "$running" ]; then
    kill -TERM -- "-$running" 2>/dev/null || true
    gone_within_5s alive "$running" || kill -KILL -- "-$running" 2>/dev/null || true
  fi
  rm -f "$LOGS"/*.pipe
  failed=$((failed + 1))
  row interrupted - - - 1 - FAILED
  finish
  exit 130
}
trap interrupted INT TERM

for wanted in "$@"; do
  groups | grep -q "^$wanted " || stop "There is no group \`$wanted\`. Groups: $(groups | awk '{print $1}' | paste -sd ' ')"
done

blocked=''
while read -r name minutes proof _ <&3; do
  # Setup and build always run: a group that was asked for alone must not test yesterday's program.
  if [ $# -gt 0 ] && [[ " setup build $* " != *" $name "* ]]; then continue; fi
  total_minutes=$((total_minutes + minutes))
  if [ -n "$blocked" ]; then
    failed=$((failed + 1))
    row "$name" - "$minutes:00" - 1 - "FAILED: not run, $blocked failed"
  elif [ "$COMPLETE" -eq 0 ] && ! exists "$name"; then
    row "$name" - "$minutes:00" - - - absent
  elif ! run_group "$name" "$minutes" "$proof"; then
    case $name in setup | build) blocked=$name ;; esac
  fi
done 3< <(groups)
finish
[ $failed -eq 0 ]
