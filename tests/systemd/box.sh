#!/bin/sh
# A real systemd on this machine, in namespaces of its own, on a throw-away copy of the file system.
#   box.sh up DIR [OUTSIDE:INSIDE ...]
#                         boot it; DIR/shared is /shared inside, and folders named are there too, read-only
#   box.sh run DIR CMD..  run a command inside, as root
#   box.sh down DIR       end it and everything in it
# Needs root, a kernel with overlayfs and cgroup v2, and the Debian packages systemd, dbus, util-linux, iproute2.
set -eu
action=$1
box=$(realpath -m "$2")
shift 2

inside() { # the pid of the box's init, as seen from here
    pgrep -P "$(cat "$box/keeper")" | head -n 1
}

case $action in
up)
    mkdir -p "$box/root" "$box/shared"
    cgroups=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
    [ -n "$cgroups" ] || { echo "no cgroup v2 here" >&2; exit 1; }
    group=$cgroups/retuned-box-$$
    mkdir "$group"
    echo "$group" > "$box/group"
    for pair in "$@"; do echo "$pair"; done > "$box/folders"
    cat > "$box/first.sh" <<'FIRST'
set -eu
box=$1 new=$1/root/merged
mount -t tmpfs -o size=2g box "$box/root"
mkdir "$box/root/upper" "$box/root/work" "$new"
mount -t overlay box -o "lowerdir=/,upperdir=$box/root/upper,workdir=$box/root/work" "$new"
mkdir -p "$new/shared"
mount --bind "$box/shared" "$new/shared"
while IFS=: read -r outside within; do
    mkdir -p "$new$within"
    mount --bind -o ro "$outside" "$new$within"
done < "$box/folders"
mount -t proc proc "$new/proc"
mount -t sysfs -o ro sysfs "$new/sys"
mount -t cgroup2 cgroup2 "$new/sys/fs/cgroup"
mount -t tmpfs -o mode=755 dev "$new/dev"
for node in null zero full random urandom tty; do
    touch "$new/dev/$node"
    mount --bind "/dev/$node" "$new/dev/$node"
done
mkdir "$new/dev/pts" "$new/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666 devpts "$new/dev/pts"
mount -t tmpfs shm "$new/dev/shm"
ln -s pts/ptmx "$new/dev/ptmx"
ln -s /proc/self/fd "$new/dev/fd"
mount -t tmpfs -o mode=755 run "$new/run"
mount -t tmpfs -o mode=1777 tmp "$new/tmp"
ip link set lo up
units=$new/etc/systemd/system
printf '[Unit]\nRequires=basic.target\nWants=dbus.service\nAfter=basic.target dbus.service\nAllowIsolate=yes\n' > "$units/box.target"
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer \
    systemd-timesyncd.service systemd-logind.service; do
    ln -sf /dev/null "$units/$unit"
done
cd "$new"
mkdir -p old
pivot_root . old
umount -l /old
mount --make-rshared /
exec env -i container=retuned-box PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --system --unit=box.target --log-target=journal --show-status=0
FIRST
    # shellcheck disable=SC2016
    setsid sh -c 'echo $$ > "$1/keeper"; echo $$ > "$2/cgroup.procs"
        exec unshare --fork --kill-child=KILL --pid --mount --uts --ipc --net --cgroup --propagation private \
            /bin/sh "$1/first.sh" "$1"' keeper "$box" "$group" </dev/null >"$box/boot.log" 2>&1 &
    tries=0
    while [ $tries -lt 300 ]; do
        state=$("$0" run "$box" systemctl is-system-running 2>/dev/null || true)
        case $state in running | degraded) echo "$state"; exit 0 ;; esac
        tries=$((tries + 1))
        sleep 0.1
    done
    cat "$box/boot.log" >&2
    exit 1
    ;;
run)
    exec nsenter -t "$(inside)" --mount --uts --ipc --net --pid --cgroup -- "$@"
    ;;
down)
    init=$(inside || true)
    [ -z "$init" ] || kill -KILL "$init"
    sleep 0.3
    find "$(cat "$box/group")" -depth -type d -exec rmdir {} + 2>/dev/null || true
    ;;
*)
    echo "usage: box.sh up|run|down DIR [COMMAND ...]" >&2
    exit 2
    ;;
esac
