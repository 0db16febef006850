#!/bin/sh
# First process of the probe image. Finds the network, says on every console whose box this is, reports the hardware
# to the engine, and beats until told to power off. No disk is touched, unless it is told to be the wiper (wipe.sh).
#
# Instructions come on the kernel command line (see plan.rs):
#   statusinator.box=N statusinator.name=NAME statusinator.report=URL statusinator.heartbeat_ms=MS [BOOTIF=01-MAC]
#   [statusinator.role=ROLE] [statusinator.lab=LAB] [statusinator.mode=wipe [statusinator.disks=NAME,NAME]]
#
# It never gives up: a machine that waits with words on its screen can be helped, one that panics cannot. Limits are
# the engine's business. What cannot be read is reported as null and never made up.

export PATH=/bin:/sbin LC_ALL=C
set -f   # no word of the command line or of the firmware is a file pattern

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
exec </dev/null >/dev/console 2>&1

box=0 name= role= lab= mode=probe disks= report= heartbeat_ms=1000 bootif= state= address= nic=
for word in $(cat /proc/cmdline); do
    case $word in
        statusinator.box=*) box=${word#*=} ;;
        statusinator.name=*) name=${word#*=} ;;
        statusinator.role=*) role=${word#*=} ;;
        statusinator.lab=*) lab=${word#*=} ;;
        statusinator.mode=*) mode=${word#*=} ;;
        statusinator.disks=*) disks=${word#*=} ;;
        statusinator.report=*) report=${word#*=} ;;
        statusinator.heartbeat_ms=*) heartbeat_ms=${word#*=} ;;
        # PXE loaders write the hardware type before the address: 01-52-54-00-...
        BOOTIF=*) bootif=$(echo "${word#BOOTIF=??-}" | tr 'A-F-' 'a-f:') ;;
    esac
done
case $box in ''|*[!0-9]*) box=0 ;; esac
case $heartbeat_ms in ''|0*|*[!0-9]*) heartbeat_ms=1000 ;; esac

# --- Drivers ---------------------------------------------------------------------------------------------------------

# Load what the devices found so far ask for, until that brings up no new ones (a virtio bus brings its network card).
coldplug() {
    for pass in 1 2 3 4 5; do
        find /sys/devices -name modalias -exec cat {} + 2>/dev/null | sort -u >/run/modalias.new
        [ -e /run/modalias ] && [ "$(cat /run/modalias)" = "$(cat /run/modalias.new)" ] && return
        mv /run/modalias.new /run/modalias
        modprobe -a -q -b $(cat /run/modalias) 2>/dev/null
    done
}

# --- Network ---------------------------------------------------------------------------------------------------------

nics() {
    for candidate in $(ls /sys/class/net); do
        [ -e "/sys/class/net/$candidate/device" ] && echo "$candidate"
    done
}

# Reading the carrier of an interface that is down is an error, hence the silence.
has_link() {
    { read -r carrier <"/sys/class/net/$1/carrier"; } 2>/dev/null && [ "$carrier" = 1 ]
}

# The card that booted us when the loader named it, else the first with a link. A loader can name a card for which
# there is no driver here: after 15 s any card with a link will do.
choose_nic() {
    read -r started rest </proc/uptime
    tries=0
    while :; do
        read -r now rest </proc/uptime
        for candidate in $(nics); do
            ip link set "$candidate" up 2>/dev/null
            if [ -n "$bootif" ] && [ $((${now%.*} - ${started%.*})) -lt 15 ]; then
                [ "$(cat "/sys/class/net/$candidate/address")" = "$bootif" ] && nic=$candidate && return
            else
                has_link "$candidate" && nic=$candidate && return
            fi
        done
        tries=$((tries + 1))
        if [ -z "$(nics)" ]; then say 'no network card with a driver found'
        elif [ -n "$bootif" ]; then say "waiting for the network card $bootif"
        else say 'waiting for a network link'; fi
        # Slow buses show their devices late.
        [ $((tries % 5)) = 0 ] && coldplug
        usleep 200000
    done
}

# The vendor class is how the engine tells this client from the firmware's. udhcpc stays, to renew the lease.
get_address() {
    # Asked before there is a link, the first question is lost and the second comes two seconds later.
    until has_link "$nic"; do
        say "waiting for a link on $nic"
        usleep 100000
    done
    say "asking for an address on $nic"
    rm -f /run/address
    udhcpc -f -i "$nic" -s /lease.sh -V statusinator-probe ${name:+-x "hostname:$name"} -t 4 -T 2 -A 2 >/dev/null 2>&1 &
    until [ -s /run/address ]; do usleep 50000; done
    address=$(cat /run/address)
}

# --- The report ------------------------------------------------------------------------------------------------------

