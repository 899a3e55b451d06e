#!/bin/sh
# Removes the service. The database, the campaigns and the configuration stay, unless --purge is given.
set -eu

[ "$(id -u)" = 0 ] || { echo "uninstall.sh: must run as root; run it again with sudo" >&2; exit 2; }
PURGE=no
case ${1:-} in
    "") ;;
    --purge) PURGE=yes ;;
    *) echo "usage: uninstall.sh [--purge]" >&2; exit 2 ;;
esac

systemctl disable --now --quiet retuned.service 2>/dev/null || true
# Trainings that the service left running are ended too: no service would take them over.
if pkill -TERM -u retuned 2>/dev/null; then
    sleep 3
    pkill -KILL -u retuned 2>/dev/null || true
fi
rm -f /etc/systemd/system/retuned.service
systemctl daemon-reload
[ "$(readlink /usr/local/bin/retuned 2>/dev/null)" != /opt/retuned/current/bin/retuned ] || rm -f /usr/local/bin/retuned
rm -rf /opt/retuned
if [ "$PURGE" = yes ]; then
    rm -rf /var/lib/retuned /etc/retuned /etc/systemd/system/retuned.service.d
    userdel retuned 2>/dev/null || true
    echo "retuned is removed, with its database and configuration"
else
    echo "retuned is removed; kept: the database in /var/lib/retuned, the configuration in /etc/retuned"
    echo "to remove these too: uninstall.sh --purge"
fi
