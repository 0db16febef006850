# The wiper: erases what makes a disk look used. Read by init.sh, called with statusinator.mode=wipe alone.
#
# It says on its screen what it will erase, waits while that can be read, then asks: POST /wipe/ask with
# {"ticket":...,"disks":[{"name","bytes","model","serial"}]}. The answers: `wipe-wait WHY`, to be asked again; `wipe-no WHY`: it
# boots on as a probe; `wipe-go TICKET NAME,NAME`: the ticket is the one that it made up at its start, so that no answer to
# another boot can be taken for it. What was done goes to POST /wiped. No disk is opened for writing before `wipe-go`.

ticket=$(cat /proc/sys/kernel/random/uuid)
# While a person may pull the plug.
wipe_shown_s=5
# Zeroed at both ends of a disk that cannot discard; signatures need one, the rest makes leftovers useless.
wipe_ends_mib=16

# Fixed disks alone: nothing removable, nothing on USB, no card, no disc, no memory, nothing that is read-only, and no
# medium that statusinator made to boot from.
fixed_disks() {
    for disk in $(ls /sys/block); do
        [ -e "/sys/block/$disk/device" ] || continue
        case $disk in ram*|loop*|zram*|sr*|fd*|md*|dm-*|nbd*|mtd*|mmcblk*boot*|mmcblk*rpmb) continue ;; esac
        [ "$(content "/sys/block/$disk/removable")" = 0 ] || continue
        [ "$(content "/sys/block/$disk/ro")" = 0 ] || continue
        [ "$(content "/sys/block/$disk/hidden")" = 1 ] && continue
        [ "$(content "/sys/block/$disk/device/type")" = SD ] && continue
        case $(readlink "/sys/block/$disk") in */usb*) continue ;; esac
        case $(content "/sys/block/$disk/size") in ''|0|*[!0-9]*) continue ;; esac
        dd if="/dev/$disk" bs=1048576 count=2 2>/dev/null | grep -q STATUSINATOR && continue
        echo "$disk"
    done
}

model() { content "/sys/block/$1/device/model" | sed 's/ *$//'; }

# Of virtio, of NVMe, of SCSI and ATA (page 80 of the vital product data: four bytes of head).
serial() {
    for place in serial device/serial; do
        content "/sys/block/$1/$place" | grep . && return
    done
    tail -c +5 "/sys/block/$1/device/vpd_pg80" 2>/dev/null | tr -cd '\040-\176'
}

sectors() { content "/sys/block/$1/size"; }

identity() {
    printf '"name":%s,"bytes":%s,"model":%s,"serial":%s' "$(text "$1")" "$(number $(($(sectors "$1") * 512)))" \
        "$(text "$(model "$1")")" "$(text "$(serial "$1")")"
}

human() {
    if [ "$1" -ge 21474836480 ]; then echo "$(($1 / 1000000000)) GB"; else echo "$(($1 / 1048576)) MiB"; fi
}

# One line a disk, for the screen.
list_disks() {
    for disk in $1; do
        made=$(model "$disk")
        numbered=$(serial "$disk")
        echo "    $disk  $(human $(($(sectors "$disk") * 512)))  ${made:-model unknown}  serial ${numbered:-unknown}"
    done
}

# The disks it may erase: all fixed ones, or those of them that the command line names by name or serial.
choose_disks() {
    for disk in $(fixed_disks); do
        if [ -z "$disks" ]; then echo "$disk"; continue; fi
        for wanted in $(echo "$disks" | tr , ' '); do
            if [ "$wanted" = "$disk" ] || [ "$wanted" = "$(serial "$disk")" ]; then echo "$disk"; break; fi
        done
    done
}

# --- Erasing ---------------------------------------------------------------------------------------------------------

# Lines of START COUNT in sectors of 512 bytes: where signatures lie on $2 sectors from sector $1. The first and the
# last MiB hold partition tables (GPT has one at each end), ext4, xfs, LVM, md of every version, swap, and ZFS' four
# labels of 256 KiB; btrfs has copies of its superblock at 64 MiB and 256 GiB.
signatures() {
    edge=$3
    if [ "$2" -le $((edge * 2)) ]; then echo "$1 $2"; return; fi
    echo "$1 $edge"
    echo "$(($1 + $2 - edge)) $edge"
    for copy in 131072 536870912; do
        [ "$2" -gt $((copy + 8)) ] && echo "$(($1 + copy)) 8"
    done
}