# A JSON string, or null when there is nothing. Firmware writes what it likes: bytes outside ASCII become "?".
text() {
    value=$(printf '%s' "$1" | tr -c '\040-\176' '?' | cut -c1-128 | sed 's/^ *//; s/ *$//; s/[\\"]/\\&/g')
    if [ -n "$value" ]; then printf '"%s"' "$value"; else printf null; fi
}

# A JSON number, or null. Leading zeros are not JSON; a speed of -1 means "unknown".
number() {
    case $1 in
        ''|*[!0-9]*) printf null ;;
        *) printf '%s' "$1" | sed 's/^0*\([0-9]\)/\1/' ;;
    esac
}

flag() {
    case $1 in 1) printf true ;; 0) printf false ;; *) printf null ;; esac
}

content() { cat "$1" 2>/dev/null; }

cores() {
    awk -F: '/^physical id/ { package = $2 } /^core id/ { seen[package "," $2] = 1 }
             END { for (core in seen) count++; if (count) print count }' /proc/cpuinfo
}

disks() {
    comma=
    for disk in $(ls /sys/block); do
        [ -e "/sys/block/$disk/device" ] || continue
        sectors=$(content "/sys/block/$disk/size")
        # The kernel counts in units of 512 bytes whatever the disk's own sectors are.
        case $sectors in ''|*[!0-9]*) bytes= ;; *) bytes=$((sectors * 512)) ;; esac
        printf '%s{"name":%s,"bytes":%s,"model":%s,"rotational":%s}' "$comma" "$(text "$disk")" "$(number "$bytes")" \
            "$(text "$(content "/sys/block/$disk/device/model")")" "$(flag "$(content "/sys/block/$disk/queue/rotational")")"
        comma=,
    done
}

cards() {
    comma=
    for card in $(nics); do
        driver=$(readlink "/sys/class/net/$card/device/driver")
        printf '%s{"name":%s,"mac":%s,"driver":%s,"speed_mbit":%s,"link":%s}' "$comma" "$(text "$card")" \
            "$(text "$(content "/sys/class/net/$card/address")")" "$(text "${driver##*/}")" \
            "$(number "$(content "/sys/class/net/$card/speed")")" "$(flag "$(content "/sys/class/net/$card/carrier")")"
        comma=,
    done
}

write_report() {
    if [ -d /sys/firmware/efi ]; then
        firmware=uefi
        mount_efivars
    else
        firmware=bios
    fi
    dmi=/sys/class/dmi/id
    if [ -n "$(content $dmi/product_serial)" ]; then serial=1; else serial=0; fi
    {
        printf '{"box":%s,' "$(number "$box")"
        printf '"kernel":{"release":%s,"cmdline":%s},' "$(text "$(uname -r)")" "$(text_long "$(cat /proc/cmdline)")"
        printf '"cpu":{"model":%s,"cores":%s},' "$(text "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)")" \
            "$(number "$(cores)")"
        printf '"memory":{"usable_bytes":%s},' "$(number "$(awk '/^MemTotal:/ { printf "%.0f", $2 * 1024 }' /proc/meminfo)")"
        printf '"disks":[%s],"nics":[%s],' "$(disks)" "$(cards)"
        printf '"firmware":{"vendor":%s,"version":%s,"date":%s,"mode":"%s","secure_boot":%s},' \
            "$(text "$(content $dmi/bios_vendor)")" "$(text "$(content $dmi/bios_version)")" \
            "$(text "$(content $dmi/bios_date)")" "$firmware" "$(flag "$(secure_boot)")"
        printf '"product":{"vendor":%s,"name":%s,"serial_known":%s},' "$(text "$(content $dmi/sys_vendor)")" \
            "$(text "$(content $dmi/product_name)")" "$(flag $serial)"
        printf '"clock":{"epoch_s":%s},"heartbeat_ms":%s,"address":%s,"efi":%s,' "$(number "$(date +%s)")" \
            "$(number "$heartbeat_ms")" "$(text "$address")" "$(efi_facts)"
        # Bounded: a table of a real board has 2 to 8 KiB.
        printf '"smbios_hex":"%s"}\n' \
            "$(head -c 16384 /sys/firmware/dmi/tables/DMI 2>/dev/null | hexdump -v -e '1/1 "%02x"')"
    } >/run/report.json
}

# As text, for the one value that may be longer than a name.
text_long() {
    value=$(printf '%s' "$1" | tr -c '\040-\176' '?' | cut -c1-2048 | sed 's/[\\"]/\\&/g')
    printf '"%s"' "$value"
}

# post PATH FILE: prints the answer; nothing when there was none. busybox's wget has no time limit of its own.
post() {
    timeout 5 wget -q -O - --header 'Content-Type: application/json' --post-file "$2" "$report/$1" 2>/dev/null
}

