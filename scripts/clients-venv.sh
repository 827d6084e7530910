#!/usr/bin/env bash
# Installs the Python clients of tests/clients/requirements.txt once, in a virtual environment in the cache, and prints
# the path of its interpreter. Nothing is written to the checkout.
set -euo pipefail

requirements=$(cd "$(dirname "$0")/.." && pwd)/tests/clients/requirements.txt
cache=${STREAMS_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/rust-streams}/clients
python=$cache/venv/bin/python

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
if ! cmp -s "$requirements" "$cache/requirements.txt" || ! "$python" -c '' 2>/dev/null; then
  echo "installing the Python clients once into $cache ..." >&2
  rm -rf "$cache/venv" "$cache/requirements.txt"
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "scripts/clients-venv.sh: python3 is older than 3.10" >&2; exit 3; }
  python3 -m venv "$cache/venv" >&2
  "$python" -m pip install --quiet --disable-pip-version-check --only-binary :all: --requirement "$requirements" >&2
  cp "$requirements" "$cache/requirements.txt"
fi
echo "$python"
