#!/bin/sh
# After installation and upgrade, of the .deb and the .rpm. Nothing is enabled or started
# here; a service that runs goes on with the new program.
set -e
if command -v systemd-sysusers >/dev/null; then
	systemd-sysusers stele.conf
	# Passwords of pools and tokens may be in there.
	chgrp stele /etc/stele
	chmod 0750 /etc/stele
fi
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
	# Without waiting: a node that replays its chain is ready after hours. A service that
	# does not start, as with an invalid configuration, is no failure of the installation.
	systemctl --no-block try-restart stele-mine.service stele-node.service || true
fi
