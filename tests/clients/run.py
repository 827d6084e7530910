"""Runs unmodified Kafka clients against a broker: make clients BROKER=lite|kafka|HOST:PORT [CASE=TEXT].

Each case runs in a process of its own and is killed at its time limit. The last line is `N passed, N failed, N skipped`;
the exit code is 1 when a case failed. A case whose APIs the broker does not offer is skipped, naming what is missing.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import IO

from suite import apis, brokers
from suite.case import Case, Cluster

# The module of `suite` with the cases whose names begin so. Clients load slowly: a case loads its own only.
TABLES = {"kcat": "kcat", "confluent": "confluent", "kafka-python": "kafka_python", "aiokafka": "aio", "java": "java"}
# Options of Java's programs that do little and should start fast; on stderr they say only what is wrong.
JAVA_OPTIONS = (
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
)
# Of what a failing case wrote, so much is shown.
OUTPUT_LINES = 15


def main() -> int:
    arguments = _arguments()
    if arguments.run_case:
        table = _table(arguments.run_case.split("/")[0])
        case = next(case for case in table if case.name == arguments.run_case)
        case.run(Cluster(arguments.broker, tuple(arguments.java)))
        return 0
    cases = [case for client in TABLES for case in _table(client) if arguments.case in case.name]
    if not cases:
        print(f"no case has `{arguments.case}` in its name", file=sys.stderr)
        return 2
    if arguments.list:
        for case in cases:
            print(f"{case.name}: {' '.join(sorted(set(case.needs)))}")
        return 0
    # Ended from outside, the broker is stopped all the same.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    programs = Path(arguments.programs)
    with brokers.running(arguments.broker, programs) as bootstrap:
        outcomes = _run_all(cases, Cluster(bootstrap, _java(programs)), arguments.jobs)
    print(f"{outcomes['passed']} passed, {outcomes['failed']} failed, {outcomes['skipped']} skipped")
    return 1 if outcomes["failed"] else 0


def _table(client: str) -> list[Case]:
    table: list[Case] = importlib.import_module(f"suite.{TABLES[client]}").CASES
    return table


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--broker", default="lite", help="lite, kafka, or the address of one that runs")
    parser.add_argument("--programs", default=".", help="the folder with broker-lite and kafka-cluster")
    parser.add_argument("--case", default="", help="only cases with this in their names")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many cases run at once")
    parser.add_argument("--list", action="store_true", help="print the cases and the APIs they need")
    parser.add_argument("--run-case", help=argparse.SUPPRESS)
    parser.add_argument("--java", nargs=argparse.REMAINDER, default=[], help=argparse.SUPPRESS)
    return parser.parse_args()


def _java(programs: Path) -> tuple[str, ...]:
    said = subprocess.run(
        [programs / "kafka-cluster", "--print-class-path"], stdout=subprocess.PIPE, text=True, check=True
    )
    program, class_path = said.stdout.splitlines()
    return (program, *JAVA_OPTIONS, "-cp", class_path)


def _run_all(cases: list[Case], cluster: Cluster, jobs: int) -> Counter[str]:
    offered = apis.offered(cluster.bootstrap)
    pool = ThreadPoolExecutor(jobs)
    try:
        return Counter(pool.map(lambda case: _run(case, cluster, offered), cases))
    finally:
        # After Ctrl-C nothing new is started, and the broker need not wait for what runs.
        pool.shutdown(wait=False, cancel_futures=True)


def _run(case: Case, cluster: Cluster, offered: set[str]) -> str:
    """Runs a case in a process of its own, prints a line about it, and says `passed`, `failed` or `skipped`."""
    missing = sorted(set(case.needs) - offered)
    if missing:
        print(f"skipped  {case.name}: the broker does not offer {', '.join(missing)}", flush=True)
        return "skipped"
    command = [
        sys.executable,
        __file__,
        "--broker",
        cluster.bootstrap,
        "--run-case",
        case.name,
        "--java",
        *cluster.java,
    ]
    started = time.monotonic()
    with tempfile.TemporaryFile() as output, tempfile.TemporaryDirectory(prefix="clients-case-") as folder:
        problem = _problem(command, case, output, folder)
        took = f"{time.monotonic() - started:.1f} s"
        if problem is None:
            print(f"passed   {case.name} ({took})", flush=True)
            return "passed"
        output.seek(0)
        lines = output.read().decode(errors="replace").splitlines()[-OUTPUT_LINES:]
    print(
        "\n".join([f"FAILED   {case.name} ({took}): {problem}", *(f"         | {line}" for line in lines)]), flush=True
    )
    return "failed"


def _problem(command: list[str], case: Case, output: IO[bytes], folder: str) -> str | None:
    """Runs the command in a folder of its own, and ends all that it started."""
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder, start_new_session=True
    )
    try:
        status = process.wait(case.timeout_s)
        return f"status {status}" if status else None
    except subprocess.TimeoutExpired:
        return f"no end after {case.timeout_s:.0f} s"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


if __name__ == "__main__":
    sys.exit(main())
