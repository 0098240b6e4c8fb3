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
	systemctl daemon-reload
	systemctl try-restart stele-mine.service stele-node.service
fi
