"""The broker under test: ours, Apache Kafka, or one that runs already."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STOP_S = 30.0
LISTENING = "listening on "


@contextmanager
def running(which: str, programs: Path) -> Iterator[str]:
    """The address of a broker, which ends with the block; it must end well."""
    if which == "kafka":
        with _serving([str(programs / "kafka-cluster")]) as address:
            yield address
    elif which == "lite":
        with tempfile.TemporaryDirectory(prefix="clients-lite-") as data:
            command = [
                str(programs / "broker-lite"),
                "serve",
                "--data-dir",
                data,
                "--listen",
                "127.0.0.1:0",
                "--log",
                "warn",
            ]
            with _serving(command) as address:
                yield address
    else:
        yield which


@contextmanager
def _serving(command: list[str]) -> Iterator[str]:
    """Runs a program that prints where it listens on its first line."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        if not line.startswith(LISTENING):
            raise RuntimeError(f"{command[0]} does not listen: it ended with status {process.wait(STOP_S)}")
        yield line.removeprefix(LISTENING)
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
