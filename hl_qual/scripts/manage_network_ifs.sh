#!/bin/sh
# The external ports of all cards, with the switches and texts of the vendor's script of this name.
#
# --up and --down change the box that the environment means: an external port that is up is one with a loopback plug.
# Exit statuses: 0 done, 1 failed, 2 usage.
set -u
box=${GAUDI_BOX_COMMAND:-gaudi-box}

usage() {
    cat <<'TEXT'
usage: manage_network_ifs.sh --up | --down | --status | --set-pfc | --unset-pfc | --check-pfc [--no-progbar] [-v]
  --up          take all external ports up
  --down        take all external ports down
  --status      show for each card which external ports are down
  --set-pfc, --unset-pfc, --check-pfc
                priority flow control; the emulated NIC has none, so nothing changes
  --no-progbar  accepted; there is no progress bar
  -v            show every port
  -h            show this text
TEXT
}

# A line with the card, then what is down; without the word when nothing is, because scripts count its lines.
status() {
    "$box" link all external | awk '
        NR == 1 { next }
        !($1 in seen) { seen[$1] = 1; order[++cards] = $1 }
        $4 == "DOWN" || $4 == "DOWN," { n[$1]++; list[$1] = list[$1] (n[$1] > 1 ? ", " : "") $2 }
        END {
            for (i = 1; i <= cards; i++) {
                card = order[i]
                print "accel" card
                if (n[card]) print n[card] (n[card] == 1 ? " port" : " ports") " down (" list[card] ")"
                else print "all ports up"
            }
        }'
}

change() {
    if [ "$verbose" = yes ]; then
        "$box" link all external "$1"
    else
        "$box" link all external "$1" > /dev/null
    fi
}

action=
verbose=no
for word in "$@"; do
    case $word in
    --up | --down | --status | --set-pfc | --unset-pfc | --check-pfc)
        [ -z "$action" ] || { echo "manage_network_ifs.sh: $action and $word exclude each other" >&2; exit 2; }
        action=$word ;;
    --no-progbar) ;;
    -v) verbose=yes ;;
    -h | --help) usage; exit 0 ;;
    *) echo "manage_network_ifs.sh: unknown switch '$word'" >&2; usage >&2; exit 2 ;;
    esac
done

case $action in
--up) change up || exit 1 ;;
--down) change down || exit 1 ;;
--status) text=$(status) && [ -n "$text" ] && printf '%s\n' "$text" || exit 1 ;;
--set-pfc | --unset-pfc | --check-pfc) echo "priority flow control: the emulated NIC has none" ;;
*) usage >&2; exit 2 ;;
esac
