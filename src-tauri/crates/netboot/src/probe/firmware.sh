# Variables of UEFI firmware. Read by init.sh.
#
# In the report: "efi":{"variables":[{"name":"BootOrder","hex":"07000000..."}]}, hex as efivarfs has it: four bytes of
# attributes, then the value. To be written: the answer to a heartbeat carries `efivar NAME GUID HEX`, HEX in the same
# form, or `-` to remove the variable; the result is posted to /efivar as {"name":...,"ok":true|false,"why":...} and the
# next one is told in the answer to the heartbeat after it. What is written is BootNext, and Boot#### entries whose
# description begins with `statusinator`, over entries of that description or none: nobody else's entry is touched. The
# kernel lets these names be written as they are; only variables that it does not know are immutable (chattr +i).

efivars=/sys/firmware/efi/efivars
efi_global=8be4df61-93ca-11d2-aa0d-00e098032b8c
# More than any firmware has; a full store must not make a report that is refused for its size.
efi_most=48

mount_efivars() {
    [ -d /sys/firmware/efi ] || return 1
    grep -q " $efivars " /proc/mounts && return
    mount -t efivarfs -o ro efivarfs $efivars 2>/dev/null
}

hex_of() { head -c 1024 "$1" 2>/dev/null | hexdump -v -e '1/1 "%02x"'; }

# Last byte of the UEFI variable: four bytes of attributes, then 0 or 1.
secure_boot() {
    [ -e $efivars/SecureBoot-$efi_global ] && tail -c 1 $efivars/SecureBoot-$efi_global | hexdump -v -e '1/1 "%d"'
}

efi_facts() {
    mount_efivars || { printf null; return; }
    printf '{"variables":['
    comma=
    for variable in $(ls $efivars | grep -E "^(Timeout|Boot(Current|Next|Order|[0-9A-F]{4}))-$efi_global\$" | head -n $efi_most); do
        printf '%s{"name":"%s","hex":"%s"}' "$comma" "${variable%%-*}" "$(hex_of "$efivars/$variable")"
        comma=,
    done
    printf ']}'
}

# Attributes of the variable (4 bytes), of the option (4), length of its path (2), then "statusinator" in UTF-16.
entry_is_ours() {
    case $1 in
        ????????????????????73007400610074007500730069006e00610074006f007200*) return 0 ;;
    esac
    return 1
}

# Sets `why` when it did not work.
write_variable() {
    why=
    file=$efivars/$1-$2
    case $3 in
        -) ;;
        ''|*[!0-9a-f]*) why='the value is not hexadecimal'; return 1 ;;
    esac
    [ "$2" = $efi_global ] || { why='only variables of the EFI global vendor are written'; return 1; }
    case $1 in
        BootNext) ;;
        Boot[0-9A-F][0-9A-F][0-9A-F][0-9A-F])
            if [ -e "$file" ] && ! entry_is_ours "$(hex_of "$file")"; then
                why="$1 belongs to somebody else"
                return 1
            fi
            if [ "$3" != - ] && ! entry_is_ours "$3"; then
                why='the entry does not say that it is of statusinator'
                return 1
            fi ;;
        *) why="$1 is never written"; return 1 ;;
    esac
    mount_efivars || { why='this machine was not started by UEFI'; return 1; }
    mount -o remount,rw $efivars 2>/dev/null || { why='the kernel does not let efivarfs be written'; return 1; }
    if [ "$3" = - ]; then
        rm -f "$file" 2>/dev/null
        [ -e "$file" ] && why="the firmware did not remove $1"
    else
        # In one piece: efivarfs hands each write to the firmware as a whole value.
        printf '%s' "$3" | xxd -r -p >/run/variable
        cat /run/variable 2>/dev/null >"$file" || why="the firmware refused $1"
        [ -n "$why" ] || [ "$(hex_of "$file")" = "$3" ] || why="the firmware did not keep $1"
    fi
    mount -o remount,ro $efivars 2>/dev/null
    [ -z "$why" ]
}

# obey_efivar NAME GUID HEX
obey_efivar() {
    if write_variable "$1" "$2" "$3"; then kept=true; else kept=false; fi
    printf '{"name":%s,"ok":%s,"why":%s}\n' "$(text "$1")" $kept "$(text "$why")" >/run/efivar.json
    post efivar /run/efivar.json >/dev/null
}
