"""kafka-python: a client in pure Python, with versions of the protocol between those of librdkafka and Java."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition, errors
from kafka.admin import (
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ConfigResource,
    ConfigResourceType,
    OffsetSpec,
    ResourcePatternFilter,
    ResourceType,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from kafka.structs import OffsetAndMetadata

from .case import KEEP, Case, Cluster, expect, until

ADMIN = ("ApiVersions", "Metadata", "CreateTopics")
PRODUCE = (*ADMIN, "Produce")
CONSUME = (*PRODUCE, "Fetch", "ListOffsets")
OFFSETS = ("FindCoordinator", "OffsetCommit", "OffsetFetch")
GROUP = (*CONSUME, *OFFSETS, "JoinGroup", "SyncGroup", "Heartbeat", "LeaveGroup")
TRANSACTION = (*CONSUME, "InitProducerId", "FindCoordinator", "AddPartitionsToTxn", "EndTxn")

WAIT_S = 20.0
WAIT_MS = 20_000


@contextmanager
def _admin(cluster: Cluster) -> Iterator[KafkaAdminClient]:
    admin = KafkaAdminClient(bootstrap_servers=cluster.bootstrap)
    try:
        yield admin
    finally:
        admin.close()


def _topic(cluster: Cluster, partitions: int = 1, **configs: str) -> str:
    name = cluster.name("topic")
    options = {"num_partitions": partitions, "replication_factor": 1}
    with _admin(cluster) as admin:
        dotted = {key.replace("_", "."): value for key, value in configs.items()}
        admin.create_topics({name: {**options, "configs": dotted}}, wait_for_metadata=True)
    return name


def _send(cluster: Cluster, topic: str, values: Iterable[str], partition: int = 0, **settings: object) -> list[int]:
    """Sends values and waits; their offsets."""
    producer = KafkaProducer(bootstrap_servers=cluster.bootstrap, **settings)
    sent = [producer.send(topic, value.encode(), partition=partition) for value in values]
    producer.flush(WAIT_S)
    offsets = [future.get(WAIT_S).offset for future in sent]
    producer.close(WAIT_S)
    return offsets


def _consumer(cluster: Cluster, **settings: object) -> KafkaConsumer:
    defaults = {"bootstrap_servers": cluster.bootstrap, "auto_offset_reset": "earliest", "enable_auto_commit": False}
    return KafkaConsumer(**{**defaults, **settings})


def _take(consumer: KafkaConsumer, count: int) -> list[str]:
    values: list[str] = []
    for _ in until(f"{count} records come"):
        for records in consumer.poll(1000, max_records=count - len(values)).values():
            values += [record.value.decode() for record in records]
        if len(values) == count:
            break
    return values


def _read(cluster: Cluster, topic: str, count: int, partition: int = 0, **settings: object) -> list[str]:
    """The first records of a partition, and no more than these."""
    consumer = _consumer(cluster, **settings)
    consumer.assign([TopicPartition(topic, partition)])
    values = _take(consumer, count)
    expect(consumer.poll(1000), {}, "what comes after the last record")
    consumer.close()
    return values


def _refused(error: type[Exception], action: Callable[[], object]) -> None:
    try:
        done = action()
    except error:
        return
    raise AssertionError(f"is not refused: {done}")


def api_versions(cluster: Cluster) -> None:
    with _admin(cluster) as admin:
        assert admin.get_broker_version_data(admin.describe_cluster()["controller_id"]).api_versions


def codec(name: str | None, cluster: Cluster) -> None:
    topic = _topic(cluster)
    values = [f"{number} {'long and the same ' * 20}" for number in range(500)]
    expect(_send(cluster, topic, values, compression_type=name), list(range(500)), "the offsets")
    expect(_read(cluster, topic, 500), values)


def acks(level: int | str, cluster: Cluster) -> None:
    topic = _topic(cluster)
    _send(cluster, topic, "abc", acks=level, enable_idempotence=False)
    expect(_read(cluster, topic, 3), list("abc"))


def records(cluster: Cluster) -> None:
    """Headers, nulls and times come back as they were sent."""
    topic = _topic(cluster, **KEEP)
    producer = KafkaProducer(bootstrap_servers=cluster.bootstrap)
    headers = [("a", b"1"), ("a", b""), ("b", b"\x00\xff")]
    producer.send(topic, None, key=b"k", headers=headers, timestamp_ms=1_000).get(WAIT_S)
    producer.send(topic, b"", timestamp_ms=9_000).get(WAIT_S)
    producer.close(WAIT_S)
    consumer = _consumer(cluster)
    here = TopicPartition(topic, 0)
    consumer.assign([here])
    found = []
    for _ in until("both records come"):
        found += consumer.poll(1000).get(here, [])
        if len(found) == 2:
            break
    expect([(record.key, record.value) for record in found], [(b"k", None), (None, b"")])
    expect([record.timestamp for record in found], [1_000, 9_000])
    expect(list(found[0].headers), headers)


def seek_and_offsets(cluster: Cluster) -> None:
    topic = _topic(cluster, **KEEP)
    producer = KafkaProducer(bootstrap_servers=cluster.bootstrap)
    for number in range(10):
        producer.send(topic, str(number).encode(), timestamp_ms=1_000 * number)
    producer.close(WAIT_S)
    consumer, here = _consumer(cluster), TopicPartition(topic, 0)
    expect((consumer.beginning_offsets([here])[here], consumer.end_offsets([here])[here]), (0, 10))
    expect(consumer.offsets_for_times({here: 4_500})[here].offset, 5)
    expect(consumer.offsets_for_times({here: 9_001})[here], None, "what is later than all")
    consumer.assign([here])
    consumer.seek(here, 7)
    expect(_take(consumer, 3), ["7", "8", "9"])
    expect(consumer.position(here), 10)
    consumer.pause(here)
    consumer.seek_to_beginning(here)
    expect(consumer.poll(1000), {}, "what comes while paused")
    consumer.resume(here)
    expect(_take(consumer, 1), ["0"])


def too_large_is_refused(cluster: Cluster) -> None:
    topic = _topic(cluster, max_message_bytes="2000")
    _refused(errors.MessageSizeTooLargeError, lambda: _send(cluster, topic, ["x" * 3_000]))
    _send(cluster, topic, ["x" * 100])


def large_messages(cluster: Cluster) -> None:
    topic = _topic(cluster)
    _send(cluster, topic, ["x" * 1_000_000, "small"])
    values = _read(cluster, topic, 2, fetch_max_bytes=1_000, max_partition_fetch_bytes=1_000)
    expect([len(value) for value in values], [1_000_000, 5], "the lengths")


def commit_and_go_on(cluster: Cluster) -> None:
    topic, name = _topic(cluster), cluster.name("group")
    _send(cluster, topic, "abcde")
    consumer, here = _consumer(cluster, group_id=name), TopicPartition(topic, 0)
    consumer.assign([here])
    _take(consumer, 2)
    consumer.commit({here: OffsetAndMetadata(2, "two are done", -1)})
    consumer.close()
    consumer = _consumer(cluster, group_id=name)
    found = consumer.committed(here, metadata=True)
    expect((found.offset, found.metadata), (2, "two are done"))
    consumer.assign([here])
    expect(_take(consumer, 3), list("cde"))
    expect(_consumer(cluster, group_id=cluster.name("other")).committed(here), None, "another group's offset")


def group(cluster: Cluster) -> None:
    """Two members share four partitions; one leaves and the other gets all."""
    topic, name = _topic(cluster, 4), cluster.name("group")
    members = [_consumer(cluster, group_id=name, session_timeout_ms=10_000) for _ in range(2)]
    for member in members:
        member.subscribe([topic])
    for _ in until("each member has two partitions"):
        for member in members:
            expect(member.poll(100), {}, "what comes from an empty topic")
        if [len(member.assignment()) for member in members] == [2, 2]:
            break
    for part in range(4):
        _send(cluster, topic, ["first"], part)
    for member in members:
        expect(_take(member, 2), ["first", "first"])
        member.commit()
    members.pop().close()
    for part in range(4):
        _send(cluster, topic, ["second"], part)
    expect(_take(members[0], 4), ["second"] * 4)
    members[0].close()


def static_member(cluster: Cluster) -> None:
    topic, name = _topic(cluster), cluster.name("group")
    _send(cluster, topic, "ab")
    for value in "ab":
        member = _consumer(cluster, group_id=name, group_instance_id="i1")
        member.subscribe([topic])
        expect(_take(member, 1), [value])
        member.commit()
        member.close()


def pattern(cluster: Cluster) -> None:
    topic = _topic(cluster)
    _send(cluster, topic, "a")
    consumer = _consumer(cluster, group_id=cluster.name("group"))
    consumer.subscribe(pattern=f"^{topic[:-3]}.*")
    expect(_take(consumer, 1), ["a"])
    consumer.close()


def transactions(cluster: Cluster) -> None:
    topic = _topic(cluster)
    producer = KafkaProducer(bootstrap_servers=cluster.bootstrap, transactional_id=cluster.name("id"))
    producer.init_transactions()
    for value, is_committed in (("a", True), ("b", False), ("c", True)):
        producer.begin_transaction()
        producer.send(topic, value.encode()).get(WAIT_S)
        if is_committed:
            producer.commit_transaction()
        else:
            producer.abort_transaction()
    producer.close(WAIT_S)
    expect(_read(cluster, topic, 2, isolation_level="read_committed"), ["a", "c"])
    expect(_read(cluster, topic, 3, isolation_level="read_uncommitted"), list("abc"))


def offsets_in_a_transaction(cluster: Cluster) -> None:
    topic, name = _topic(cluster), cluster.name("group")
    here = TopicPartition(topic, 0)
    producer = KafkaProducer(bootstrap_servers=cluster.bootstrap, transactional_id=cluster.name("id"))
    producer.init_transactions()
    for offset, is_committed in ((5, True), (9, False)):
        producer.begin_transaction()
        producer.send_offsets_to_transaction({here: OffsetAndMetadata(offset, "", -1)}, name)
        if is_committed:
            producer.commit_transaction()
        else:
            producer.abort_transaction()
    producer.close(WAIT_S)
    expect(_consumer(cluster, group_id=name).committed(here), 5)


def topics(cluster: Cluster) -> None:
    name = _topic(cluster, 3)
    with _admin(cluster) as admin:
        assert name in admin.list_topics()
        found = admin.describe_topics([name])[0]
        expect((found["name"], len(found["partitions"])), (name, 3))
        again = {name: {"num_partitions": 1, "replication_factor": 1}}
        _refused(errors.TopicAlreadyExistsError, lambda: admin.create_topics(again))
        _refused(errors.InvalidTopicError, lambda: admin.create_topics({"a/b": again[name]}))
        admin.delete_topics([name])
        for _ in until("the topic is gone"):
            if name not in admin.list_topics():
                break
        _refused(errors.UnknownTopicOrPartitionError, lambda: admin.delete_topics([name]))


def default_partitions(cluster: Cluster) -> None:
    """A topic of no stated size gets the broker's."""
    name = cluster.name("default")
    with _admin(cluster) as admin:
        admin.create_topics([name], wait_for_metadata=True)
        assert len(admin.describe_topics([name])[0]["partitions"]) >= 1


