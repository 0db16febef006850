# shellcheck shell=bash
# A Redfish service that answers 204 at once and switches up to eleven seconds later.
export WHAT='sushy-tools 2.2.0'
have() {
  python 3 && venv sushy
}
run() { REAL_SUSHY=$BIN/sushy-emulator cargo_real real_redfish; }
