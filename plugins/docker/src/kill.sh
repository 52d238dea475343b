# Ends the processes of one command: $1 is its mark, $2 how many seconds they have to end by themselves, $3 is `stop` or `kill`.
# Those are the processes that have the mark among their variables, those of the same sessions, and the children of all of these.
# Nothing but a shell, `cat` and `sleep` is needed.
exec 2>/dev/null
mark="WORLDFLUX_EXECUTION=$1"
sessions=' '
own=' '

# Field $2 of the line that the kernel writes about process $1, counted behind the name of its program.
look() {
    line=
    read -r line < "/proc/$1/stat" || return 1
    line=${line##*) }
    set -f
    set -- $line
    set +f
    state=$1 parent=$2 session=$4
}

find_all() {
    own=' '
    again=yes
    while [ "$again" ]; do
        again=
        for path in /proc/[0-9]*; do
            pid=${path#/proc/}
            [ "$pid" = 1 ] || [ "$pid" = "$$" ] && continue
            case $own in *" $pid "*) continue ;; esac
            look "$pid" || continue
            [ "$state" = Z ] && continue
            hit=
            case $sessions in *" $session "*) hit=yes ;; esac
            case $own in *" $parent "*) hit=yes ;; esac
            if [ ! "$hit" ]; then
                case $(cat "$path/environ") in *"$mark"*) hit=yes ;; esac
            fi
            [ "$hit" ] || continue
            own="$own$pid "
            again=yes
            case $sessions in *" $session "*) ;; *) sessions="$sessions$session " ;; esac
        done
    done
    [ "$own" != ' ' ]
}

if [ "$3" = stop ]; then
    find_all || exit 0
    kill -TERM $own
    waited=0
    while [ "$waited" -lt "$2" ]; do
        sleep 1
        waited=$((waited + 1))
        find_all || exit 0
    done
fi
rounds=0
while find_all; do
    kill -KILL $own
    rounds=$((rounds + 1))
    [ "$rounds" -lt 50 ] || exit 1
done
exit 0
