#!/usr/bin/env bash
# Installs what a make target needs and this machine lacks; says so first. Silent when nothing is missing.
#
#   scripts/install-tools.sh demo   a C compiler (zstd is C)
#   scripts/install-tools.sh bench  also a C++ compiler and libclang (RocksDB is C++, read by bindgen)
#   scripts/install-tools.sh test   also kcat and strace (tests with an unmodified client, and of failing system calls)
#   scripts/install-tools.sh lint   as bench, and rustfmt and clippy
#   scripts/install-tools.sh clients  as demo and jvm, and kcat and Python with venv (unmodified Kafka clients)
#   scripts/install-tools.sh librdkafka  a C++ compiler, and the headers of zlib, zstd and RapidJSON (librdkafka's own tests)
#   scripts/install-tools.sh jvm    a JDK of version 17 or newer and Maven (programs that ask Apache Kafka itself)
#
# Packages come from apt-get, with sudo when not root. Exit codes: 2 for a wrong argument, 3 when something is missing
# that this script cannot install; the message then names it.
set -euo pipefail

fail() { echo "scripts/install-tools.sh: $1" >&2; exit "${2:-3}"; }

compiles() { # compiler language header: whether the compiler is there and finds its own library's headers
  command -v "$1" >/dev/null && echo "#include <$3>" | "$1" -E -x "$2" - >/dev/null 2>&1
}

has_libclang() { # what bindgen looks for: the shared library, and the compiler's own headers beside it
  { [ -n "${LIBCLANG_PATH:-}" ] || compgen -G '/usr/lib/llvm-*/lib/libclang*.so*' >/dev/null || compgen -G '/usr/lib*/libclang*.so*' >/dev/null; } &&
    { [ -n "${LIBCLANG_PATH:-}" ] || compgen -G '/usr/lib/llvm-*/lib/clang/*/include/stddef.h' >/dev/null || compgen -G '/usr/lib*/clang/*/include/stddef.h' >/dev/null; }
}

packages=()
needs() { packages+=("$1"); echo "missing: $2 (Debian package $1)" >&2; }

needs_c() { compiles cc c stdlib.h || { needs gcc "a C compiler"; packages+=(libc6-dev); }; }
needs_rocksdb() {
  compiles c++ c++ string || needs g++ "a C++ compiler, for RocksDB"
  has_libclang || needs libclang-dev "libclang, with which bindgen reads RocksDB's headers"
}
needs_kcat() {
  command -v kcat >/dev/null || needs kcat "kcat, the unmodified client of the broker's tests"
}
needs_strace() {
  command -v strace >/dev/null || needs strace "strace, with which tests make system calls fail"
}
needs_python() {
  { command -v python3 && python3 -c 'import ensurepip, venv'; } >/dev/null 2>&1 || needs python3-venv "Python with venv, for the clients written in it"
}
needs_jvm() {
  { command -v javac || command -v "${JAVA_HOME:-}/bin/javac"; } >/dev/null || needs default-jdk-headless "a JDK, to run Apache Kafka"
  command -v mvn >/dev/null || needs maven "Maven, which fetches Apache Kafka's jars"
}
needs_librdkafka() {
  compiles c++ c++ string || needs g++ "a C++ compiler, for librdkafka's tests"
  compiles cc c zlib.h || needs zlib1g-dev "zlib's headers, for librdkafka"
  compiles cc c zstd.h || needs libzstd-dev "zstd's headers, for librdkafka"
  compiles c++ c++ rapidjson/schema.h || needs rapidjson-dev "RapidJSON, with which librdkafka's tests read statistics"
}
needs_rust() {
  command -v cargo >/dev/null || fail "there is no cargo on the PATH: install Rust 1.88 or newer (https://rustup.rs), then try again"
}
needs_component() { # name: a part of the Rust toolchain
  cargo "${1%-preview}" --version >/dev/null 2>&1 && return
  local component=$1; [ "$1" = fmt ] && component=rustfmt
  command -v rustup >/dev/null || fail "cargo $1 is missing and there is no rustup to add it: install $component for this toolchain"
  echo "missing: cargo $1; running: rustup component add $component" >&2
  rustup component add "$component" >&2 || fail "rustup could not add $component"
}

install_packages() {
  [ ${#packages[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || fail "there is no apt-get here: install ${packages[*]} (Debian's names) by hand, then try again"
  local as_root=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || fail "not root and no sudo: as root, run: apt-get install ${packages[*]}"
    as_root=(sudo)
    [ -t 0 ] || as_root=(sudo -n)      # nobody is there to type a password
  fi
  as_root+=(env DEBIAN_FRONTEND=noninteractive)
  local install=("${as_root[@]}" apt-get -qq -y --no-install-recommends install "${packages[@]}")
  echo "running: apt-get install ${packages[*]}" >&2
  # A fresh machine has no package lists, and an old one has stale ones.
  "${install[@]}" >/dev/null 2>&1 && return
  "${as_root[@]}" apt-get -qq update >&2 || echo "apt-get update failed; trying with the lists that are here" >&2
  local said
  said=$("${install[@]}" 2>&1) || fail "apt-get could not install ${packages[*]}; install them by hand, then try again. It said:
$said"
}

[ $# -eq 1 ] || fail "expected one of: demo bench test lint jvm clients librdkafka" 2
case "$1" in
  demo)  needs_rust; needs_c ;;
  bench) needs_rust; needs_c; needs_rocksdb ;;
  test)  needs_rust; needs_c; needs_rocksdb; needs_kcat; needs_strace ;;
  lint)  needs_rust; needs_c; needs_rocksdb; needs_component fmt; needs_component clippy ;;
  jvm)   needs_jvm ;;
  clients) needs_rust; needs_c; needs_jvm; needs_kcat; needs_python ;;
  librdkafka) needs_rust; needs_c; needs_librdkafka ;;
  *)     fail "unknown set \`$1\`: expected one of: demo bench test lint jvm clients librdkafka" 2 ;;
esac
install_packages