# Where signatures lie on a disk and on each of its partitions, while the kernel still knows these.
places() {
    signatures 0 "$(sectors "$1")" "$2"
    for part in $(ls "/sys/block/$1"); do
        [ -e "/sys/block/$1/$part/partition" ] || continue
        signatures "$(content "/sys/block/$1/$part/start")" "$(content "/sys/block/$1/$part/size")" 2048
    done
}

zeroed() {
    dd if="/dev/$1" bs=512 skip="$2" count="$3" of=/run/check 2>/dev/null
    [ "$(wc -c </run/check)" = $(($3 * 512)) ] && [ "$(tr -d '\000' </run/check | head -c 1 | wc -c)" = 0 ]
}

# Prints the result as JSON.
erase() {
    why= ends=2048 discarded=false count=0
    places "$1" 2048 >/run/places
    # A discard may leave the old bytes, zeros or anything: it is for the disk's sake, what counts is written below.
    if blkdiscard "/dev/$1" 2>/dev/null; then discarded=true; else ends=$((wipe_ends_mib * 2048)); fi
    [ $discarded = true ] || places "$1" $ends >/run/places
    while read -r start length; do
        dd if=/dev/zero of="/dev/$1" bs=512 seek="$start" count="$length" conv=notrunc,fsync 2>/dev/null ||
            why="sector $start could not be written"
        count=$((count + length))
    done </run/places
    # What is read back must come from the disk.
    sync
    blockdev --flushbufs "/dev/$1" 2>/dev/null
    while read -r start length; do
        [ -n "$why" ] || zeroed "$1" "$start" "$length" || why="sector $start still holds what it held"
    done </run/places
    blockdev --rereadpt "/dev/$1" 2>/dev/null
    if [ -z "$why" ]; then good=true; else good=false; fi
    printf '{%s,"discarded":%s,"zeroed_bytes":%s,"ok":%s,"why":%s}' "$(identity "$1")" $discarded \
        "$(number $((count * 512)))" $good "$(text "$why")"
}

# --- The flow --------------------------------------------------------------------------------------------------------

# Asks until it is told. Sets `granted` to the disks, or to nothing.
ask_to_wipe() {
    granted= shown=
    while :; do
        chosen=$(choose_disks)
        if [ "$chosen" != "$shown" ]; then
            # Never asked about a list that was not on the screen long enough to be read.
            shown=$chosen
            list_disks "$chosen" >/run/detail
            [ -n "$chosen" ] || echo '    no fixed disk found' >/run/detail
            left=$wipe_shown_s
            while [ $left -gt 0 ]; do
                say "WILL ERASE these disks, asks the board in $left s; pull the plug to keep them"
                beat >/dev/null
                usleep 1000000
                left=$((left - 1))
            done
        fi
        {
            printf '{"box":%s,"ticket":"%s","disks":[' "$(number "$box")" "$ticket"
            comma=
            for disk in $chosen; do
                printf '%s{%s}' "$comma" "$(identity "$disk")"
                comma=,
            done
            printf ']}\n'
        } >/run/ask.json
        answer=$(post wipe/ask /run/ask.json)
        case $answer in
            *" wipe-go $ticket "*) granted=$(echo "${answer##*" wipe-go $ticket "}" | tr , ' '); return ;;
            *' wipe-no '*) say "erases nothing: ${answer##*' wipe-no '}"; return ;;
            *' wipe-wait '*) say "waits before erasing: ${answer##*' wipe-wait '}" ;;
            *) say "no answer from $report, erases nothing before there is one" ;;
        esac
        usleep 1000000
        coldplug
    done
}

wipe() {
    read -r began rest </proc/uptime
    ask_to_wipe
    [ -n "$granted" ] || { rm -f /run/detail; return; }
    results= comma=
    for disk in $granted; do
        # Told is not enough: it must be one of those that were shown.
        case " $(echo $shown) " in *" $disk "*) ;; *) continue ;; esac
        say "ERASING $disk"
        result=$(erase "$disk")
        results="$results$comma$result"
        comma=,
    done
    read -r ended rest </proc/uptime
    printf '{"ticket":"%s","seconds":%s,"disks":[%s]}\n' "$ticket" "$((${ended%.*} - ${began%.*}))" "$results" >/run/wiped.json
    while :; do
        say 'erased; tells the board'
        answer=$(post wiped /run/wiped.json)
        case $answer in *received*) break ;; esac
        say "erased, but no answer from $report; tries again"
        usleep 1000000
    done
    case $results in
        *'"ok":false'*) say 'NOT everything could be erased; the board says what' ;;
        *) say 'erased' ;;
    esac
    send_report
    # The board says who switches off: behind a relay that remembers its press, a machine must not do it by itself.
    case $answer in *poweroff*) leave 'erased, switching off' poweroff ;; esac
}
