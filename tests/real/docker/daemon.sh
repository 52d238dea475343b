#!/bin/sh
# A daemon of its own, docker's or podman's, with one image that is made from busybox. Needs root, and the packages docker.io, podman, runc,
# busybox-static, iptables and curl.
#
#   daemon.sh docker|podman|rootless FOLDER [MIB]
#
# `rootless` is podman as somebody who is nobody in particular. MIB is the size of the disk that it has, in memory; otherwise it has that of FOLDER.
# Says `ready` and the number of its process once FOLDER/docker.sock answers, and ends the daemon, with all containers, when its standard input ends.
# It has a network of its own, so that nothing of the machine's is changed; FOLDER is its to use and not to remove.
set -eu

kind=$1
folder=$2
size=${3:-}
image=worldflux-test:latest
socket=$folder/docker.sock
mkdir -p "$folder"

ask() {
    curl --silent --show-error --fail --unix-socket "$socket" "$@"
}

case $kind in
docker)
    set -- dockerd --data-root "$folder/data" --exec-root "$folder/exec" --pidfile "$folder/pid" --host "unix://$socket" \
        --storage-driver vfs --default-address-pool base=10.213.0.0/16,size=24
    ;;
podman | rootless)
    # crun refuses a machine that has control groups of both versions, and a root without CAP_SYS_RESOURCE cannot raise limits.
    files=$(ulimit -H -n)
    [ "$files" != unlimited ] || files=1048576
    processes=20000
    [ "$kind" = podman ] || processes=4096
    cat > "$folder/containers.conf" <<EOF
[containers]
default_ulimits = ["nofile=$files:$files", "nproc=$processes:$processes"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
EOF
    export CONTAINERS_CONF="$folder/containers.conf"
    set -- podman --root "$folder/data" --runroot "$folder/run" --storage-driver vfs --tmpdir "$folder/tmp" --network-config-dir "$folder/networks" \
        system service --time 0 "unix://$socket"
    if [ "$kind" = rootless ]; then
        mkdir -p "$folder/user"
        chown -R nobody "$folder"
        set -- setpriv --reuid nobody --regid nogroup --clear-groups \
            env HOME="$folder/user" XDG_RUNTIME_DIR="$folder/user" PATH="$PATH:/usr/sbin:/sbin" "$@"
    fi
    ;;
*)
    echo "error: \`$kind\` is neither docker, podman nor rootless" >&2
    exit 2
    ;;
esac

disk=$folder/data
mkdir -p "$disk"
[ "$kind" != rootless ] || chown nobody "$disk"
# shellcheck disable=SC2016 # the inner shell puts in its own arguments
unshare --net --mount sh -c 'busybox ip link set lo up && { [ -z "$1" ] || mount -t tmpfs -o "size=$1m" tmpfs "$2"; } && shift 2 && exec "$@"' \
    sh "$size" "$disk" "$@" > "$folder/log" 2>&1 < /dev/null &
daemon=$!

finish() {
    trap - EXIT INT TERM
    for id in $(ask "http://d/containers/json?all=1" 2>/dev/null | tr '{' '\n' | sed -n 's/.*"Id":"\([0-9a-f]\{64\}\)".*/\1/p'); do
        ask --request DELETE "http://d/containers/$id?force=1&v=1" > /dev/null 2>&1 || true
    done
    # A rootless podman goes on in a process of its own, which has the namespace.
    daemons="$daemon $(cat "/proc/$daemon/task/"*/children 2>/dev/null || true)"
    # shellcheck disable=SC2086 # several numbers
    kill $daemons 2>/dev/null || true
    tries=0
    # shellcheck disable=SC2086
    while kill -0 $daemons 2>/dev/null && [ "$tries" -lt 100 ]; do
        tries=$((tries + 1))
        sleep 0.1
    done
    # shellcheck disable=SC2086
    kill -KILL $daemons 2>/dev/null || true
    # What keeps the namespace of a rootless podman for the next one.
    [ ! -f "$folder/tmp/pause.pid" ] || kill -KILL "$(cat "$folder/tmp/pause.pid")" 2>/dev/null || true
    rm -rf "$folder/data" "$folder/exec" "$folder/root" "$folder/run" 2>/dev/null || true
}
trap finish EXIT INT TERM

tries=0
until ask http://d/_ping > /dev/null 2>&1; do
    tries=$((tries + 1))
    if ! kill -0 "$daemon" 2>/dev/null || [ "$tries" -gt 1200 ]; then
        cat "$folder/log" >&2
        echo "error: $kind does not start" >&2
        exit 1
    fi
    sleep 0.1
done

root=$folder/root
mkdir -p "$root/bin" "$root/etc" "$root/tmp" "$root/proc" "$root/sys" "$root/dev"
chmod 1777 "$root/tmp"
cp "$(command -v busybox)" "$root/bin/busybox"
for name in $("$root/bin/busybox" --list); do
    [ "$name" = busybox ] || ln -sf busybox "$root/bin/$name"
done
# In the place of the program that the specifications of the older system set up their environment with.
printf '#!/bin/sh\necho "$*" >> /tmp/uv.calls\n' > "$root/bin/uv"
chmod 0755 "$root/bin/uv"
printf 'root:x:0:0:root:/:/bin/sh\napp:x:1000:1000:app:/tmp:/bin/sh\n' > "$root/etc/passwd"
printf 'root:x:0:\napp:x:1000:\n' > "$root/etc/group"
tar -C "$root" -c . | ask --header 'content-type: application/x-tar' --data-binary @- \
    "http://d/images/create?fromSrc=-&repo=${image%:*}&tag=${image#*:}" > /dev/null
ask --header 'content-type: application/json' --data '{"Name":"benchmark","CheckDuplicate":true}' http://d/networks/create > /dev/null

echo "ready $daemon"
# Until nobody is there any more who needs it.
cat > /dev/null
