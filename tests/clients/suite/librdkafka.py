"""librdkafka's own tests that need a broker, once with classic groups and once more with those of KIP-848."""

from __future__ import annotations

import os
import re
import subprocess
from functools import partial
from pathlib import Path

from . import sasl
from .brokers import PASSWORD, USER
from .case import Case, Cluster

BASE = ("ApiVersions", "Metadata")
TOPICS = (*BASE, "CreateTopics")
PRODUCE = (*TOPICS, "Produce")
CONSUME = (*PRODUCE, "Fetch", "ListOffsets")
OFFSETS = ("FindCoordinator", "OffsetCommit", "OffsetFetch")
TRANSACTION = ("InitProducerId", "FindCoordinator", "AddPartitionsToTxn", "EndTxn")
# Stands for membership in a group, by either protocol.
GROUP = ("a group",)
CLASSIC = ("JoinGroup", "SyncGroup", "Heartbeat", "LeaveGroup")
CONSUMER = ("ConsumerGroupHeartbeat",)

# What the tests take the broker for.
VERSION = "4.2.0"
TIMEOUT_S = 300.0

# The scripts of Kafka's distribution that tests call, and what is behind them.
SCRIPTS = {
    "kafka-topics.sh": "org.apache.kafka.tools.TopicCommand",
    "kafka-configs.sh": "org.apache.kafka.tools.ConfigCommand",
    "kafka-acls.sh": "org.apache.kafka.tools.AclCommand",
}
# The tests that run a client in Java beside their own.
JAVA = ("0098", "0113")
# Those that do nothing when asked to be quick.
SLOW = (
    "0018", "0019", "0022", "0026", "0045", "0050", "0061", "0082", "0089", "0102", "0113", "0122", "0132", "0137",
    "0153",
)  # fmt: skip
# Those of a client with a password.
WITH_PASSWORD = ("0135",)


