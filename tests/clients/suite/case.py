"""What a case is, and what it is given."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

# A case that hangs is killed after this long; cases that wait for a session to expire get more.
TIMEOUT_S = 60.0
# How long a client may take to see what the broker has promised already.
PATIENCE_S = 30.0
# A topic whose records have times long past: a broker deletes, whenever it looks, what is older than a week.
KEEP = {"retention.ms": "-1"}
# The pause between two looks at what must happen.
LOOK_S = 0.05


@dataclass(frozen=True)
class Cluster:
    """The broker under test."""

    bootstrap: str
    # The command that runs Java with Kafka's classes.
    java: tuple[str, ...] = ()
    # Where clients are asked who they are; none when the broker has no such listener.
    sasl: str | None = None
    # The folder with the source of the tests that the case is one of, where another project wrote them.
    source: str | None = None

    def name(self, what: str) -> str:
        """A name for a topic, group or transaction that no other case and no other run uses."""
        return f"{what}-{uuid.uuid4().hex[:10]}"


@dataclass(frozen=True)
class Case:
    """One thing that a client does, and the APIs without which a broker cannot take part."""

    name: str
    needs: tuple[str, ...]
    run: Callable[[Cluster], None]
    timeout_s: float = field(default=TIMEOUT_S)


def until(what: str, patience_s: float = PATIENCE_S) -> Iterator[None]:
    """Goes on until the caller breaks out, and fails when that takes too long."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        yield
        time.sleep(LOOK_S)
    raise AssertionError(f"not within {patience_s:.0f} s: {what}")


def expect(found: object, wanted: object, what: str = "") -> None:
    """Fails with both sides when they differ."""
    assert found == wanted, f"{what or 'answer'} is {found!r}, not {wanted!r}"
