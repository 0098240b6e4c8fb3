#!/usr/bin/env bash
# Runs the miner until it ends. HiveOS runs this script in a terminal of screen and starts
# it again when it has ended, unless it was ended by Ctrl-C.
set -u
cd "${BASH_SOURCE[0]%/*}" || exit 1
. ./h-manifest.conf

if [[ ! -r $CUSTOM_CONFIG_FILENAME ]]; then
	echo "h-run.sh: no $CUSTOM_CONFIG_FILENAME: h-config.sh writes it from the flight sheet"
	exit 1
fi
arguments=()
[[ ! -r $CUSTOM_CONFIG_FILENAME.args ]] || mapfile -t arguments <"$CUSTOM_CONFIG_FILENAME.args"

# What the miner prints is on the terminal and in the log. HiveOS truncates and moves the
# log; tee appends, so that it never leaves a hole in it.
mkdir -p "${CUSTOM_LOG_BASENAME%/*}"
exec > >(exec tee -i -a "$CUSTOM_LOG_BASENAME.log") 2>&1

# The miner gets the Ctrl-C of the terminal itself, and a second signal would end it before
# the last shares are answered. It is in the background so that the shell can pass on a
# SIGTERM at once.
ended='' miner=''
trap 'ended=INT' INT
trap 'ended=TERM; [[ -z $miner ]] || kill -TERM "$miner"' TERM
./stele mine --config "$CUSTOM_CONFIG_FILENAME" --plain --api "$STELE_API" "${arguments[@]}" <&0 &
miner=$!
status=0
while kill -0 "$miner" 2>/dev/null; do
	wait "$miner"
	status=$?
done
if [[ -n $ended ]]; then
	# End by the signal too: the shell of HiveOS then knows not to start the miner again.
	trap - "$ended"
	kill -s "$ended" $$
fi
exit "$status"
