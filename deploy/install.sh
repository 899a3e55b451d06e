#!/bin/sh
# Installs retuned as a system service, or upgrades it: run it again from a newer source.
# It creates: the user retuned, a virtual environment under /opt/retuned, /etc/retuned/config.toml, the state folder
# /var/lib/retuned, /usr/local/bin/retuned, the unit retuned.service, and a first token for root.
set -eu

PREFIX=/opt/retuned
CONFIG=/etc/retuned
STATE=/var/lib/retuned
UNIT=/etc/systemd/system/retuned.service
HERE=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
SOURCE=$(dirname -- "$HERE")
PYTHON=python3
SITE=
START=yes

usage() {
    cat <<EOF
usage: install.sh [--source DIR] [--python PROGRAM] [--site-packages DIR] [--no-start]
  --source DIR         the source of retuned; default: the folder above this script
  --python PROGRAM     Python 3.11 or newer for the service; default: python3
  --site-packages DIR  use the packages that lie in DIR instead of downloading them
  --no-start           install only, and leave the service as it is
Other settings of pip go through its own variables, such as PIP_NO_INDEX and PIP_FIND_LINKS. The small build of torch,
without several GB of GPU libraries: PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu
EOF
}

refuse() {
    echo "install.sh: $*" >&2
    exit 2
}

while [ $# -gt 0 ]; do
    case $1 in
        --source) [ $# -gt 1 ] || refuse "--source needs a folder"; SOURCE=$2; shift ;;
        --python) [ $# -gt 1 ] || refuse "--python needs a program"; PYTHON=$2; shift ;;
        --site-packages) [ $# -gt 1 ] || refuse "--site-packages needs a folder"; SITE=$2; shift ;;
        --no-start) START=no ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; refuse "unknown option $1" ;;
    esac
    shift
done

[ "$(id -u)" = 0 ] || refuse "must run as root; run it again with sudo"
[ -f "$SOURCE/pyproject.toml" ] || refuse "$SOURCE is not the source of retuned; name it with --source"
command -v systemctl >/dev/null || refuse "systemctl is missing; without systemd run: retuned serve"
command -v "$PYTHON" >/dev/null || refuse "$PYTHON is missing; name a Python 3.11 or newer with --python"
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    refuse "$PYTHON is $("$PYTHON" -V 2>&1); Python 3.11 or newer is needed: --python PROGRAM"
case $(readlink -f "$(command -v "$PYTHON")") in
    /root/* | /home/*) refuse "$PYTHON lies in a home folder, which the service may not read; name another with --python" ;;
esac
[ -z "$SITE" ] || [ -d "$SITE" ] || refuse "there is no folder $SITE for --site-packages"

if ! getent passwd retuned >/dev/null; then
    useradd --system --user-group --home-dir "$STATE" --no-create-home --shell /usr/sbin/nologin retuned
fi

# A new environment next to the old one: what runs in the old one, trainings included, continues there.
umask 022
mkdir -p "$PREFIX/versions"
VERSION=$PREFIX/versions/$(date -u +%Y%m%dT%H%M%SZ).$$
BUILD=$(mktemp -d)
trap 'rm -rf "$BUILD"; [ "$(readlink "$PREFIX/current" 2>/dev/null)" = "$VERSION" ] || rm -rf "$VERSION"' EXIT
for part in pyproject.toml README.md LICENSE config.example.toml daemon docs examples strategies; do
    cp -R "$SOURCE/$part" "$BUILD/"
done
echo "installing into $VERSION ..."
if [ -n "$SITE" ]; then
    "$PYTHON" -m venv --without-pip "$VERSION"
    OWN=$("$VERSION/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
    echo "$SITE" > "$OWN/site.pth"
    "$VERSION/bin/python" -m pip --disable-pip-version-check install --quiet --no-index --no-deps \
        --no-build-isolation --ignore-installed --prefix "$VERSION" "$BUILD"
else
    "$PYTHON" -m venv "$VERSION"
    "$VERSION/bin/python" -m pip --disable-pip-version-check install --quiet -c "$SOURCE/deploy/constraints.txt" "$BUILD"
fi
"$VERSION/bin/retuned" --help >/dev/null
SHARE=$VERSION/share/retuned
mkdir -p "$SHARE/deploy"
for part in README.md config.example.toml docs; do
    [ ! -e "$SOURCE/$part" ] || cp -R "$SOURCE/$part" "$SHARE/"
done
cp "$HERE/README.md" "$HERE/uninstall.sh" "$SHARE/deploy/"

install -d -m 0750 -o root -g retuned "$CONFIG"
install -d -m 0700 -o retuned -g retuned "$STATE"
if [ ! -e "$CONFIG/config.toml" ]; then
    install -m 0640 -o root -g retuned "$HERE/config.toml" "$CONFIG/config.toml"
fi
PREVIOUS=$(readlink "$PREFIX/current" 2>/dev/null || true)
ln -s "$VERSION" "$PREFIX/current.new"
mv -T "$PREFIX/current.new" "$PREFIX/current"
ln -sfn "$PREFIX/current/bin/retuned" /usr/local/bin/retuned
install -m 0644 "$HERE/retuned.service" "$UNIT"
systemctl daemon-reload

# Older versions are removed, except the previous one and those still in use by a process.
for old in "$PREFIX"/versions/*; do
    [ "$old" = "$VERSION" ] || [ "$old" = "$PREVIOUS" ] || grep -qsF "$old/" /proc/[0-9]*/cmdline || rm -rf "$old"
done

if [ "$START" = yes ]; then
    systemctl enable --quiet retuned.service
    systemctl restart retuned.service
    TOKEN=${XDG_CONFIG_HOME:-${HOME:-/root}/.config}/retuned/token
    if [ ! -e "$TOKEN" ]; then
        (umask 077 && mkdir -p "$(dirname "$TOKEN")" &&
            retuned token create "root-$(hostname)" --role admin > "$TOKEN.new" 2>/dev/null && mv "$TOKEN.new" "$TOKEN") ||
            { rm -f "$TOKEN.new"; echo "no first token was created; create one with: retuned token create NAME --role admin"; }
    fi
    echo "retuned runs: $(systemctl is-active retuned.service); look with: retuned status, retuned doctor"
    [ ! -e "$TOKEN" ] || echo "root's token for the HTTP interface: $TOKEN"
else
    echo "retuned is installed; start it with: systemctl enable --now retuned"
fi
