"""Unmodified Kafka clients against a broker: make clients BROKER=lite|kafka|HOST:PORT [SUITES=NAME,..] [CASE=TEXT].

Each case runs in a process of its own and is killed at its time limit. The last line is `N passed, N failed, N
skipped`; the exit code is 1 when a case failed. A case whose APIs the broker does not offer is skipped, naming what is
missing; so is one of another project's tests when these cannot be had here.
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
from dataclasses import replace
from pathlib import Path
from typing import IO

from suite import apis, brokers
from suite.case import Case, Cluster

# The module of `suite` with the cases whose names begin so. Clients load slowly: a case loads its own only.
TABLES = {
    "kcat": "kcat",
    "confluent": "confluent",
    "kafka-python": "kafka_python",
    "aiokafka": "aio",
    "java": "java",
    "sasl": "sasl",
}
# The same of tests that other projects wrote: they take long, and their sources are fetched and built first.
FOREIGN = {"kafka-python-tests": "kafka_python_tests", "franz-go": "franz_go", "librdkafka": "librdkafka"}
# What other projects' tests expect of a broker: several partitions, access control lists, and short sessions.
FOREIGN_SETUP = brokers.Setup(
    partitions=4,
    kafka=(
        ("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer"),
        ("allow.everyone.if.no.acl.found", "true"),
        ("group.min.session.timeout.ms", "1000"),
    ),
)
FETCH = Path(__file__).parent.parent.parent / "scripts" / "clients-suite.sh"
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
        case.run(Cluster(arguments.broker, tuple(arguments.java), arguments.sasl, arguments.source))
        return 0
    suites = {name: _cases(name, arguments.case) for name in _suites(arguments.suites)}
    suites = {name: cases for name, cases in suites.items() if cases}
    if not suites:
        print(f"no case of {arguments.suites} has `{arguments.case}` in its name", file=sys.stderr)
        return 2
    if arguments.list:
        for case in [case for cases in suites.values() for case in cases]:
            print(f"{case.name}: {' '.join(sorted(set(case.needs)))}")
        return 0
    # Ended from outside, the broker is stopped all the same.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    outcomes: Counter[str] = Counter()
    for setup, tables in ((brokers.Setup(), TABLES), (FOREIGN_SETUP, FOREIGN)):
        chosen = {name: cases for name, cases in suites.items() if name in tables}
        if chosen:
            outcomes += _run_suites(arguments, setup, chosen)
    print(f"{outcomes['passed']} passed, {outcomes['failed']} failed, {outcomes['skipped']} skipped")
    return 1 if outcomes["failed"] else 0


def _suites(names: str) -> list[str]:
    """The tables with these names; `own` and `all` are several."""
    groups = {"own": list(TABLES), "all": [*TABLES, *FOREIGN]}
    chosen = [name for part in names.split(",") for name in groups.get(part, [part])]
    for name in chosen:
        if name not in groups["all"]:
            sys.exit(f"there is no suite `{name}`: expected own, all, or some of {', '.join(groups['all'])}")
    return chosen


def _cases(suite: str, part: str) -> list[Case]:
    return [case for case in _table(suite) if part in case.name]


def _table(suite: str) -> list[Case]:
    table: list[Case] = importlib.import_module(f"suite.{(TABLES | FOREIGN)[suite]}").CASES
    return table


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--broker", default="lite", help="lite, kafka, or the address of one that runs")
    parser.add_argument("--programs", default=".", help="the folder with broker-lite and kafka-cluster")
    parser.add_argument("--suites", default="own", help="own, all, or names of tables with commas between")
    parser.add_argument("--case", default="", help="only cases with this in their names")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many cases run at once")
    parser.add_argument("--list", action="store_true", help="print the cases and the APIs they need")
    parser.add_argument("--run-case", help=argparse.SUPPRESS)
    parser.add_argument("--sasl", help=argparse.SUPPRESS)
    parser.add_argument("--source", help=argparse.SUPPRESS)
    parser.add_argument("--java", nargs=argparse.REMAINDER, default=[], help=argparse.SUPPRESS)
    return parser.parse_args()


def _java(programs: Path) -> tuple[str, ...]:
    said = subprocess.run(
        [programs / "kafka-cluster", "--print-class-path"], stdout=subprocess.PIPE, text=True, check=True
    )
    program, class_path = said.stdout.splitlines()
    return (program, *JAVA_OPTIONS, "-cp", class_path)


def _run_suites(arguments: argparse.Namespace, setup: brokers.Setup, suites: dict[str, list[Case]]) -> Counter[str]:
    """Runs suites, one after another, against one broker."""
    programs = Path(arguments.programs)
    outcomes: Counter[str] = Counter()
    sources = {name: _source(name) for name in suites if name in FOREIGN}
    with brokers.running(arguments.broker, programs, setup) as addresses:
        cluster = Cluster(addresses.bootstrap, _java(programs), addresses.sasl)
        for name, cases in suites.items():
            source, problem = sources.get(name, (None, None))
            if problem is not None:
                for case in cases:
                    print(f"skipped  {case.name}: {problem}", flush=True)
                outcomes["skipped"] += len(cases)
            else:
                outcomes += _run_all(cases, replace(cluster, source=source), arguments.jobs)
    return outcomes


def _source(suite: str) -> tuple[str | None, str | None]:
    """The folder with another project's tests; or why there is none."""
    said = subprocess.run([FETCH, suite], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    sys.stderr.write(said.stderr)
    if said.returncode == 0:
        return said.stdout.strip(), None
    return None, said.stderr.strip().splitlines()[-1]


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
    if "SaslHandshake" in case.needs and cluster.sasl is None:
        print(f"skipped  {case.name}: where the broker asks for passwords is not known", flush=True)
        return "skipped"
    command = [
        sys.executable,
        __file__,
        "--broker",
        cluster.bootstrap,
        "--run-case",
        case.name,
        *(["--sasl", cluster.sasl] if cluster.sasl else []),
        *(["--source", cluster.source] if cluster.source else []),
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
