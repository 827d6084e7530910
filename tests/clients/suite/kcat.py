"""kcat: a program on librdkafka 2.0, the oldest client of the suite."""

from __future__ import annotations

import subprocess
from functools import partial

from .case import Case, Cluster, expect, until

PRODUCE = ("ApiVersions", "Metadata", "Produce")
CONSUME = (*PRODUCE, "Fetch", "ListOffsets")
GROUP = (
    *CONSUME,
    "FindCoordinator",
    "JoinGroup",
    "SyncGroup",
    "Heartbeat",
    "LeaveGroup",
    "OffsetCommit",
    "OffsetFetch",
)
TRANSACTION = ("InitProducerId", "FindCoordinator", "AddPartitionsToTxn", "EndTxn")

RECORD_S = 20.0
# A session that is not ended by a LeaveGroup ends after this long: the broker's lower bound.
SESSION_MS = 6000


def _kcat(cluster: Cluster, *arguments: str, text: str = "", fails: bool = False) -> str:
    """What kcat prints; of both its outputs when it should fail."""
    command = ["kcat", "-b", cluster.bootstrap, *arguments]
    said = subprocess.run(command, input=text, capture_output=True, text=True, timeout=RECORD_S * 2)
    if fails:
        assert said.returncode != 0, f"{command} ends well: {said.stdout}"
        return said.stdout + said.stderr
    assert said.returncode == 0, f"{command} ends with {said.returncode}: {said.stdout}{said.stderr}"
    return said.stdout


def _produce(cluster: Cluster, topic: str, text: str, *options: str) -> None:
    _kcat(cluster, "-P", "-t", topic, *options, text=text)


def _consume(cluster: Cluster, topic: str, *options: str) -> list[str]:
    """Lines from the beginning to the end, unless the options say otherwise."""
    return _kcat(cluster, "-C", "-q", "-e", "-t", topic, *options).splitlines()


def _numbered(cluster: Cluster, count: int) -> str:
    """A topic with values `0` to `count - 1`, two in a batch."""
    topic = cluster.name("numbers")
    _produce(cluster, topic, "".join(f"{number}\n" for number in range(count)), "-X", "batch.num.messages=2")
    return topic


def list_brokers(cluster: Cluster) -> None:
    said = _kcat(cluster, "-L")
    assert cluster.bootstrap in said and "(controller)" in said, said


def list_topic_as_json(cluster: Cluster) -> None:
    topic = cluster.name("listed")
    _produce(cluster, topic, "a\n")
    said = _kcat(cluster, "-L", "-J", "-t", topic)
    assert f'"topic":"{topic}"' in said and '"partition":0' in said, said


def list_unknown_topic(cluster: Cluster) -> None:
    said = _kcat(cluster, "-L", "-t", cluster.name("unknown"), "-X", "allow.auto.create.topics=false")
    assert "Unknown topic or partition" in said, said


def produce_creates_the_topic(cluster: Cluster) -> None:
    topic = cluster.name("created")
    _produce(cluster, topic, "k:v\nk2:v2\n", "-K:")
    expect(_consume(cluster, topic, "-o", "beginning", "-f", "%k=%s@%o\n"), ["k=v@0", "k2=v2@1"])


def codec(name: str, cluster: Cluster) -> None:
    topic = cluster.name(name)
    values = [f"{number} {'long and the same ' * 20}" for number in range(200)]
    _produce(cluster, topic, "\n".join(values) + "\n", "-z", name)
    expect(_consume(cluster, topic, "-o", "beginning"), values)


def many_records(cluster: Cluster) -> None:
    topic = cluster.name("many")
    values = [f"line {number} {'x' * 80}" for number in range(50_000)]
    _produce(cluster, topic, "\n".join(values) + "\n")
    expect(_consume(cluster, topic, "-o", "beginning") == values, True, "the lines that come back")


def a_file_as_one_record(cluster: Cluster) -> None:
    topic = cluster.name("file")
    with open("big", "w", encoding="utf-8") as file:
        file.write("0123456789" * 90_000)
    _kcat(cluster, "-P", "-t", topic, "big")
    expect(_kcat(cluster, "-C", "-q", "-e", "-t", topic, "-o", "beginning", "-f", "%S"), "900000", "the length")


def idempotence(cluster: Cluster) -> None:
    topic = cluster.name("idempotent")
    values = [str(number) for number in range(5000)]
    _produce(cluster, topic, "\n".join(values) + "\n", "-X", "enable.idempotence=true", "-X", "batch.num.messages=50")
    expect(_consume(cluster, topic, "-o", "beginning"), values)


def acks(level: str, cluster: Cluster) -> None:
    topic = cluster.name("acks")
    _produce(cluster, topic, "first\n")
    _produce(cluster, topic, "a\nb\n", "-X", f"acks={level}")
    for _ in until("both records are there"):
        if _consume(cluster, topic, "-o", "beginning") == ["first", "a", "b"]:
            break


