#!/usr/bin/env bash
# Fetches another project's own tests once into the cache, builds them there, and prints their folder:
#
#   scripts/clients-suite.sh librdkafka          the source of librdkafka, which the crate rdkafka-sys ships; by cargo
#   scripts/clients-suite.sh franz-go            the Go module; by go, which fetches a newer Go by itself
#   scripts/clients-suite.sh kafka-python-tests  the source distribution on PyPI; by pip
#
# Versions are pinned here. Nothing is written to the checkout. Exit code 3 when something cannot be had: the last line
# names it.
set -euo pipefail

# The newest crate with the tests in it. The version after the plus is librdkafka's.
rdkafka_sys=4.10.0+2.12.1
franz_go=v1.22.2
# As in tests/clients/requirements.txt.
kafka_python=3.0.12

cache=${STREAMS_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/rust-streams}/clients
root=$(cd "$(dirname "$0")/.." && pwd)

fail() { echo "scripts/clients-suite.sh: $1" >&2; exit "${2:-3}"; }

run() { # what command..: keeps what the command says, and shows the end of it when it fails
  local what=$1; shift
  "$@" >"$part/log" 2>&1 || { tail -20 "$part/log" >&2; fail "cannot $what"; }
}

librdkafka() {
  "$root/scripts/install-tools.sh" librdkafka || fail "what compiles librdkafka is missing"
  mkdir -p "$part/fetch/src"
  printf '[package]\nname = "fetch"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\nrdkafka-sys = "=%s"\n' "$rdkafka_sys" >"$part/fetch/Cargo.toml"
  : >"$part/fetch/src/lib.rs"
  run "fetch the crate rdkafka-sys $rdkafka_sys" cargo fetch --manifest-path "$part/fetch/Cargo.toml"
  local manifest
  manifest=$(cargo metadata --format-version 1 --offline --manifest-path "$part/fetch/Cargo.toml" |
    python3 -c 'import json, sys; print(next(p["manifest_path"] for p in json.load(sys.stdin)["packages"] if p["name"] == "rdkafka-sys"))')
  cp -R "$(dirname "$manifest")/librdkafka/." "$part"
  [ -e "$part/tests/test.c" ] || fail "the crate rdkafka-sys $rdkafka_sys has no tests of librdkafka"
  cd "$part"
  # What the tests of a broker without TLS need, from the machine's own packages.
  run "configure librdkafka" ./configure --disable-curl --disable-gssapi --disable-ssl --disable-lz4-ext
  run "compile librdkafka" make -j"$(nproc)" -C src
  run "compile librdkafka++" make -j"$(nproc)" -C src-cpp
  run "compile librdkafka's tests" make -j"$(nproc)" -C tests build
}

franz_go() {
  command -v go >/dev/null || fail "there is no \`go\` on the PATH: install Go 1.21 or newer, which fetches the Go that franz-go $franz_go asks for"
  # Below the cache, and so that `rm -rf` removes it; a Go that is too old fetches one that is not, as a module.
  export GOPATH=$cache/go GOCACHE=$cache/go-build GOFLAGS=-modcacherw GOTOOLCHAIN=auto GOWORK=off
  local source
  source=$(cd "$part" && go mod download -json "github.com/twmb/franz-go@$franz_go" 2>&1 | tee "$part/log" |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["Dir"])' 2>/dev/null) ||
    { tail -5 "$part/log" >&2; fail "go ($(go version 2>&1)) cannot fetch github.com/twmb/franz-go@$franz_go"; }
  cp -R "$source/." "$part"
  cd "$part"
  run "compile the tests of franz-go $franz_go with $(go version 2>&1)" go test -c -o kgo.test ./pkg/kgo
}

kafka_python_tests() {
  local python
  python=$("$root/scripts/clients-venv.sh")
  run "fetch the source of kafka-python $kafka_python from PyPI" \
    "$python" -m pip download --disable-pip-version-check --no-deps --no-binary :all: --dest "$part" "kafka-python==$kafka_python"
  tar -C "$part" --strip-components=1 -xzf "$part"/kafka_python-"$kafka_python".tar.gz
  [ -e "$part/test/integration" ] || fail "the source of kafka-python $kafka_python has no integration tests"
  # The installed client is tested. Two files of the tests are not in the distribution: the mark of a package, and what
  # stands for the process of a broker, which is not theirs here.
  rm -rf "$part/kafka"
  : >"$part/test/__init__.py"
  cat >"$part/test/service.py" <<'END'
class ExternalService:
    def __init__(self, host, port):
        self.address = (host, port)


class SpawnedService:
    def __init__(self, *_):
        raise NotImplementedError("the broker is one that runs already")
END
}

case "${1:-}" in
  librdkafka) name=librdkafka-$rdkafka_sys build=librdkafka ;;
  franz-go) name=franz-go-$franz_go build=franz_go ;;
  kafka-python-tests) name=kafka-python-tests-$kafka_python build=kafka_python_tests ;;
  *) fail "expected one of: librdkafka franz-go kafka-python-tests" 2 ;;
esac
mkdir -p "$cache"
exec 8>"$cache/$1.lock"
flock 8
if [ ! -e "$cache/$name/complete" ]; then
  echo "fetching and building the tests of $1 once into $cache/$name ..." >&2
  part=$cache/$name.part
  rm -rf "$part" "$cache/$name"
  mkdir -p "$part"
  ("$build") >&2
  : >"$part/complete"
  mv "$part" "$cache/$name"
fi
echo "$cache/$name"
