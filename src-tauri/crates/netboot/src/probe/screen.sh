# What people see. Read by init.sh; uses its box, name, role, lab and mode.

# One digit, three blocks wide and five high.
digit() {
    case $1 in
        0) echo '### #.# #.# #.# ###' ;;  1) echo '.#. ##. .#. .#. ###' ;;
        2) echo '### ..# ### #.. ###' ;;  3) echo '### ..# ### ..# ###' ;;
        4) echo '#.# #.# ### ..# ..#' ;;  5) echo '### #.. ### ..# ###' ;;
        6) echo '### #.. ### #.# ###' ;;  7) echo '### ..# ..# ..# ..#' ;;
        8) echo '### #.# ### #.# ###' ;;  9) echo '### #.# ### ..# ###' ;;
    esac
}

# The box number, to be read from across the room. $1 is how many lines one of its five rows takes; a character is about
# twice as high as wide, so a block takes twice as many columns.
large_number() {
    for row in 1 2 3 4 5; do
        line=
        for figure in $(echo "$box" | sed 's/./& /g'); do
            line="$line$(digit "$figure" | cut -d' ' -f$row)."
        done
        echo "$line" | awk -v lines="$1" '{
            wide = "  "
            for (i = 1; i <= length($0); i++)
                for (j = 0; j < 2 * lines; j++) wide = wide (substr($0, i, 1) == "#" ? "#" : " ")
            for (k = 0; k < lines; k++) print wide
        }'
    done
}

# How many lines fit: three fifths of the display, two in the wiper, which has more to say below, and no wider than it.
screen_lines=25 screen_columns=80
measure_screen() {
    set -- $(stty -F /dev/tty0 size 2>/dev/null)
    case $1$2 in ''|0*|*[!0-9]*) ;; *) screen_lines=$1 screen_columns=${2:-80} ;; esac
    if [ "$mode" = wipe ]; then scale=$((screen_lines * 2 / 25)); else scale=$((screen_lines * 3 / 25)); fi
    widest=$(((screen_columns - 2) / (${#box} * 8)))
    [ $scale -gt $widest ] && scale=$widest
    [ $scale -ge 1 ] || scale=1
}

serials=$(sed -n 's/^\(ttyS[0-9]*\|hvc[0-9]*\|ttyUSB[0-9]*\) .*/\1/p' /proc/consoles)

# Whose box this is and what it is for: "Box 3 node3: probe for lab rehearsal".
title="Box $box $name"
[ -n "$role" ] && title="$title: $role"
[ -n "$lab" ] && title="$title for lab $lab"

# The whole screen on the display, one line on serial consoles: their readers keep a log and want no escape codes.
# Further lines (the disks, in the wiper) are those of /run/detail.
say() {
    [ "$state" = "$1" ] && return
    state=$1
    if [ -c /dev/tty0 ]; then
        escape=$(printf '\033')
        {
            printf '\033[2J\033[H\033[?25l\n'
            # Reverse blanks make solid blocks in every font.
            sed "s/#\{1,\}/${escape}[7m&${escape}[0m/g; s/#/ /g" /run/number
            printf '\n  \033[1m%s\033[0m\n  %s\n' "$title" "$state"
            sed 's/^/  /' /run/detail 2>/dev/null
        } >/dev/tty0 2>/dev/null
    fi
    read -r uptime rest </proc/uptime
    for console in $serials; do
        printf 'statusinator box %s %s, %s s: %s\r\n' "$box" "$name" "$uptime" "$state" >"/dev/$console" 2>/dev/null
    done
}

# A line that changes all the time, at the foot of the display only: no log is helped by an age.
foot() {
    [ -c /dev/tty0 ] && printf '\0337\033[%s;1H\033[K  %s\0338' $((screen_lines - 1)) "$1" >/dev/tty0 2>/dev/null
}
