#!/bin/sh
# The main job of `make run`: look, qualify, and look again while the stress runs. Nothing is started by hand.
set -eu
PATH="$BIN:$PATH"
export PATH
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
HABANA_LOGS=$logs
export HABANA_LOGS

say() { printf '\n$ %s\n' "$*"; }

say hl-smi
hl-smi
say hl-smi -q -d PRODUCT
hl-smi -q -d PRODUCT
say hl_qual -gaudi2 -c all -rmod parallel -dis_mon -t matmul_stress -t 5
hl_qual -gaudi2 -c all -rmod parallel -dis_mon -t matmul_stress -t 5 >"$logs/stdout" 2>&1 &
job=$!
# Look when the load shows: the reading follows the power with a time constant of one second.
for _ in $(seq 300); do
    [ "$(hl-smi -Q utilization.aip -f csv,noheader,nounits | sort -n | head -n 1)" -lt 80 ] || break
    kill -0 "$job" 2>/dev/null || break
    sleep 0.1
done
echo '(while it runs)'
say hl-smi
hl-smi
say hl-smi -Q index,power.draw,temperature.aip,clocks.current.soc,utilization.aip -f csv
hl-smi -Q index,power.draw,temperature.aip,clocks.current.soc,utilization.aip -f csv
status=0
wait "$job" || status=$?
cat "$logs/stdout"
echo "hl_qual ended with status $status"
exit "$status"
