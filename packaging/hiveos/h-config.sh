#!/usr/bin/env bash
# Writes the configuration of the miner from the flight sheet. HiveOS sources this script
# before it starts the miner, after h-manifest.conf, with the variables of the flight sheet
# (CUSTOM_...) and of the rig (WORKER_NAME) in scope. Nothing in them is executed.
#
# It writes two files, which only their owner can read: CUSTOM_CONFIG_FILENAME, in TOML,
# and beside it a file .args with arguments of the command line, one a line.

# stele_toml TEXT prints a text as a basic string of TOML.
stele_toml() {
	local LC_ALL=C text=$1 slash=\\ quote=\" code hex char
	text=${text//"$slash"/"$slash$slash"}
	text=${text//"$quote"/"$slash$quote"}
	for code in {1..31} 127; do
		printf -v hex '%02x' "$code"
		printf -v char '%b' "\\x$hex"
		text=${text//"$char"/"${slash}u00$hex"}
	done
	printf '"%s"\n' "$text"
}

# stele_fill TEXT prints a text with the name of the rig in place of %WORKER_NAME%.
stele_fill() {
	local name=${WORKER_NAME-}
	printf '%s' "${1//%WORKER_NAME%/"$name"}"
}

# stele_settings prints the configuration: the extra settings, which come before the
# first table, and then the pools, the best one first.
stele_settings() {
	local IFS=$' \t\n' cr=$'\r' extra=${CUSTOM_USER_CONFIG-} pools=${CUSTOM_URL-} line url urls=()
	echo '# Written by h-config.sh from the flight sheet, at each start of the miner.'
	while read -r line || [[ -n $line ]]; do
		[[ $line == -* ]] || printf '%s\n' "$line"
	done <<<"${extra//$cr/}"
	read -r -d '' -a urls <<<"${pools//$cr/ }"
	for url in "${urls[@]}"; do
		printf '\n[[source]]\nurl = %s\n' "$(stele_toml "$url")"
		[[ -z ${CUSTOM_TEMPLATE-} ]] || printf 'user = %s\n' "$(stele_toml "$(stele_fill "$CUSTOM_TEMPLATE")")"
		[[ -z ${CUSTOM_PASS-} ]] || printf 'password = %s\n' "$(stele_toml "$(stele_fill "$CUSTOM_PASS")")"
	done
}

# stele_arguments prints the algorithm, and the words of the lines of the extra settings
# that begin with a hyphen.
stele_arguments() {
	local IFS=$' \t\n' cr=$'\r' ends=$'[\r\n]' algo=${CUSTOM_ALGO:-sha256d} extra=${CUSTOM_USER_CONFIG-} line word words
	printf -- '--algo=%s\n' "${algo//$ends/}"
	while read -r line || [[ -n $line ]]; do
		[[ $line == -* ]] || continue
		read -r -a words <<<"$line"
		for word in "${words[@]}"; do
			printf '%s\n' "$word"
		done
	done <<<"${extra//$cr/}"
}

# stele_config writes both files. If it cannot, neither exists, so that the miner does not
# start with those of another flight sheet.
stele_config() {
	local file=${CUSTOM_CONFIG_FILENAME-} settings arguments
	[[ -n $file ]] || return
	settings=$(stele_settings)
	arguments=$(stele_arguments)
	rm -f "$file" "$file.args"
	(umask 077 && printf '%s\n' "$arguments" >"$file.args" && printf '%s\n' "$settings" >"$file") || {
		rm -f "$file" "$file.args"
		return 1
	}
}

stele_config || echo "h-config.sh: cannot write CUSTOM_CONFIG_FILENAME, ${CUSTOM_CONFIG_FILENAME:-which h-manifest.conf sets}"
unset -f stele_toml stele_fill stele_settings stele_arguments stele_config