def more_partitions(cluster: Cluster) -> None:
    name = _topic(cluster)
    with _admin(cluster) as admin:
        admin.create_partitions({name: 3})
        for _ in until("the topic has three partitions"):
            if len(admin.describe_topics([name])[0]["partitions"]) == 3:
                break
        _refused(errors.InvalidPartitionsError, lambda: admin.create_partitions({name: 2}))


def describe_cluster(cluster: Cluster) -> None:
    with _admin(cluster) as admin:
        found = admin.describe_cluster()
    assert cluster.bootstrap in [f"{broker['host']}:{broker['port']}" for broker in found["brokers"]], found
    assert found["cluster_id"], found


def configs(cluster: Cluster) -> None:
    name = _topic(cluster, retention_ms="12345")

    def values(admin: KafkaAdminClient) -> dict[str, str]:
        found = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)], config_filter="all")
        return {config: data["value"] for config, data in found["topic"][name].items()}

    with _admin(cluster) as admin:
        expect(values(admin)["retention.ms"], "12345")
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, {"segment.ms": "60000"})])
        for _ in until("the config is set"):
            if values(admin)["segment.ms"] == "60000":
                break
        admin.reset_configs([ConfigResource(ConfigResourceType.TOPIC, name, ["retention.ms"])])
        for _ in until("the config is reset, the other one kept"):
            found = values(admin)
            if (found["retention.ms"], found["segment.ms"]) == ("604800000", "60000"):
                break


