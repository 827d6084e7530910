#!/usr/bin/env bash
# Builds RocksDB's C++ once, as a static archive in the cache, and prints the directory that holds it.
#
# Cargo would build it once per profile and feature set, 11 to 22 minutes of two cores each time. With the archive, every
# profile links the same one: export ROCKSDB_LIB_DIR=$(scripts/rocksdb-archive.sh) ROCKSDB_STATIC=1
# Needs a C++ compiler and libclang (see scripts/install-tools.sh). Nothing is written to the checkout.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
cache=${STREAMS_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/rust-streams}
version=0.25.0      # of the crate `rocksdb`; the same as in Cargo.toml
features='"bindgen-runtime", "lz4"'
archive_dir=$cache/rocksdb/$version-$(uname -m)

if [ -s "$archive_dir/librocksdb.a" ]; then
  echo "$archive_dir"
  exit 0
fi
grep -q "rocksdb = .*$version" "$here/Cargo.toml" || { echo "scripts/rocksdb-archive.sh: Cargo.toml does not name rocksdb $version" >&2; exit 1; }

mkdir -p "$cache/rocksdb" "$archive_dir"
exec 9>"$cache/rocksdb/lock"
flock 9
if [ ! -s "$archive_dir/librocksdb.a" ]; then
  echo "building RocksDB once into $archive_dir (11 to 22 minutes on two idle cores) ..." >&2
  build=$cache/rocksdb/build
  mkdir -p "$build/src"
  cat > "$build/Cargo.toml" <<TOML
[package]
name = "rocksdb-archive"
version = "0.0.0"
edition = "2021"
[dependencies]
rocksdb = { version = "=$version", default-features = false, features = [$features] }
[profile.release.package.librocksdb-sys]
opt-level = 2     # as RocksDB's own Makefile
[workspace]
TOML
  : > "$build/src/lib.rs"
  env -u ROCKSDB_LIB_DIR -u ROCKSDB_STATIC CARGO_TARGET_DIR="$build/target" cargo build --release --quiet --manifest-path "$build/Cargo.toml" >&2
  found=$(find "$build/target/release/build" -path '*librocksdb-sys-*/out/librocksdb.a' -print -quit)
  [ -n "$found" ] || { echo "scripts/rocksdb-archive.sh: cargo built no librocksdb.a under $build/target" >&2; exit 1; }
  cp "$found" "$archive_dir/librocksdb.a.part"
  mv "$archive_dir/librocksdb.a.part" "$archive_dir/librocksdb.a"
  rm -rf "$build"
fi
echo "$archive_dir"
