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
sleep 4
echo '(while it runs)'
say hl-smi
hl-smi
status=0
wait "$job" || status=$?
cat "$logs/stdout"
echo "hl_qual ended with status $status"
exit "$status"