def describe_configs(cluster: Cluster) -> None:
    name = _topic(cluster, retention_ms="12345")
    with _admin(cluster) as admin:
        broker = str(admin.describe_cluster()["controller_id"])
        topic = ConfigResource(ConfigResourceType.TOPIC, name)
        found = admin.describe_configs([topic, ConfigResource(ConfigResourceType.BROKER, broker)], config_filter="all")
    expect(found["topic"][name]["retention.ms"]["value"], "12345")
    assert "num.partitions" in found["broker"][broker], sorted(found["broker"][broker])


def delete_records(cluster: Cluster) -> None:
    topic = _topic(cluster)
    here = TopicPartition(topic, 0)
    _send(cluster, topic, "abcde")
    with _admin(cluster) as admin:
        expect(admin.delete_records({here: 3})[here]["low_watermark"], 3)
    expect(_consumer(cluster).beginning_offsets([here])[here], 3)
    expect(_read(cluster, topic, 2), ["d", "e"])


def list_offsets(cluster: Cluster) -> None:
    topic = _topic(cluster)
    here = TopicPartition(topic, 0)
    _send(cluster, topic, "abc")
    with _admin(cluster) as admin:
        for spec, offset in ((OffsetSpec.EARLIEST, 0), (OffsetSpec.LATEST, 3)):
            expect(admin.list_partition_offsets({here: spec})[here].offset, offset, f"the offset of {spec}")


