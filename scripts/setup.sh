#!/usr/bin/env bash
# Makes a bare Debian or Ubuntu machine able to build and test. Safe to repeat: when nothing is missing it looks, takes about
# a second and needs no network. It never installs Rust or Node: those are the developer's own choice of source, so it says
# what to do and leaves with 2.
. "$(dirname "$0")/lib.sh"
. scripts/apt.sh
started=$SECONDS
did=

check_rust() {
  local want have
  want=$(sed -n 's/^channel *= *"\(.*\)"/\1/p' rust-toolchain.toml)
  local install="rustup toolchain install $want --profile minimal --component rustfmt --component clippy"
  if ! command -v cargo >/dev/null || ! command -v rustc >/dev/null; then
    stop "Rust is missing: there is no cargo or no rustc in PATH." \
      "Install rustup (https://rustup.rs), open a new shell, then run:" \
      "    $install"
  fi
  have=$(RUST_BACKTRACE=0 rustc --version 2>&1) || have="none (${have%%$'\n'*})"
  case $have in
    "rustc $want "*) ;;
    *) stop "This project is built with Rust $want (rust-toolchain.toml), but here is: $have" \
      "Run:" "    $install" ;;
  esac
  if ! cargo fmt --version >/dev/null 2>&1 || ! cargo clippy --version >/dev/null 2>&1; then
    stop "Rust $want is here, but rustfmt or clippy is not. Run:" "    $install"
  fi
}

check_node() {
  local words="Install Node.js 20 or newer with npm: https://nodejs.org/en/download (Debian 12 packages 18, which is too old)."
  command -v node >/dev/null || stop "Node.js is missing: there is no node in PATH." "$words"
  local have
  have=$(node --version)
  local major=${have#v}
  [ "${major%%.*}" -ge 20 ] || stop "Node.js $have is too old." "$words"
  command -v npm >/dev/null || stop "npm is missing: there is node $have but no npm in PATH." "$words"
}

# npm ci empties node_modules, so the stamp lives inside: whatever removes the one removes the other.
install_node_modules() {
  [ -e ui/package.json ] || return 0
  [ -e ui/package-lock.json ] || stop "ui/package.json has no package-lock.json beside it. Run: (cd ui && npm install), and commit it."
  local stamp=ui/node_modules/.setup now
  now="$(sha256sum <ui/package-lock.json) node $(node --version)"
  [ "$(cat $stamp 2>/dev/null)" != "$now" ] || return 0
  did="$did npm"
  say "setup: npm ci in ui/"
  # Playwright uses Debian's chromium.
  (cd ui && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund) || stop "npm ci failed in ui/ (its own words are above)."
  printf '%s\n' "$now" >$stamp
}

# Only the window's test needs it. A build folder of its own, removed afterwards: it shares no dependency with the workspace, and
# an interrupted build goes on where it was.
install_tauri_driver() {
  local version='^2' stamp=target/tools/tauri-driver.version
  [ -x target/tools/bin/tauri-driver ] && [ "$(cat $stamp 2>/dev/null)" = "$version" ] && return 0
  did="$did tauri-driver"
  say "setup: tauri-driver $version into target/tools"
  cargo install tauri-driver --version "$version" --locked --force --root target/tools --target-dir target/tools/build ||
    stop "cargo could not install tauri-driver (its own words are above)."
  rm -rf target/tools/build
  printf '%s\n' "$version" >$stamp
}

check_rust
check_node
install_packages "$(packages_of scripts/packages.txt)"
install_node_modules
install_tauri_driver
if [ -n "$did" ]; then say "setup: done:$did ($((SECONDS - started)) s)"; fi
