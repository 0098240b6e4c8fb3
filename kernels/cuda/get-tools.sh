#!/bin/sh
# Unpacks ptxas and nvdisasm of CUDA 11.8 into a folder, from Debian's non-free
# packages (some 100 MB) of the mirror that apt uses here. Nothing is installed.
#
#   get-tools.sh DIR
set -eu
dir=${1:?usage: get-tools.sh DIR}
[ ! -x "$dir/ptxas" ] || [ ! -x "$dir/nvdisasm" ] || exit 0
mkdir -p "$dir"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm' 'Component: main' | head -n 1)
[ -n "$mirror" ] || { echo "get-tools.sh: apt has no mirror of Debian bookworm; run apt-get update" >&2; exit 1; }
keys=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keys] $mirror bookworm non-free" >"$work/sources.list"
apt() {
	apt-get -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$work/lists" \
		-o Dir::Cache="$work/cache" -o APT::Sandbox::User="$(id -un)" -qq "$@"
}
apt update
(cd "$work" && apt download nvidia-cuda-toolkit)
dpkg -x "$work"/nvidia-cuda-toolkit_*.deb "$work/root"
for tool in ptxas nvdisasm; do
	path=$(find "$work/root" -type f -name "$tool" | head -n 1)
	[ -n "$path" ] || { echo "get-tools.sh: the package has no $tool" >&2; exit 1; }
	cp "$path" "$dir/$tool"
done