def groups(cluster: Cluster) -> None:
    """A group is listed, described, its offsets are altered and deleted, and it is deleted."""
    topic, name = _topic(cluster), cluster.name("group")
    here = TopicPartition(topic, 0)
    _send(cluster, topic, "abc")
    consumer = _consumer(cluster, group_id=name)
    consumer.subscribe([topic])
    _take(consumer, 3)
    consumer.commit()
    with _admin(cluster) as admin:
        assert name in [group["group_id"] for group in admin.list_groups()]
        expect(len(admin.describe_groups([name])[name]["members"]), 1, "the number of members")
        consumer.close()
        expect(admin.list_group_offsets([name])[name][here].offset, 3)
        expect(admin.alter_group_offsets(name, {here: OffsetAndMetadata(1, "", -1)})[here], errors.NoError)
        expect(admin.reset_group_offsets(name, {here: OffsetSpec.LATEST})[here]["offset"], 3)
        expect(admin.delete_group_offsets(name, [here])[here], errors.NoError)
        admin.delete_groups([name])
        assert name not in [group["group_id"] for group in admin.list_groups()]


def log_dirs(cluster: Cluster) -> None:
    topic = _topic(cluster)
    _send(cluster, topic, ["x" * 1000])
    with _admin(cluster) as admin:
        found = admin.describe_log_dirs({topic: [0]})
    assert topic in str(found), found


def elect_leaders(cluster: Cluster) -> None:
    topic = _topic(cluster)
    with _admin(cluster) as admin:
        found = admin.elect_leaders(0, {topic: [0]}, raise_errors=False)
    result = found.replica_election_results[0].partition_result[0]
    expect(result.error_code, errors.ElectionNotNeededError.errno)


def reassignments(cluster: Cluster) -> None:
    topic = _topic(cluster)
    with _admin(cluster) as admin:
        expect(admin.list_partition_reassignments({topic: [0]}), {})


def topic_partitions(cluster: Cluster) -> None:
    topic = _topic(cluster, 3)
    with _admin(cluster) as admin:
        found = admin.describe_topic_partitions([topic], response_partition_limit=2)
        expect(len(found["topics"][0]["partitions"]), 2, "the partitions of the first page")
        rest = admin.describe_topic_partitions([topic], cursor=found["next_cursor"])
        expect(len(rest["topics"][0]["partitions"]), 1, "the partitions of the second page")


def acls_are_disabled(cluster: Cluster) -> None:
    everything = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY)
    with _admin(cluster) as admin:
        wanted = ACLFilter(None, None, ACLOperation.ANY, ACLPermissionType.ANY, everything)
        _refused(errors.SecurityDisabledError, lambda: admin.describe_acls(wanted))


def scram_users(cluster: Cluster) -> None:
    user = cluster.name("user")
    with _admin(cluster) as admin:
        upsertion = UserScramCredentialUpsertion(user, ScramMechanism.SCRAM_SHA_256, "secret", 4096)
        expect(admin.alter_user_scram_credentials([upsertion])[user], None, "the error")
        for _ in until("the user is described"):
            if user in admin.describe_user_scram_credentials():
                break