def too_large_is_refused(cluster: Cluster) -> None:
    topic = cluster.name("large")
    with open("big", "w", encoding="utf-8") as file:
        file.write("x" * 1_500_000)
    said = _kcat(cluster, "-P", "-t", topic, "-X", "message.max.bytes=2000000", "big", fails=True)
    assert "Message size too large" in said, said


def offsets_from_both_ends(cluster: Cluster) -> None:
    topic = _numbered(cluster, 10)
    expect(_consume(cluster, topic, "-o", "-3"), ["7", "8", "9"], "the last three")
    expect(_consume(cluster, topic, "-o", "7", "-p", "0"), ["7", "8", "9"], "from offset 7")
    expect(_consume(cluster, topic, "-o", "end", "-p", "0"), [], "from the end")


def an_offset_within_a_batch(cluster: Cluster) -> None:
    topic = cluster.name("within")
    _produce(cluster, topic, "".join(f"{number}\n" for number in range(10)), "-X", "linger.ms=200")
    expect(_consume(cluster, topic, "-p", "0", "-o", "3", "-c", "2"), ["3", "4"])


def offset_out_of_range(cluster: Cluster) -> None:
    topic = _numbered(cluster, 4)
    expect(_consume(cluster, topic, "-p", "0", "-o", "100", "-X", "topic.auto.offset.reset=earliest"), list("0123"))
    said = _kcat(
        cluster, "-C", "-e", "-t", topic, "-p", "0", "-o", "100", "-X", "topic.auto.offset.reset=error", fails=True
    )
    assert "out of range" in said, said


def times(cluster: Cluster) -> None:
    topic = cluster.name("times")
    stamps = []
    for value in "abc":
        _produce(cluster, topic, f"{value}\n")
        stamps.append(_consume(cluster, topic, "-o", "-1", "-c", "1", "-f", "%T\n")[0])
    for offset, stamp in enumerate(stamps):
        expect(_kcat(cluster, "-Q", "-t", f"{topic}:0:{stamp}").split(), [topic, "[0]", "offset", str(offset)])
    expect(_kcat(cluster, "-Q", "-t", f"{topic}:0:-2").split()[-1], "0", "the first offset")
    expect(_kcat(cluster, "-Q", "-t", f"{topic}:0:-1").split()[-1], "3", "the end")
    expect(
        _kcat(cluster, "-Q", "-t", f"{topic}:0:{int(stamps[2]) + 1}").split()[-1],
        "-1",
        "the offset beyond the last time",
    )
    expect(_consume(cluster, topic, "-o", f"s@{stamps[1]}"), ["b", "c"], "from the second's time")
    expect(
        _consume(cluster, topic, "-o", f"s@{stamps[0]}", "-o", f"e@{stamps[2]}"), ["a", "b"], "before the third's time"
    )


def headers(cluster: Cluster) -> None:
    topic = cluster.name("headers")
    _produce(cluster, topic, "v\n", "-H", "a=1", "-H", "b=", "-H", "a=2", "-H", "c")
    expect(_consume(cluster, topic, "-o", "beginning", "-f", "%h %s\n"), ["a=1,b=,a=2,c=NULL v"])


def nulls(cluster: Cluster) -> None:
    topic = cluster.name("nulls")
    _produce(cluster, topic, "k:\n:v\n", "-K:", "-Z")
    expect(_consume(cluster, topic, "-o", "beginning", "-Z", "-f", "%k %s\n"), ["k NULL", "NULL v"])
    expect(_consume(cluster, topic, "-o", "beginning", "-f", "%K %S\n"), ["1 -1", "-1 1"], "lengths")


def unknown_partition(cluster: Cluster) -> None:
    topic = _numbered(cluster, 1)
    said = _kcat(cluster, "-P", "-t", topic, "-p", "9", text="x\n", fails=True)
    assert "Unknown partition" in said, said


def consume_unknown_topic(cluster: Cluster) -> None:
    topic = cluster.name("unknown")
    said = _kcat(cluster, "-C", "-e", "-t", topic, "-X", "allow.auto.create.topics=false", fails=True)
    assert "Unknown topic or partition" in said, said


def read_committed(cluster: Cluster) -> None:
    topic = _numbered(cluster, 3)
    expect(_consume(cluster, topic, "-o", "beginning", "-X", "isolation.level=read_committed"), list("012"))


def transaction(cluster: Cluster) -> None:
    topic = cluster.name("transaction")
    _produce(cluster, topic, "a\nb\n", "-X", f"transactional.id={cluster.name('id')}")
    expect(_consume(cluster, topic, "-o", "beginning", "-X", "isolation.level=read_committed"), ["a", "b"])


class _Member:
    """A kcat in a group, whose records go to a file."""

    def __init__(self, cluster: Cluster, group: str, topics: list[str], name: str, *options: str) -> None:
        self._name = name
        with open(name, "wb") as out, open(f"{name}.log", "wb") as log:
            command = ["kcat", "-b", cluster.bootstrap, "-G", group, "-u", "-f", "%p:%s\n"]
            settings = ["-X", "auto.offset.reset=earliest", "-X", f"session.timeout.ms={SESSION_MS}"]
            self.process = subprocess.Popen([*command, *settings, *options, *topics], stdout=out, stderr=log)

    def lines(self) -> list[str]:
        with open(self._name, encoding="utf-8") as out:
            return out.read().splitlines()

    def log(self) -> str:
        with open(f"{self._name}.log", encoding="utf-8") as log:
            return log.read()


