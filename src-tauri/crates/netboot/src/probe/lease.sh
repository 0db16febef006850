#!/bin/sh
# Called by busybox's udhcpc at each change of the lease, with the event as argument and the lease in the environment
# (interface, ip, mask as prefix length, router). /run/address tells the first process that there is one.

case $1 in
    deconfig)
        rm -f /run/address
        ip addr flush dev "$interface"
        ip link set "$interface" up
        ;;
    bound|renew)
        # Only a changed address is set anew: doing it at each renewal would cut the connections.
        if [ "$(cat /run/address 2>/dev/null)" != "$ip" ]; then
            ip addr flush dev "$interface"
            ip addr add "$ip/${mask:-24}" dev "$interface"
        fi
        for gateway in $router; do
            ip route replace default via "$gateway" dev "$interface"
            break
        done
        echo "$ip" >/run/address.new
        mv /run/address.new /run/address
        ;;
esac