send_report() {
    wait_ms=250
    while :; do
        # Written anew each time: the clock goes on, and a slow disk may have shown up.
        coldplug
        write_report
        case $(post report /run/report.json) in *received*) return ;; esac
        say "no answer from $report, trying again (own address $address)"
        usleep $((wait_ms * 1000))
        [ $wait_ms -lt 4000 ] && wait_ms=$((wait_ms * 2))
    done
}

# --- After the report ------------------------------------------------------------------------------------------------

beat() {
    read -r uptime rest </proc/uptime
    printf '{"box":%s,"uptime_s":%s,"clock":{"epoch_s":%s},"address":%s}\n' "$(number "$box")" "$uptime" \
        "$(number "$(date +%s)")" "$(text "$(content /run/address)")" >/run/heartbeat.json
    post heartbeat /run/heartbeat.json
}

# Kernel messages over the network from here on, so that a panic is told to more than a screen that nobody looks at. Its
# last words are printed whatever the level (the kernel raises it itself); all others stay below it (see the end).
netconsole() {
    host=${report#http://}
    host=${host%%[:/]*}
    modprobe -q netconsole 2>/dev/null
    grep -q ' /sys/kernel/config ' /proc/mounts || mount -t configfs configfs /sys/kernel/config 2>/dev/null
    target=/sys/kernel/config/netconsole/boss
    [ -d /sys/kernel/config/netconsole ] && [ ! -d $target ] || return
    # A kernel that panics asks nobody for a hardware address. Without one it would send to everybody, which does too.
    ping -c 1 -W 1 "$host" >/dev/null 2>&1
    boss=$(ip neigh show "$host" 2>/dev/null | sed -n 's/.* lladdr \([0-9a-f:]*\).*/\1/p')
    mkdir $target
    echo "$nic" >$target/dev_name
    echo "$address" >$target/local_ip
    echo "$host" >$target/remote_ip
    echo 6666 >$target/remote_port
    [ -n "$boss" ] && echo "$boss" >$target/remote_mac
    echo 1 >$target/enabled
    [ "$(content $target/enabled)" = 1 ] && echo "<0>statusinator: kernel messages of box $box $name go to $host" >/dev/kmsg
}

# leave WORD COMMAND: say goodbye, so that the engine knows this end from a crash, then go.
leave() {
    say "$1 as told"
    printf '{"box":%s,"reason":"%s"}\n' "$(number "$box")" "$2" >/run/goodbye.json
    for attempt in 1 2 3; do
        post goodbye /run/goodbye.json >/dev/null && break
        usleep 300000
    done
    # A boot disk that is being renewed would have to begin anew at the next boot.
    tries=0
    while [ -n "$keeper" ] && kill -0 "$keeper" 2>/dev/null && [ $tries -lt 100 ]; do
        tries=$((tries + 1))
        usleep 100000
    done
    sync
    "$2" -f
    say "$2 did not work: press the button"
    while :; do sleep 3600; done
}

obey() {
    missed=0
    read -r heard rest </proc/uptime
    while :; do
        answer=$(beat)
        read -r now rest </proc/uptime
        [ -n "$answer" ] && heard=$now
        case $answer in
            # Words after this one are hexadecimal: it comes first, so that nothing in them is taken for another order.
            *' efivar '*) obey_efivar ${answer#*' efivar '} ;;
            *poweroff*) leave 'switching off' poweroff ;;
            *reboot*) leave 'restarting' reboot ;;
            '') missed=$((missed + 1)) ;;
            *) missed=0 ;;
        esac
        if [ $missed -ge 5 ]; then say "reported, but $report does not answer any more"
        else say "reported from $address, waits for orders"; fi
        age=$((${now%.*} - ${heard%.*}))
        if [ $age -gt 0 ]; then foot "heartbeat: no answer for $age s"
        else foot "heartbeat answered, up ${now%.*} s"; fi
        usleep $((heartbeat_ms * 1000))
    done
}

. /screen.sh
. /firmware.sh
. /keep.sh
[ "$mode" = wipe ] && . /wipe.sh

# Kernel messages would scroll the number away; they stay readable by dmesg.
dmesg -n 1
measure_screen
large_number $scale >/run/number
for console in $serials; do
    { echo; large_number 2 | sed 's/ *$/\r/'; echo; } >"/dev/$console" 2>/dev/null
done
say 'looking for hardware'
# There without UEFI too, but will not load.
[ -d /sys/firmware/efi ] && modprobe -q efivarfs
coldplug
choose_nic
get_address
if [ -z "$report" ]; then
    say 'the kernel command line has no statusinator.report: nobody to report to'
    while :; do sleep 3600; done
fi
netconsole
[ "$mode" = wipe ] && wipe
say "reporting from $address to $report"
send_report
keep_copies &
keeper=$!
obey
