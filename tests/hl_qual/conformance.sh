# What the consumers of the real tool's output run on a log, as literally as possible, and a line for each that agrees.
log=$1
s=$(grep -A8 "Test result summary" $log | awk -F ': ' 'BEGIN{p=0;f=0} $3=="PASSED"{++p} $3=="FAILED"{++f} END{print p" passed, "f" failed"}')
o=$(grep -A1 " hl qual report " $log | tail -1)
r=$(awk '/hl qual report/ {getline; print}' $log)
l=$(tail -n 1 $log)
g=$(grep "hl qual report" -A 2 $log | tail -n 1)
c=$(grep -cP '^\./hl_qual' $log)
u=$(grep -cP ^./hl_qual $log)
e=$(grep -i "Finish running plugin with" $log | sort -n | tail -n 1); [[ $e =~ \[([0-9]{2}.*)\] ]] && date -d "${BASH_REMATCH[1]}" >/dev/null
[[ $o == "$r" && $r == "$l" && $l == "$g" && $c == 1 && $u == 1 ]] && echo "$s $o"
[[ $(grep -c " hl qual report " $log) == 1 ]] && echo one
[[ $o != PASSED ]] || ! grep -q FAILED $log && echo clean
! grep -i "Finish running plugin with" $log | grep -qvP '^\[\d{2}:\d{2}:\d{2}\.\d{6}\][^][]*$' && echo brackets
exit 0
