#!/bin/sh
# Network interfaces of the cards: up, down, status. --help has the rest. It is a face of `hl_qual network-ifs`, which lies
# beside this script in an installation, else in the PATH.
here=$(dirname "$(readlink -f "$0")")
if [ -x "$here/hl_qual" ]; then
    exec "$here/hl_qual" network-ifs "$@"
fi
exec hl_qual network-ifs "$@"