def features(cluster: Cluster) -> None:
    with _admin(cluster) as admin:
        found = admin.describe_features()
    version = found["metadata.version"]
    expect(version["finalized"][1] <= version["supported"][1], True, f"that {version} is in order")


def list_transactions(cluster: Cluster) -> None:
    topic, name = _topic(cluster), cluster.name("id")
    producer = KafkaProducer(bootstrap_servers=cluster.bootstrap, transactional_id=name)
    producer.init_transactions()
    producer.begin_transaction()
    producer.send(topic, b"v").get(WAIT_S)
    with _admin(cluster) as admin:
        listed = [listing.transactional_id for of_broker in admin.list_transactions().values() for listing in of_broker]
        assert name in listed, listed
        assert admin.describe_transactions([name])[name].producer_id >= 0
        assert admin.describe_producers([TopicPartition(topic, 0)])[TopicPartition(topic, 0)].active_producers
    producer.commit_transaction()
    producer.close(WAIT_S)


CASES = [
    Case("kafka-python/api-versions", ADMIN, api_versions),
    *(
        Case(f"kafka-python/codec-{name or 'none'}", CONSUME, partial(codec, name))
        for name in (None, "gzip", "snappy", "lz4", "zstd")
    ),
    *(Case(f"kafka-python/acks-{level}", CONSUME, partial(acks, level)) for level in (0, 1, "all")),
    Case("kafka-python/records", CONSUME, records),
    Case("kafka-python/seek-and-offsets", CONSUME, seek_and_offsets),
    Case("kafka-python/too-large-is-refused", PRODUCE, too_large_is_refused),
    Case("kafka-python/large-messages", CONSUME, large_messages),
    Case("kafka-python/commit-and-go-on", (*CONSUME, *OFFSETS), commit_and_go_on),
    Case("kafka-python/group", GROUP, group),
    Case("kafka-python/group-static-member", GROUP, static_member),
    Case("kafka-python/group-pattern", GROUP, pattern),
    Case("kafka-python/transactions", TRANSACTION, transactions),
    Case(
        "kafka-python/offsets-in-a-transaction",
        (*TRANSACTION, *OFFSETS, "AddOffsetsToTxn", "TxnOffsetCommit"),
        offsets_in_a_transaction,
    ),
    Case("kafka-python/topics", (*ADMIN, "DeleteTopics"), topics),
    Case("kafka-python/default-partitions", ADMIN, default_partitions),
    Case("kafka-python/more-partitions", (*ADMIN, "CreatePartitions"), more_partitions),
    Case("kafka-python/describe-cluster", ADMIN, describe_cluster),
    Case("kafka-python/describe-configs", (*ADMIN, "DescribeConfigs"), describe_configs),
    Case("kafka-python/configs", (*ADMIN, "DescribeConfigs", "IncrementalAlterConfigs"), configs),
    Case("kafka-python/delete-records", (*CONSUME, "DeleteRecords"), delete_records),
    Case("kafka-python/list-offsets", CONSUME, list_offsets),
    Case("kafka-python/groups", (*GROUP, "ListGroups", "DescribeGroups", "DeleteGroups", "OffsetDelete"), groups),
    Case("kafka-python/log-dirs", (*PRODUCE, "DescribeLogDirs"), log_dirs),
    Case("kafka-python/elect-leaders", (*ADMIN, "ElectLeaders"), elect_leaders),
    Case("kafka-python/reassignments", (*ADMIN, "ListPartitionReassignments"), reassignments),
    Case("kafka-python/topic-partitions", (*ADMIN, "DescribeTopicPartitions"), topic_partitions),
    Case("kafka-python/acls-are-disabled", (*ADMIN, "DescribeAcls"), acls_are_disabled),
    Case(
        "kafka-python/scram-users", (*ADMIN, "AlterUserScramCredentials", "DescribeUserScramCredentials"), scram_users
    ),
    Case("kafka-python/features", ADMIN, features),
    Case(
        "kafka-python/list-transactions",
        (*TRANSACTION, "ListTransactions", "DescribeTransactions", "DescribeProducers"),
        list_transactions,
    ),
]
