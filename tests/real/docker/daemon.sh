#!/bin/sh
# A daemon of its own, docker's or podman's, with one image that is made from busybox. Needs root, and the packages docker.io, podman, runc,
# busybox-static, iptables and curl.
#
#   daemon.sh docker|podman FOLDER
#
# Says `ready` and the number of its process once FOLDER/docker.sock answers, and ends the daemon, with all containers, when its standard input ends.
# It has a network of its own, so that nothing of the machine's is changed; FOLDER is its to use and not to remove.
set -eu

kind=$1
folder=$2
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
podman)
    # crun refuses a machine that has control groups of both versions, and a root without CAP_SYS_RESOURCE cannot raise limits.
    files=$(ulimit -H -n)
    [ "$files" != unlimited ] || files=1048576
    cat > "$folder/containers.conf" <<EOF
[containers]
default_ulimits = ["nofile=$files:$files", "nproc=20000:20000"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
EOF
    export CONTAINERS_CONF="$folder/containers.conf"
    set -- podman --root "$folder/data" --runroot "$folder/run" --storage-driver vfs --tmpdir "$folder/tmp" --network-config-dir "$folder/networks" \
        system service --time 0 "unix://$socket"
    ;;
*)
    echo "error: \`$kind\` is neither docker nor podman" >&2
    exit 2
    ;;
esac

# shellcheck disable=SC2016 # the inner shell puts in its own arguments
unshare --net sh -c 'busybox ip link set lo up && exec "$@"' sh "$@" > "$folder/log" 2>&1 < /dev/null &
daemon=$!

finish() {
    trap - EXIT INT TERM
    for id in $(ask "http://d/containers/json?all=1" 2>/dev/null | tr '{' '\n' | sed -n 's/.*"Id":"\([0-9a-f]\{64\}\)".*/\1/p'); do
        ask --request DELETE "http://d/containers/$id?force=1&v=1" > /dev/null 2>&1 || true
    done
    kill "$daemon" 2>/dev/null || true
    tries=0
    while kill -0 "$daemon" 2>/dev/null && [ "$tries" -lt 100 ]; do
        tries=$((tries + 1))
        sleep 0.1
    done
    kill -KILL "$daemon" 2>/dev/null || true
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
