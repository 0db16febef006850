# shellcheck shell=bash
# Debian packages for whoever needs some: the setup for building and testing, the benchmarks for what they measure against.
# Read after lib.sh.

# The names in a list like packages.txt.
packages_of() { sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' "$1"; }

# Those of the named packages (words in one string) that dpkg does not have, in one call for all of them.
missing_packages() {
  local wanted installed
  wanted=$(printf '%s\n' "$1" | tr -s ' ' '\n' | LC_ALL=C sort)
  # dpkg-query complains about and fails on names it has never heard of: those are exactly the missing ones.
  # shellcheck disable=SC2086,SC2016
  installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' $wanted 2>/dev/null | sed -n 's/ installed$//p' | LC_ALL=C sort) || true
  LC_ALL=C comm -23 <(printf '%s\n' "$wanted") <(printf '%s\n' "$installed") | paste -sd ' '
}

# A kernel package makes an initramfs for the machine it is installed on. In a container, and wherever GRUB does not
# boot from this disk, nobody will ever boot that: a minute and 60 MB for nothing. INITRD=No is the word by which Debian's own
# hook (/etc/kernel/postinst.d/initramfs-tools) leaves it out. A machine that may boot this kernel gets its initramfs.
boots_from_here() {
  [ -d /boot/grub ] && [ ! -e /.dockerenv ] && [ ! -e /run/.containerenv ]
}

# Installs what is missing of the named packages (words in one string); adds a word to $did when there was something to do.
install_packages() {
  local missing
  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    stop "This is neither Debian nor Ubuntu (no apt-get). Install what these Debian packages contain, then use" \
      "cargo and npm directly (README, \"Elsewhere than on Debian\"):" \
      "$(printf '%s\n' "$1" | tr -s ' ' '\n' | sed -e 's/^/    /')"
  fi
  missing=$(missing_packages "$1")
  [ -n "$missing" ] || return 0
  did="$did packages"
  say "setup: Debian packages missing: $missing"

  local settings="DEBIAN_FRONTEND=noninteractive"
  boots_from_here || settings="$settings INITRD=No"
  local update="apt-get update"
  local install="env $settings apt-get install -y --no-install-recommends $missing"
  local as=
  if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
      as=sudo
    else
      stop "Installing them needs root, and there is no sudo that works without a password or could ask for one. Run as root:" \
        "    $update && $install"
    fi
  fi
  # shellcheck disable=SC2086
  $as $update || say "setup: apt-get update failed; trying with the lists that are here"
  # shellcheck disable=SC2086
  $as $install || stop "apt-get could not install them (its own words are above). By hand, as root:" \
    "    $update && $install"
  missing=$(missing_packages "$1")
  [ -z "$missing" ] || stop "apt-get ended well, and still missing: $missing"
}
