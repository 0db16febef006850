#!/usr/bin/env bash
# Measures the built program on this machine, on a simulated board with data folders of its own: medians of N runs (default 5).
# What is measured is what is printed; a measurement that cannot be made here is named with its reason, never guessed.
# "Event to screen" is measured in a real browser: from the stamp of the event to the frame in which its picture was painted.
. "$(dirname "$0")/lib.sh"
scripts/build.sh
RUNS=${1:-5}
[[ $RUNS =~ ^[1-9][0-9]*$ ]] || stop "How many runs? make bench N=5"

PROGRAM=$ROOT/target/release/statusinator
WINDOW=$ROOT/target/release/statusinator-window
# Faster than life, so that a run takes seconds; it divides the simulators' delays only.
SPEED=20
# Longer than anything here may take: what is not there by then is broken, and said so.
PATIENCE=60
# Memory is read when the first burst of work is over.
SETTLE=5

folder=$(mktemp -d)
child='' screen=''
end_child() {
  [ -n "$child" ] || return 0
  local end=$((SECONDS + 15))
  kill -TERM "$child" 2>/dev/null || true
  while kill -0 "$child" 2>/dev/null && [ $SECONDS -lt $end ]; do sleep 0.05; done
  kill -KILL "$child" 2>/dev/null || true
  wait "$child" 2>/dev/null || true
  child=''
}
end_all() {
  end_child
  [ -z "$screen" ] || kill "$screen" 2>/dev/null || true
  rm -rf "$folder"
}
trap end_all EXIT

milliseconds() { echo $(($(date +%s%N) / 1000000)); }
median() { sort -n | awk '{ v[NR] = $1 } END { if (NR) print (NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2) }'; }

# Every process below this one, itself first.
family() {
  echo "$1"
  local member
  for member in $(pgrep -P "$1"); do family "$member"; done
}

# MB that a process and its children really occupy: shared pages divided among those that share them (PSS), because WebKit's
# processes share most of their code.
memory_mb() {
  local member total=0 own
  for member in $(family "$1"); do
    own=$(awk '/^Pss:/ { print $2 }' "/proc/$member/smaps_rollup" 2>/dev/null) || own=0
    total=$((total + ${own:-0}))
  done
  awk -v kb="$total" 'BEGIN { printf "%.1f\n", kb / 1024 }'
}

# starts DATA COMMAND...: puts the milliseconds until `status` answers into $took and leaves the program running as $child.
starts() {
  local data=$1 began end=$((SECONDS + PATIENCE))
  shift
  began=$(milliseconds)
  "$@" >"$folder/out" 2>"$folder/err" </dev/null &
  child=$!
  until "$PROGRAM" status --json --data "$data" >/dev/null 2>&1; do
    if ! kill -0 "$child" 2>/dev/null || [ $SECONDS -ge $end ]; then
      say "no status from: $*" "$(tail -n 20 "$folder/err")"
      exit 1
    fi
    sleep 0.01
  done
  took=$(($(milliseconds) - began))
}

row() { printf '%-52s %10s  %s\n' "$@"; }
measured() { row "$1" "$(median <"$folder/$2") $3" "$(sort -n "$folder/$2" | paste -sd ' ')"; }

for run in $(seq "$RUNS"); do
  data=$folder/serve-$run
  starts "$data" "$PROGRAM" serve --board simulated --speed $SPEED --data "$data" --listen 127.0.0.1:0
  echo "$took" >>"$folder/serve-start"
  sleep $SETTLE
  memory_mb "$child" >>"$folder/serve-memory"
  began=$(milliseconds)
  "$PROGRAM" lab start rehearsal --wait --json --data "$data" >"$folder/rehearsal.json"
  echo $(($(milliseconds) - began)) >>"$folder/rehearsal"
  memory_mb "$child" >>"$folder/serve-memory-after"
  end_child
done

no_window=''
if ! command -v Xvfb >/dev/null; then no_window="Xvfb is not here"; fi
if [ ! -x "$WINDOW" ]; then no_window="not built"; fi
if [ -z "$no_window" ]; then
  # The server picks a free display and writes its number; xvfb-run would leave its child behind when it is ended.
  Xvfb -displayfd 3 -screen 0 1024x600x24 -nolisten tcp 3>"$folder/display" 2>/dev/null &
  screen=$!
  end=$((SECONDS + PATIENCE))
  until [ -s "$folder/display" ]; do
    if [ $SECONDS -ge $end ]; then
      say "Xvfb does not start"
      exit 1
    fi
    sleep 0.05
  done
  DISPLAY=":$(cat "$folder/display")"
  export DISPLAY GDK_BACKEND=x11 NO_AT_BRIDGE=1
  for run in $(seq "$RUNS"); do
    data=$folder/window-$run
    starts "$data" "$WINDOW" --board simulated --speed $SPEED --data "$data"
    echo "$took" >>"$folder/window-start"
    sleep $SETTLE
    memory_mb "$child" >>"$folder/window-memory"
    end_child
  done
fi

no_browser=''
[ -x /usr/bin/chromium ] || no_browser="chromium is not here"
if [ -z "$no_browser" ]; then
  for run in $(seq "$RUNS"); do
    (cd "$ROOT/ui" && node bench/latency.mjs "$PROGRAM") >"$folder/latency.json"
    for figure in p50 p95; do
      sed -E "s/.*\"${figure}_ms\":([0-9.]+).*/\1/" "$folder/latency.json" >>"$folder/latency-$figure"
    done
  done
fi

echo
row "median of $RUNS on $(nproc) processors" "" "every run, sorted"
measured "serve: start to first status answered" serve-start ms
measured "serve: memory, idle" serve-memory MB
measured "rehearsal at speed $SPEED: start to done" rehearsal ms
measured "serve: memory after the rehearsal" serve-memory-after MB
if [ -z "$no_window" ]; then
  measured "window under Xvfb: start to first status answered" window-start ms
  measured "window under Xvfb: memory with WebKit" window-memory MB
else
  row "window" "not measured" "$no_window"
fi
if [ -z "$no_browser" ]; then
  measured "event to screen in chromium: median" latency-p50 ms
  measured "event to screen in chromium: p95" latency-p95 ms
else
  row "event to screen" "not measured" "$no_browser"
fi
