"""The broker under test: ours, Apache Kafka, or one that runs already."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

STOP_S = 30.0
LISTENING = "listening on "
SASL = "sasl on "

# Who may log in by SASL/PLAIN at Apache Kafka. Users for SCRAM are made by the cases.
USER, PASSWORD = "ann", "ann-secret"


@dataclass(frozen=True)
class Setup:
    """What cases expect of a broker that is started for them."""

    # Partitions of topics that it creates by itself.
    partitions: int = 1
    # More settings of Apache Kafka, by name.
    kafka: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Addresses:
    """Where a broker listens."""

    bootstrap: str
    # For clients with a password.
    sasl: str | None = None


@contextmanager
def running(which: str, programs: Path, setup: Setup) -> Iterator[Addresses]:
    """Where a broker listens, which ends with the block; it must end well. One that runs already is as it is."""
    if which == "kafka":
        settings = (("num.partitions", str(setup.partitions)), *setup.kafka)
        options = [option for name, value in settings for option in ("--property", f"{name}={value}")]
        with _serving([str(programs / "kafka-cluster"), "--sasl-user", f"{USER}={PASSWORD}", *options]) as addresses:
            yield addresses
    elif which == "lite":
        with tempfile.TemporaryDirectory(prefix="clients-lite-") as data:
            command = [
                str(programs / "broker-lite"),
                "serve",
                "--data-dir",
                data,
                "--listen",
                "127.0.0.1:0",
                "--num-partitions",
                str(setup.partitions),
                "--log",
                "warn",
            ]
            with _serving(command) as addresses:
                yield addresses
    else:
        yield Addresses(which)


@contextmanager
def _serving(command: list[str]) -> Iterator[Addresses]:
    """Runs a program that prints where it listens on its first lines."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        if not line.startswith(LISTENING):
            raise RuntimeError(f"{command[0]} does not listen: it ended with status {process.wait(STOP_S)}")
        second = process.stdout.readline().strip()
        sasl = second.removeprefix(SASL) if second.startswith(SASL) else None
        yield Addresses(line.removeprefix(LISTENING), sasl)
        if process.poll() is not None:
            raise RuntimeError(f"{command[0]} ended by itself, with status {process.returncode}")
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.returncode != 0:
        raise RuntimeError(f"{command[0]} was stopped and ended with status {process.returncode}")
