#!/bin/sh
# After removal. Configuration, ledger, keys and the user stay.
set -e
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
fi