def _two_partitions(cluster: Cluster, topic: str, round_: str) -> None:
    for part in "01":
        _produce(cluster, topic, f"{round_}\n", "-p", part)


def group(options: tuple[str, ...], cluster: Cluster) -> None:
    """Two members share two partitions; one leaves, one is killed and expires, and nothing is lost or read again."""
    from confluent_kafka.admin import AdminClient, NewTopic

    topic, name = cluster.name("shared"), cluster.name("group")
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap})
    admin.create_topics([NewTopic(topic, 2, 1)])[topic].result()
    _two_partitions(cluster, topic, "one")
    first = _Member(cluster, name, [topic], "first", *options)
    for _ in until("the first member reads both partitions"):
        if sorted(first.lines()) == ["0:one", "1:one"]:
            break
    second = _Member(cluster, name, [topic], "second", *options)
    for _ in until("the second member owns a partition"):
        if f"{topic} [" in second.log():
            break
    _two_partitions(cluster, topic, "two")
    for _ in until("each member reads one record"):
        if len(first.lines()) == 3 and len(second.lines()) == 1:
            break
    second.process.terminate()
    second.process.wait(RECORD_S)
    _two_partitions(cluster, topic, "three")
    for _ in until("the first member reads both partitions again"):
        if len(first.lines()) == 5:
            break
    first.process.kill()
    first.process.wait(RECORD_S)
    _two_partitions(cluster, topic, "four")
    third = _Member(cluster, name, [topic], "third", *options)
    for _ in until("the third member reads both partitions when the first expired", 50):
        if {"0:four", "1:four"} <= set(third.lines()):
            break
    third.process.terminate()
    third.process.wait(RECORD_S)
    # What the killed member read in its last moments may come again; all else comes once.
    lines = [*first.lines(), *second.lines()]
    expect(sorted(lines), [f"{part}:{round_}" for part in "01" for round_ in ("one", "three", "two")])


def static_member(cluster: Cluster) -> None:
    """A static member that comes back within its session gets its partitions without waiting."""
    topic, name = _numbered(cluster, 3), cluster.name("static")
    instance = ("-X", "group.instance.id=i1")
    member = _Member(cluster, name, [topic], "one", *instance)
    for _ in until("the member reads"):
        if len(member.lines()) == 3:
            break
    member.process.terminate()
    member.process.wait(RECORD_S)
    _produce(cluster, topic, "3\n")
    again = _Member(cluster, name, [topic], "two", *instance)
    for _ in until("it reads on where it was"):
        if again.lines() == ["0:3"]:
            break
    again.process.terminate()
    again.process.wait(RECORD_S)


CASES = [
    Case("kcat/list-brokers", ("ApiVersions", "Metadata"), list_brokers),
    Case("kcat/list-topic-as-json", PRODUCE, list_topic_as_json),
    Case("kcat/list-unknown-topic", ("ApiVersions", "Metadata"), list_unknown_topic),
    Case("kcat/produce-creates-the-topic", CONSUME, produce_creates_the_topic),
    *(Case(f"kcat/codec-{name}", CONSUME, partial(codec, name)) for name in ("gzip", "snappy", "lz4", "zstd")),
    Case("kcat/many-records", CONSUME, many_records),
    Case("kcat/a-file-as-one-record", CONSUME, a_file_as_one_record),
    Case("kcat/idempotence", (*CONSUME, "InitProducerId"), idempotence),
    *(Case(f"kcat/acks-{level}", CONSUME, partial(acks, level)) for level in ("0", "1", "all")),
    Case("kcat/too-large-is-refused", PRODUCE, too_large_is_refused),
    Case("kcat/offsets-from-both-ends", CONSUME, offsets_from_both_ends),
    Case("kcat/an-offset-within-a-batch", CONSUME, an_offset_within_a_batch),
    Case("kcat/offset-out-of-range", CONSUME, offset_out_of_range),
    Case("kcat/times", CONSUME, times),
    Case("kcat/headers", CONSUME, headers),
    Case("kcat/nulls", CONSUME, nulls),
    Case("kcat/unknown-partition", PRODUCE, unknown_partition),
    Case("kcat/consume-unknown-topic", CONSUME, consume_unknown_topic),
    Case("kcat/read-committed", CONSUME, read_committed),
    Case("kcat/transaction", (*CONSUME, *TRANSACTION), transaction),
    Case("kcat/group", (*GROUP, "CreateTopics"), partial(group, ()), 120),
    Case(
        "kcat/group-cooperative",
        (*GROUP, "CreateTopics"),
        partial(group, ("-X", "partition.assignment.strategy=cooperative-sticky")),
        120,
    ),
    Case("kcat/group-static-member", GROUP, static_member),
]
