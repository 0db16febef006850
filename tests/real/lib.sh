# shellcheck shell=bash
# What the files in parts/ may use. Each describes one far side:
#   WHAT     its name and version, for the table
#   have()   gets it into $CACHE, or calls `skip WHY`
#   run()    runs the tests against it

# Outside the project, so that `git clean` keeps what took minutes to build.
CACHE=${REAL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/statusinator-real}
RECIPES=$ROOT/tests/real/recipes

# Leaves the part with the exit code that stands for "not here", and says why.
skip() {
  echo "$*" >"$REASON"
  exit 77
}

# needs COMMAND PACKAGE: a program of Debian's.
needs() { command -v "$1" >/dev/null || skip "$1 is missing: apt-get install $2"; }

# go_binary NAME PACKAGE [SOURCE]: builds a Go program from recipes/NAME (its go.mod and go.sum), once for each recipe, and puts
# its path into $BINARY. SOURCE is a function that writes the program's source into the folder it is called in.
go_binary() {
  local name=$1 package=$2 source=${3:-true} recipe=$RECIPES/$1 sum log
  sum=$(cat "$recipe"/go.mod "$recipe"/go.sum | sha256sum | cut -c1-16)
  BINARY=$CACHE/$name-$sum/$name
  mkdir -p "${BINARY%/*}"
  log=${BINARY%/*}/build.log
  # Two runs at once build once.
  exec 9>"${BINARY%/*}/lock"
  flock -w 1800 9 || skip "somebody else has been building $name for half an hour"
  if [ ! -x "$BINARY" ]; then
    command -v go >/dev/null || skip "Go is missing: it builds $name"
    local work
    work=$(mktemp -d)
    say "building $name (once)"
    (cd "$work" && "$source" "$recipe" && cp "$recipe"/go.mod "$recipe"/go.sum . && CGO_ENABLED=0 GOFLAGS=-buildvcs=false timeout 1800 go build -mod=mod -trimpath -ldflags '-s -w' \
      -o "$BINARY.new" "$package") >"$log" 2>&1 || { rm -rf "$work"; skip "$name could not be built: $(tail -n 1 "$log")"; }
    rm -rf "$work"
    mv "$BINARY.new" "$BINARY"
  fi
  exec 9>&-
}

# python VERSION...: the first of these that is there and can make virtual environments, into $PYTHON.
python() {
  local version
  for version in "$@"; do
    PYTHON=$(command -v "python$version") || continue
    # A shim of pyenv is there for versions that are not.
    "$PYTHON" -c 'import ensurepip' 2>/dev/null && return
  done
  skip "no Python ${*// /, } that makes virtual environments: apt-get install python3 python3-venv"
}

# venv NAME: the programs of recipes/NAME (its requirements.txt), installed with $PYTHON once for each recipe; its folder of
# programs into $BIN. Environments cannot be moved: a marker tells a whole one from one that was broken off.
venv() {
  local name=$1 recipe=$RECIPES/$1/requirements.txt sum folder
  sum=$("$PYTHON" --version | cat - "$recipe" | sha256sum | cut -c1-16)
  folder=$CACHE/$name-$sum
  mkdir -p "$folder"
  exec 9>"$folder/lock"
  flock -w 900 9 || skip "somebody else has been installing $name for a quarter of an hour"
  if [ ! -e "$folder/whole" ]; then
    say "installing $name (once)"
    { "$PYTHON" -m venv --clear "$folder/venv" && timeout 480 "$folder/venv/bin/pip" install --quiet --disable-pip-version-check -r "$recipe"; } \
      >"$folder/install.log" 2>&1 || skip "$name could not be installed within 8 minutes: $(tail -n 1 "$folder/install.log")"
    touch "$folder/whole"
  fi
  export BIN=$folder/venv/bin
  exec 9>&-
}

# cargo_real NAME: the test of this name, in the build that everything else uses.
cargo_real() { cargo test --release --locked --workspace --test "$1"; }
