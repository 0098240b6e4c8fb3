#!/bin/sh
# Before removal, but not before an upgrade: $1 is "remove" for dpkg, 0 for rpm.
set -e
if [ -d /run/systemd/system ] && { [ "$1" = remove ] || [ "$1" = 0 ]; }; then
	systemctl --no-reload disable --now stele-mine.service stele-node.service || true
fi
