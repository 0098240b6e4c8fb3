#!/usr/bin/env bash
# Runs the miner. mmpOS calls this script with the arguments of the miner profile, by
# default --coin, --pool, --user, --password and --api-port. It translates those that the
# miner names otherwise, and passes on all others.
set -u
cd "${BASH_SOURCE[0]%/*}" || exit 1
. ./mmp-external.conf

arguments=()
port=$MINER_API_PORT
while (($#)); do
	case "$# $1" in
	1\ *) # no value follows
		arguments+=("$1") ;;
	*\ --coin) # all coins that the miner can mine have the same proof of work
		shift ;;
	*\ --pool)
		arguments+=(--url "$2")
		shift ;;
	*\ --api-port)
		[[ ! $2 =~ ^[1-9][0-9]{0,4}$ ]] || port=$2
		shift ;;
	*)
		arguments+=("$1") ;;
	esac
	shift
done

# For mmp-stats.sh.
echo "$port" >api-port || echo "mmp-launch.sh: mmp-stats.sh will ask port $MINER_API_PORT, and the miner has $port"
exec ./stele mine --plain --api "127.0.0.1:$port" "${arguments[@]}"
