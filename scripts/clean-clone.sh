#!/usr/bin/env bash
# Runs make targets in a fresh clone of HEAD, so that nothing uncommitted or ignored can help: scripts/clean-clone.sh test
# The build cache is the usual one, so only the workspace's own crates are compiled again.
set -euo pipefail

[ $# -gt 0 ] || { echo "usage: scripts/clean-clone.sh TARGET [VARIABLE=VALUE ...]" >&2; exit 2; }
root=$(cd "$(dirname "$0")/.." && pwd)
clone=$(mktemp -d)
trap 'rm -rf "$clone"' EXIT
git clone --quiet "$root" "$clone"
make -C "$clone" "$@"
