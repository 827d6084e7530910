#!/usr/bin/env bash
# Checks the dependency tree against deny.toml with cargo-deny, which is built once into the cache (about 2 minutes).
#
# Bans, licences and sources need no network and are always checked. Advisories need RustSec's database from GitHub:
# where it can be fetched, or lies fetched in cargo's home, they are checked too; else this says loudly that they were not.
set -euo pipefail

cd "$(dirname "$0")/.."
cache=${STREAMS_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/rust-streams}
version=0.20.2
deny=$cache/tools/cargo-deny-$version/bin/cargo-deny

if [ ! -x "$deny" ]; then
  echo "building cargo-deny $version once into $cache/tools (about 2 minutes on two cores) ..." >&2
  CARGO_TARGET_DIR=$cache/tools/build cargo install --debug --quiet --locked --version "=$version" --root "$cache/tools/cargo-deny-$version" cargo-deny
  rm -rf "$cache/tools/build"
fi

"$deny" --locked check bans licenses sources

database=${CARGO_HOME:-$HOME/.cargo}/advisory-dbs
if reason=$(timeout 120 "$deny" fetch db 2>&1) && [ -n "$(ls "$database" 2>/dev/null)" ]; then
  "$deny" --locked --offline check advisories
elif compgen -G "$database/advisory-db-*/crates" >/dev/null; then
  echo "scripts/deny.sh: RustSec's database cannot be fetched now; checking against the copy in $database" >&2
  "$deny" --locked --offline check advisories
else
  cat >&2 <<TXT
*****************************************************************************************
* ADVISORIES NOT CHECKED: RustSec's database (github.com/RustSec/advisory-db) cannot be
* fetched from here, and there is no copy of it in $database.
* Run \`make lint\` where GitHub is reachable before a release.
*****************************************************************************************
$(tail -n 1 <<<"$reason")
TXT
fi
