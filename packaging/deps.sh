#!/bin/sh
# Installs the Debian packages named as arguments that are not there yet; as somebody who may not,
# prints the line that does it.
set -e
missing=
for p in "$@"; do
	dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" -ne 0 ]; then
	echo "These packages are missing. Install them, then run make again:" >&2
	echo "  sudo apt-get update && sudo apt-get install --no-install-recommends -y$missing" >&2
	exit 1
fi
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086
apt-get install --no-install-recommends -y -qq $missing >/dev/null
