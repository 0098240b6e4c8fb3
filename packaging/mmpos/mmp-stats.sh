#!/usr/bin/env bash
# Prints rates and shares of the miner as JSON. The agent of mmpOS runs this script every
# few seconds, with the number of devices and the name of the log as arguments; the miner
# knows both itself. If the miner does not answer within three seconds, a line says so.
set -u
cd "${BASH_SOURCE[0]%/*}" || exit 1
. ./mmp-external.conf

port=$MINER_API_PORT
[[ ! -r api-port ]] || port=$(<api-port)
if ! curl --silent --fail --noproxy '*' --connect-timeout 1 --max-time 3 "http://127.0.0.1:$port/mmpos"; then
	echo "Stele does not answer on port $port"
	exit 1
fi