def run(number: str, protocol: str, cluster: Cluster) -> None:
    """Runs the tests of a number, which must do something: those that skip themselves have shown nothing."""
    assert cluster.source is not None, "the tests are not here"
    home, source = Path.cwd(), Path(cluster.source)
    conf = home / "test.conf"
    conf.write_text(_settings(number, cluster), encoding="utf-8")
    settings = {
        "TESTS": number,
        "RDKAFKA_TEST_CONF": str(conf),
        "TEST_KAFKA_VERSION": VERSION,
        "TEST_CONSUMER_GROUP_PROTOCOL": protocol,
        "KAFKA_PATH": str(_distribution(home, cluster)),
        "BROKERS": cluster.bootstrap,
        "LD_LIBRARY_PATH": f"{source / 'src'}:{source / 'src-cpp'}",
    }
    if number in JAVA:
        # They compile the same classes, which cases beside each other would do at once.
        make = ["flock", source / "java.lock", "make", "-s", "java"]
        subprocess.run(make, cwd=source / "tests", env=os.environ | settings, check=True)
    # One after another, quickly where they know how, without those that need no broker or cut connections themselves.
    said = subprocess.run(
        ["./test-runner", "-p1", "-L", "-E", *([] if number in SLOW else ["-Q"])],
        cwd=source / "tests",
        env=os.environ | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    text = re.sub(r"\x1b\[[0-9;]*m", "", said.stdout)
    if said.returncode != 0:
        wrong = [line for line in text.splitlines() if re.search(r"failed|FAIL|assert|ERROR", line, re.IGNORECASE)]
        raise SystemExit("\n".join(wrong or text.splitlines()))
    # A test of which every part was left out passes in no time.
    took = re.findall(rf"\|\s*{number}\w*\s*\|\s*PASSED\s*\|\s*([0-9.]+)s", text)
    assert any(float(seconds) > 0 for seconds in took), text


def _settings(number: str, cluster: Cluster) -> str:
    # Tests run beside others, on machines that are slow.
    lines = {"bootstrap.servers": cluster.bootstrap, "test.topic.random": "true", "test.timeout.multiplier": "3"}
    if number in WITH_PASSWORD:
        lines |= sasl.librdkafka(cluster, "PLAIN", (USER, PASSWORD))
    return "".join(f"{name}={value}\n" for name, value in lines.items())


def _distribution(home: Path, cluster: Cluster) -> Path:
    """A folder like that of Kafka's distribution, as far as the tests look."""
    java, *options, _, class_path = cluster.java
    folder = home / "kafka"
    (folder / "bin").mkdir(parents=True)
    (folder / "libs").symlink_to(Path(class_path).parent)
    scripts = {name: f'-cp "{class_path}" {main} "$@"' for name, main in SCRIPTS.items()}
    scripts["kafka-run-class.sh"] = f'-cp "$CLASSPATH:{class_path}" "$@"'
    for name, arguments in scripts.items():
        script = folder / "bin" / name
        script.write_text(f'#!/bin/sh\nexec "{java}" {" ".join(options)} {arguments}\n', encoding="utf-8")
        script.chmod(0o755)
    return folder


# The first number and what it is about, as the file is called; the APIs it needs.
TESTS: dict[str, tuple[str, ...]] = {
    "0001-multiobj": PRODUCE,
    "0002-unkpart": PRODUCE,
    "0003-msgmaxsize": PRODUCE,
    "0005-order": PRODUCE,
    "0007-autotopic": PRODUCE,
    "0008-reqacks": PRODUCE,
    "0011-produce-batch": (*PRODUCE, "DeleteTopics", "IncrementalAlterConfigs"),
    "0012-produce-consume": CONSUME,
    "0013-null-msgs": CONSUME,
    "0014-reconsume-191": (*CONSUME, *OFFSETS),
    "0015-offset-seeks": (*CONSUME, *OFFSETS),
    "0016-client-swname": BASE,
    "0017-compression": CONSUME,
    "0018-cgrp-term": (*CONSUME, *OFFSETS, *GROUP),
    "0019-list-groups": (*CONSUME, *OFFSETS, *GROUP, "DescribeGroups", "ListGroups"),
    "0020-destroy-hang": (*CONSUME, *OFFSETS, *GROUP),
    "0021-rkt-destroy": PRODUCE,
    "0022-consume-batch": (*CONSUME, *OFFSETS),
    "0026-consume-pause": (*CONSUME, *OFFSETS, *GROUP),
    "0029-assign-offset": (*CONSUME, *OFFSETS, *GROUP),
    "0030-offset-commit": (*CONSUME, *OFFSETS, *GROUP),
    "0031-get-offsets": CONSUME,
    "0033-regex-subscribe": (*CONSUME, *OFFSETS, *GROUP, "DeleteTopics"),
    "0034-offset-reset": CONSUME,
    "0035-api-version": CONSUME,
    "0036-partial-fetch": CONSUME,
    "0038-performance": CONSUME,
    "0039-event": PRODUCE,
    "0040-io-event": (*CONSUME, *OFFSETS, *GROUP),
    "0041-fetch-max-bytes": CONSUME,
    "0042-many-topics": (*CONSUME, *OFFSETS, *GROUP),
    "0044-partition-cnt": (*PRODUCE, "CreatePartitions"),
    "0045-subscribe-update": (*CONSUME, *OFFSETS, *GROUP, "DeleteTopics"),
    "0048-partitioner": PRODUCE,
    "0050-subscribe-adds": (*CONSUME, *OFFSETS, *GROUP),
    "0051-assign-adds": (*CONSUME, *OFFSETS),
    "0052-msg-timestamps": (*CONSUME, *OFFSETS, *GROUP),
    "0053-stats-cb": CONSUME,
    "0054-offset-time": CONSUME,
    "0055-producer-latency": PRODUCE,
    "0056-balanced-group-mt": (*CONSUME, *OFFSETS, *GROUP),
    "0057-invalid-topic": PRODUCE,
    "0059-bsearch": (*CONSUME, *OFFSETS),
    "0060-op-prio": (*CONSUME, *OFFSETS, *GROUP),
    "0061-consumer-lag": (*CONSUME, *OFFSETS, "AddPartitionsToTxn", "EndTxn", "InitProducerId"),
    "0063-clusterid": BASE,
    "0064-interceptors": (*CONSUME, *OFFSETS, *GROUP),
    "0065-yield": PRODUCE,
    "0067-empty-topic": (*CONSUME, *OFFSETS),
    "0069-consumer-add-parts": (*CONSUME, *OFFSETS, *GROUP, "CreatePartitions"),
    "0070-null-empty": (*CONSUME, *OFFSETS),
    "0073-headers": (*CONSUME, *OFFSETS),
    "0081-admin": (*CONSUME, *OFFSETS, *GROUP, "AlterConfigs", "ConsumerGroupDescribe", "CreateAcls", "CreatePartitions", "DeleteAcls", "DeleteGroups", "DeleteRecords", "DeleteTopics", "DescribeAcls", "DescribeConfigs", "DescribeGroups", "DescribeUserScramCredentials", "IncrementalAlterConfigs", "ListGroups", "OffsetDelete"),
    "0082-fetch-max-bytes": (*CONSUME, *OFFSETS, *GROUP),
    "0083-cb-event": (*CONSUME, *OFFSETS, *GROUP),
    "0084-destroy-flags": (*CONSUME, *OFFSETS, *GROUP),
    "0085-headers": (*CONSUME, *OFFSETS, "DeleteTopics"),
    "0086-purge": (*PRODUCE, "InitProducerId"),
    "0089-max-poll-interval": (*CONSUME, *OFFSETS, *GROUP),
    "0090-idempotence": (*CONSUME, *OFFSETS, "InitProducerId"),
    "0091-max-poll-interval-timeout": (*CONSUME, *OFFSETS, *GROUP),
    "0093-holb": (*CONSUME, *OFFSETS, *GROUP),
    "0098-consumer-txn": (*CONSUME, *TRANSACTION),
    "0099-commit-metadata": (*TOPICS, *OFFSETS),
    "0102-static-group-rebalance": (*CONSUME, *OFFSETS, *GROUP),
    "0109-auto-create-topics": (*CONSUME, *OFFSETS, *GROUP, "CreateAcls"),
    "0110-batch-size": CONSUME,
    "0112-assign-unknown-part": (*CONSUME, *OFFSETS, "CreatePartitions"),
    "0113-cooperative-rebalance": (*CONSUME, *OFFSETS, *GROUP),
    "0114-sticky-partitioning": CONSUME,
    "0115-producer-auth": (*PRODUCE, "CreateAcls"),
    "0118-commit-rebalance": (*CONSUME, *OFFSETS, *GROUP),
    "0119-consumer-auth": (*CONSUME, *OFFSETS, *GROUP, "CreateAcls"),
    "0122-buffer-cleaning-after-rebalance": (*CONSUME, *OFFSETS, *GROUP),
    "0123-connections-max-idle": BASE,
    "0125-immediate-flush": (*CONSUME, *OFFSETS, *GROUP),
    "0127-fetch-queue-backoff": PRODUCE,
    "0130-store-offsets": (*CONSUME, *OFFSETS),
    "0132-strategy-ordering": (*CONSUME, *OFFSETS, *GROUP),
    "0135-sasl-credentials": (*BASE, "SaslHandshake", "SaslAuthenticate"),
    "0137-barrier-batch-consume": (*CONSUME, *OFFSETS, *GROUP),
    "0140-commit-metadata": (*TOPICS, *OFFSETS),
}
# Of those with a group, what KIP-848 changes: two skip themselves, and 0118 expects a closing member to lose its commit.
CLASSIC_ONLY = ("0084", "0118", "0132")
# Ids of members that the client chooses.
CONSUMER_ONLY = {"0153-memberid": (*BASE, *OFFSETS, *GROUP)}


def _cases(protocol: str, group: tuple[str, ...], tests: dict[str, tuple[str, ...]]) -> list[Case]:
    suffix = "" if protocol == "classic" else f"-{protocol}"

    def case(name: str, needs: tuple[str, ...]) -> Case:
        apis = [api for need in needs for api in (group if need in GROUP else (need,))]
        return Case(f"librdkafka/{name}{suffix}", tuple(apis), partial(run, name[:4], protocol), TIMEOUT_S)

    return [case(name, needs) for name, needs in tests.items()]


WITH_GROUP = {name: needs for name, needs in TESTS.items() if GROUP[0] in needs and name[:4] not in CLASSIC_ONLY}
CASES = [
    *_cases("classic", CLASSIC, TESTS),
    *_cases("consumer", CONSUMER, WITH_GROUP | CONSUMER_ONLY),
]
