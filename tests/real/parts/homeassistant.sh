# shellcheck shell=bash
# The last release for Debian's own Python. It is 600 MB, and says yes to every order.
export WHAT='Home Assistant 2024.3.3'
have() {
  python 3.11 3.12 && venv homeassistant
}
run() { REAL_HASS=$BIN/hass cargo_real real_home_assistant; }
