#!/usr/bin/env bash
# Pictures of machines' own screens for docs/screens: a virtual board with two machines and a stranger boots, and each picture
# is taken when the machine's console says that it shows what is wanted.
#   scripts/pictures-machines.sh [PROGRAM] [FOLDER]     target/release/statusinator and docs/screens unless said otherwise
. "$(dirname "$0")/lib.sh"

program=${1:-target/release/statusinator}
folder=${2:-docs/screens}
data=$(mktemp -d)
mkdir -p "$folder"
"$program" serve --board virtual --machines 2 --stranger --listen 127.0.0.1:0 --data "$data" >"$data/out" 2>&1 &
served=$!
finish() {
  kill "$served" 2>/dev/null || true
  wait "$served" 2>/dev/null || true
  rm -rf "$data"
}
trap finish EXIT

# until_said OUTLET WORDS: until the machine on an outlet has printed these words.
until_said() {
  local end=$((SECONDS + 180)) log="$data/virtual/machines/console$1.log"
  until grep -aq "$2" "$log" 2>/dev/null; do
    [ $SECONDS -lt $end ] || stop "outlet $1 did not say \"$2\" within three minutes; the end of its console:" "$(tail -n 5 "$log")"
    sleep 0.5
  done
}

picture() {
  "$program" screen "$1" "$folder/$2" --data "$data"
}

until [ -e "$data/control.token" ] && "$program" status --data "$data" >/dev/null 2>&1; do
  kill -0 "$served" 2>/dev/null || stop "serve ended: $(cat "$data/out")"
  sleep 0.2
done
# The lab switches a machine off when all have reported, so what it shows meanwhile is taken first.
"$program" lab start rehearsal --data "$data"
until_said 2 'loading probe'
picture node2 machine-loader-screen.png
until_said 2 'asking for an address'
picture node2 machine-own-screen.png
until_said 3 'asks again in'
sleep 1
picture stranger machine-refused.png
