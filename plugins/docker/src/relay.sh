# Runs the command in its arguments, and reads what that leaves of the input.
# The service of podman breaks a connection on which input is left when the command ends, and with it are gone the exit code and perhaps the last
# output. A second is enough for input that has its end; one that is still being written has no more than that to come.
trap : HUP INT TERM
exec 3<&0
"$@" <&3 3<&-
code=$?
cat <&3 > /dev/null 2>&1 &
rest=$!
{ sleep 1; kill "$rest"; } > /dev/null 2>&1 < /dev/null 3<&- &
watch=$!
wait "$rest" 2> /dev/null
kill "$watch" 2> /dev/null
exit "$code"
