#!/usr/bin/env bash
# Builds tests/oracle with Maven (outside the checkout, only when its sources changed) and runs one of its programs:
#
#   scripts/oracle.sh oracle.conformance.Main ARGS...
#
# Environment: STREAMS_CACHE_DIR, where it builds; JAVA_OPTS, for the JVM. Exit codes: 3 when there is no JVM or Maven.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
[ $# -ge 1 ] || { echo "usage: scripts/oracle.sh CLASS [ARGS]" >&2; exit 2; }
java=${JAVA_HOME:+$JAVA_HOME/bin/}java
for tool in "$java" mvn; do
  command -v "$tool" >/dev/null || { echo "scripts/oracle.sh: there is no \`$tool\` here: scripts/install-tools.sh jvm installs it" >&2; exit 3; }
done

build=${STREAMS_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/rust-streams}/oracle
mkdir -p "$build"
exec 9>"$build/lock"
flock 9
sources=$(cd "$root/tests/oracle" && find pom.xml src -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1)
if [ "$(cat "$build/built" 2>/dev/null)" != "$sources" ] || [ ! -e "$build/classes-$sources.jar" ]; then
  echo "building tests/oracle with Maven ..." >&2
  rm -rf "$build/classes"
  mvn -q -B -f "$root/tests/oracle/pom.xml" -Doracle.build="$build" package >&2
  # A name of its own, so that programs which run while another build comes keep the file they opened.
  rm -f "$build"/classes-*.jar
  mv "$build/oracle-1.jar" "$build/classes-$sources.jar"
  echo "$sources" >"$build/built"
fi
flock -u 9
# shellcheck disable=SC2086  # several options are several words
exec "$java" ${JAVA_OPTS:--Xmx1g} -cp "$build/classes-$sources.jar:$build/jars/*" "$@"
