"""confluent-kafka: the newest librdkafka, with its admin client, transactions and the consumer protocol of KIP-848."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import cache, partial

from confluent_kafka import (
    OFFSET_BEGINNING,
    TIMESTAMP_CREATE_TIME,
    Consumer,
    ConsumerGroupTopicPartitions,
    ElectionType,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from .case import KEEP, Case, Cluster, expect, until

PRODUCE = ("ApiVersions", "Metadata", "Produce", "CreateTopics")
CONSUME = (*PRODUCE, "Fetch", "ListOffsets")
OFFSETS = ("FindCoordinator", "OffsetCommit", "OffsetFetch")
GROUP = (*CONSUME, *OFFSETS, "JoinGroup", "SyncGroup", "Heartbeat", "LeaveGroup")
NEW_GROUP = (*CONSUME, *OFFSETS, "ConsumerGroupHeartbeat")
TRANSACTION = (*CONSUME, "InitProducerId", "FindCoordinator", "AddPartitionsToTxn", "EndTxn")

WAIT_S = 20.0


@cache
def _admin(cluster: Cluster) -> AdminClient:
    """One for the process: a call ends with the client that nobody holds."""
    return AdminClient({"bootstrap.servers": cluster.bootstrap})


def _topic(cluster: Cluster, partitions: int = 1, **configs: str) -> str:
    name = cluster.name("topic")
    topic = NewTopic(name, partitions, 1, config={key.replace("_", "."): value for key, value in configs.items()})
    _admin(cluster).create_topics([topic])[name].result(WAIT_S)
    for _ in until("the new topic has leaders"):
        found = _admin(cluster).list_topics(name, WAIT_S).topics[name]
        if len(found.partitions) == partitions and all(part.leader >= 0 for part in found.partitions.values()):
            break
    return name


def _producer(cluster: Cluster, **settings: object) -> Producer:
    return Producer({"bootstrap.servers": cluster.bootstrap, **_dotted(settings)})


def _consumer(cluster: Cluster, **settings: object) -> Consumer:
    defaults = {"bootstrap.servers": cluster.bootstrap, "group.id": "unused", "auto.offset.reset": "earliest"}
    return Consumer({**defaults, "enable.auto.commit": False, **_dotted(settings)})


def _dotted(settings: dict[str, object]) -> dict[str, object]:
    return {key.replace("_", "."): value for key, value in settings.items()}


def _send(
    producer: Producer, topic: str, values: Iterable[str], partition: int = 0, **options: object
) -> list[Message]:
    """Sends and waits; fails when one record is refused."""
    reports: list[tuple[KafkaError | None, Message]] = []
    for value in values:
        producer.produce(
            topic, value, partition=partition, on_delivery=lambda *report: reports.append(report), **options
        )
    expect(producer.flush(WAIT_S), 0, "what is not sent")
    for error, _ in reports:
        assert error is None, error
    return [message for _, message in reports]


def _take(consumer: Consumer, count: int) -> list[Message]:
    messages: list[Message] = []
    for _ in until(f"{count} records come"):
        messages += consumer.consume(count - len(messages), 1)
        for message in messages:
            assert message.error() is None, message.error()
        if len(messages) == count:
            break
    return messages


def _values(messages: Iterable[Message]) -> list[str]:
    return [(message.value() or b"").decode() for message in messages]


def _read(cluster: Cluster, topic: str, count: int, partition: int = 0, **settings: object) -> list[Message]:
    """The first records of a partition, and no more than these."""
    consumer = _consumer(cluster, **settings)
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING)])
    messages = _take(consumer, count)
    extra = consumer.poll(1)
    assert extra is None, f"another record: {extra.value()!r}"
    consumer.close()
    return messages


def _refused(code: int, action: Callable[[], object]) -> None:
    try:
        done = action()
    except KafkaException as error:
        expect(error.args[0].code(), code, f"the code of `{error}`")
    else:
        raise AssertionError(f"is not refused: {done}")


def metadata(cluster: Cluster) -> None:
    name = _topic(cluster, 3)
    found = _admin(cluster).list_topics(timeout=WAIT_S)
    assert found.controller_id in found.brokers, found.brokers
    expect(sorted(found.topics[name].partitions), [0, 1, 2])
    expect({partition.leader in found.brokers for partition in found.topics[name].partitions.values()}, {True})


def codec(name: str, cluster: Cluster) -> None:
    topic = _topic(cluster)
    values = [f"{number} {'long and the same ' * 20}" for number in range(500)]
    _send(_producer(cluster, compression_type=name, linger_ms=50), topic, values)
    expect(_values(_read(cluster, topic, 500)), values)


def topic_codec(cluster: Cluster) -> None:
    """The topic compresses, the producer does not."""
    topic = _topic(cluster, compression_type="zstd")
    values = [str(number) for number in range(100)]
    _send(_producer(cluster), topic, values)
    expect(_values(_read(cluster, topic, 100)), values)


def headers_and_nulls(cluster: Cluster) -> None:
    topic = _topic(cluster)
    headers = [("a", b"1"), ("b", None), ("a", b""), ("ü", b"\x00\xff")]
    producer = _producer(cluster)
    producer.produce(topic, None, key=b"k", headers=headers)
    producer.produce(topic, b"", key=None)
    producer.produce(topic, b"v", key=b"")
    producer.flush(WAIT_S)
    messages = _read(cluster, topic, 3)
    expect([(message.key(), message.value()) for message in messages], [(b"k", None), (None, b""), (b"", b"v")])
    expect(messages[0].headers(), headers)


def timestamps(cluster: Cluster) -> None:
    topic = _topic(cluster, **KEEP)
    stamps = [1_000, 5_000, 3_000, 9_000, 1_600_000_000_000]
    producer = _producer(cluster)
    for stamp in stamps:
        _send(producer, topic, ["v"], timestamp=stamp)
    messages = _read(cluster, topic, 5)
    expect([message.timestamp() for message in messages], [(TIMESTAMP_CREATE_TIME, stamp) for stamp in stamps])
    consumer = _consumer(cluster)
    for time_ms, offset in ((0, 0), (1_000, 0), (1_001, 1), (5_001, 3), (9_001, 4), (1_600_000_000_001, -1)):
        found = consumer.offsets_for_times([TopicPartition(topic, 0, time_ms)], WAIT_S)
        expect(found[0].offset, offset, f"the offset of {time_ms} ms")


def log_append_time(cluster: Cluster) -> None:
    topic = _topic(cluster, message_timestamp_type="LogAppendTime")
    before = int(time.time() * 1000) - 1000
    _send(_producer(cluster), topic, ["v"], timestamp=1_000)
    kind, stamp = _read(cluster, topic, 1)[0].timestamp()
    assert kind != TIMESTAMP_CREATE_TIME and stamp >= before, (kind, stamp)


def watermarks(cluster: Cluster) -> None:
    topic = _topic(cluster, 2)
    _send(_producer(cluster), topic, "abc", partition=1)
    consumer = _consumer(cluster)
    expect(consumer.get_watermark_offsets(TopicPartition(topic, 0), WAIT_S), (0, 0), "of an empty partition")
    expect(consumer.get_watermark_offsets(TopicPartition(topic, 1), WAIT_S), (0, 3))


def seek_pause_resume(cluster: Cluster) -> None:
    topic = _topic(cluster)
    _send(_producer(cluster), topic, [str(number) for number in range(100)])
    consumer = _consumer(cluster)
    here = TopicPartition(topic, 0, 40)
    consumer.assign([here])
    expect(_values(_take(consumer, 2)), ["40", "41"])
    consumer.seek(TopicPartition(topic, 0, 90))
    expect(_values(_take(consumer, 1)), ["90"])
    consumer.pause([here])
    expect(consumer.poll(1), None, "what comes while paused")
    consumer.resume([here])
    expect(_values(_take(consumer, 2)), ["91", "92"])


def large_messages(cluster: Cluster) -> None:
    topic = _topic(cluster)
    sizes = [990_000, 5]
    _send(_producer(cluster), topic, ["x" * size for size in sizes])
    little = {"message_max_bytes": 1_000, "fetch_max_bytes": 2_000, "max_partition_fetch_bytes": 1_000}
    expect([len(value) for value in _values(_read(cluster, topic, 2, **little))], sizes, "the lengths")


def too_large_is_refused(cluster: Cluster) -> None:
    topic = _topic(cluster, max_message_bytes="2000")
    reports: list[KafkaError | None] = []
    producer = _producer(cluster)
    for size in (3_000, 100):
        producer.produce(topic, "x" * size, on_delivery=lambda error, _: reports.append(error))
        producer.flush(WAIT_S)
    assert reports[0] is not None, "3000 bytes are taken"
    expect(reports[0].code(), KafkaError.MSG_SIZE_TOO_LARGE)
    expect(reports[1], None, "the error of what fits")


def acks(level: str, cluster: Cluster) -> None:
    topic = _topic(cluster)
    _send(_producer(cluster, acks=level), topic, "abc")
    expect(_values(_read(cluster, topic, 3)), list("abc"))


def idempotence(cluster: Cluster) -> None:
    topic = _topic(cluster, 3)
    producer = _producer(cluster, enable_idempotence=True, batch_num_messages=10)
    for part in range(3):
        messages = _send(producer, topic, [str(number) for number in range(1000)], partition=part)
        expect([message.offset() for message in messages], list(range(1000)), "the offsets")


def keyless_on_compacted_is_refused(cluster: Cluster) -> None:
    topic = _topic(cluster, cleanup_policy="compact")
    reports: list[KafkaError | None] = []
    producer = _producer(cluster)
    producer.produce(topic, "v", on_delivery=lambda error, _: reports.append(error))
    producer.flush(WAIT_S)
    assert reports[0] is not None, "a record without a key is taken"
    expect(reports[0].code(), KafkaError.INVALID_RECORD)
    _send(producer, topic, ["v"], key="k")


def commit_and_go_on(cluster: Cluster) -> None:
    """Offsets without membership: assigned by hand, committed, read again, with metadata."""
    topic, group = _topic(cluster), cluster.name("group")
    _send(_producer(cluster), topic, "abcde")
    consumer = _consumer(cluster, group_id=group)
    consumer.assign([TopicPartition(topic, 0)])
    _take(consumer, 2)
    committed = TopicPartition(topic, 0, 2, metadata="two are done")
    consumer.commit(offsets=[committed], asynchronous=False)
    consumer.close()
    consumer = _consumer(cluster, group_id=group)
    found = consumer.committed([TopicPartition(topic, 0)], WAIT_S)[0]
    expect((found.offset, found.metadata), (2, "two are done"))
    consumer.assign([TopicPartition(topic, 0)])
    expect(_values(_take(consumer, 3)), list("cde"))
    other = _consumer(cluster, group_id=cluster.name("other")).committed([TopicPartition(topic, 0)], WAIT_S)[0]
    assert other.offset < 0, other


def _members(cluster: Cluster, pattern: str, group: str, settings: dict[str, object]) -> list[Consumer]:
    members = [_consumer(cluster, group_id=group, **settings) for _ in range(2)]
    for member in members:
        member.subscribe([pattern])
    return members


def group(settings: dict[str, object], cluster: Cluster) -> None:
    """Two members share four partitions; one leaves and the other gets all, from the committed offsets on."""
    topic, name = _topic(cluster, 4), cluster.name("group")
    members = _members(cluster, topic, name, settings)
    for _ in until("each member has two partitions"):
        for member in members:
            expect(member.poll(0.1), None, "what comes from an empty topic")
        if [len(member.assignment()) for member in members] == [2, 2]:
            break
    producer = _producer(cluster)
    for part in range(4):
        _send(producer, topic, ["first"], partition=part)
    for member in members:
        expect(_values(_take(member, 2)), ["first", "first"])
        member.commit(asynchronous=False)
    members.pop().close()
    for part in range(4):
        _send(producer, topic, ["second"], partition=part)
    expect(_values(_take(members[0], 4)), ["second"] * 4)
    members[0].close()


def regex(settings: dict[str, object], cluster: Cluster) -> None:
    """A subscription by pattern finds topics that are created later."""
    word = cluster.name("regex").replace("-", "x")
    admin = _admin(cluster)
    admin.create_topics([NewTopic(f"{word}-1", 1, 1)])[f"{word}-1"].result(WAIT_S)
    consumer = _consumer(cluster, group_id=cluster.name("group"), topic_metadata_refresh_interval_ms=1000, **settings)
    consumer.subscribe([f"^{word}-.*"])
    for _ in until("the first topic is assigned"):
        consumer.poll(0.1)
        if len(consumer.assignment()) == 1:
            break
    admin.create_topics([NewTopic(f"{word}-2", 1, 1)])[f"{word}-2"].result(WAIT_S)
    for _ in until("the second topic is assigned"):
        consumer.poll(0.1)
        if len(consumer.assignment()) == 2:
            break
    consumer.close()


def transactions(cluster: Cluster) -> None:
    """Committed records are seen, aborted ones are not, in their order and by either level of isolation."""
    topic = _topic(cluster)
    producer = _producer(cluster, transactional_id=cluster.name("id"))
    producer.init_transactions(WAIT_S)
    for value, is_committed in (("a", True), ("b", False), ("c", True), ("d", False)):
        producer.begin_transaction()
        _send(producer, topic, [value])
        if is_committed:
            producer.commit_transaction(WAIT_S)
        else:
            producer.abort_transaction(WAIT_S)
    expect(_values(_read(cluster, topic, 2, isolation_level="read_committed")), ["a", "c"])
    expect(_values(_read(cluster, topic, 4, isolation_level="read_uncommitted")), list("abcd"))


def open_transaction_hides_what_follows(cluster: Cluster) -> None:
    topic = _topic(cluster)
    producer = _producer(cluster, transactional_id=cluster.name("id"))
    producer.init_transactions(WAIT_S)
    producer.begin_transaction()
    _send(producer, topic, ["in"])
    _send(_producer(cluster), topic, ["after"])
    consumer = _consumer(cluster, isolation_level="read_committed")
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    expect(consumer.poll(2), None, "what is seen while the transaction is open")
    producer.commit_transaction(WAIT_S)
    expect(_values(_take(consumer, 2)), ["in", "after"])


def read_process_write(cluster: Cluster) -> None:
    """Offsets travel in the transaction: an abort takes them back."""
    source, sink, name = _topic(cluster), _topic(cluster), cluster.name("group")
    _send(_producer(cluster), source, "ab")
    consumer = _consumer(cluster, group_id=name)
    consumer.subscribe([source])
    producer = _producer(cluster, transactional_id=cluster.name("id"))
    producer.init_transactions(WAIT_S)
    for is_committed in (False, True):
        message = _take(consumer, 1)[0]
        expect(message.value(), b"a")
        producer.begin_transaction()
        _send(producer, sink, [_values([message])[0].upper()])
        offsets = [TopicPartition(source, 0, message.offset() + 1)]
        producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata(), WAIT_S)
        if is_committed:
            producer.commit_transaction(WAIT_S)
        else:
            producer.abort_transaction(WAIT_S)
            consumer.seek(TopicPartition(source, 0, message.offset()))
    expect(consumer.committed([TopicPartition(source, 0)], WAIT_S)[0].offset, 1)
    expect(_values(_read(cluster, sink, 1, isolation_level="read_committed")), ["A"])
    consumer.close()


def a_second_producer_fences_the_first(cluster: Cluster) -> None:
    topic, name = _topic(cluster), cluster.name("id")
    first, second = (_producer(cluster, transactional_id=name) for _ in range(2))
    first.init_transactions(WAIT_S)
    first.begin_transaction()
    _send(first, topic, ["lost"])
    second.init_transactions(WAIT_S)
    second.begin_transaction()
    _send(second, topic, ["kept"])
    second.commit_transaction(WAIT_S)
    _refused(KafkaError._FENCED, lambda: first.commit_transaction(WAIT_S))
    expect(_values(_read(cluster, topic, 1, isolation_level="read_committed")), ["kept"])


def a_transaction_times_out(cluster: Cluster) -> None:
    topic = _topic(cluster)
    producer = _producer(cluster, transactional_id=cluster.name("id"), transaction_timeout_ms=1000)
    producer.init_transactions(WAIT_S)
    producer.begin_transaction()
    _send(producer, topic, ["late"])
    _send(_producer(cluster), topic, ["after"])
    consumer = _consumer(cluster, isolation_level="read_committed")
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    expect(_values(_take(consumer, 1)), ["after"], "what is seen when the broker has aborted the transaction")
    try:
        producer.commit_transaction(WAIT_S)
    except KafkaException as error:
        assert error.args[0].fatal() or error.args[0].txn_requires_abort(), error
    else:
        raise AssertionError("a transaction that timed out is committed")


def topics(cluster: Cluster) -> None:
    """Created, seen, refused when it exists, deleted, gone, and created again at once as an empty topic."""
    admin, name = _admin(cluster), _topic(cluster, 2)
    _send(_producer(cluster), name, "abc")
    create = lambda: admin.create_topics([NewTopic(name, 2, 1)])[name].result(WAIT_S)  # noqa: E731
    _refused(KafkaError.TOPIC_ALREADY_EXISTS, create)
    admin.delete_topics([name])[name].result(WAIT_S)
    for _ in until("the topic is gone"):
        if name not in admin.list_topics(timeout=WAIT_S).topics:
            break
    _refused(KafkaError.UNKNOWN_TOPIC_OR_PART, lambda: admin.delete_topics([name])[name].result(WAIT_S))
    create()
    for _ in until("the new topic has a leader"):
        try:
            expect(_consumer(cluster).get_watermark_offsets(TopicPartition(name, 0), WAIT_S), (0, 0))
            break
        except KafkaException:
            continue


def bad_topics_are_refused(cluster: Cluster) -> None:
    admin = _admin(cluster)
    for topic, code in (
        (NewTopic("a/b", 1, 1), KafkaError.TOPIC_EXCEPTION),
        (NewTopic("..", 1, 1), KafkaError.TOPIC_EXCEPTION),
        (NewTopic("x" * 250, 1, 1), KafkaError.TOPIC_EXCEPTION),
        (NewTopic(cluster.name("none"), 0, 1), KafkaError.INVALID_PARTITIONS),
        (NewTopic(cluster.name("replicas"), 1, 0), KafkaError.INVALID_REPLICATION_FACTOR),
        (NewTopic(cluster.name("config"), 1, 1, config={"no.such.config": "1"}), KafkaError.INVALID_CONFIG),
        (NewTopic(cluster.name("config"), 1, 1, config={"retention.ms": "soon"}), KafkaError.INVALID_CONFIG),
        (NewTopic(cluster.name("config"), 1, 1, config={"cleanup.policy": "burn"}), KafkaError.INVALID_CONFIG),
    ):
        _refused(code, lambda topic=topic: admin.create_topics([topic])[topic.topic].result(WAIT_S))


def validate_only_creates_nothing(cluster: Cluster) -> None:
    admin, name = _admin(cluster), cluster.name("imagined")
    admin.create_topics([NewTopic(name, 1, 1)], validate_only=True)[name].result(WAIT_S)
    assert name not in admin.list_topics(timeout=WAIT_S).topics, "the topic exists"


def more_partitions(cluster: Cluster) -> None:
    admin, name = _admin(cluster), _topic(cluster)
    admin.create_partitions([NewPartitions(name, 3)])[name].result(WAIT_S)
    for _ in until("the topic has three partitions"):
        if len(admin.list_topics(name, WAIT_S).topics[name].partitions) == 3:
            break
    _refused(
        KafkaError.INVALID_PARTITIONS, lambda: admin.create_partitions([NewPartitions(name, 2)])[name].result(WAIT_S)
    )
    _send(_producer(cluster), name, ["v"], partition=2)


def describe_topics(cluster: Cluster) -> None:
    admin, name = _admin(cluster), _topic(cluster, 2)
    found = admin.describe_topics(TopicCollection([name]))[name].result(WAIT_S)
    expect((found.name, len(found.partitions), found.is_internal), (name, 2, False))
    unknown = cluster.name("unknown")
    describe = lambda: admin.describe_topics(TopicCollection([unknown]))[unknown].result(WAIT_S)  # noqa: E731
    _refused(KafkaError.UNKNOWN_TOPIC_OR_PART, describe)


def describe_cluster(cluster: Cluster) -> None:
    found = _admin(cluster).describe_cluster().result(WAIT_S)
    assert found.cluster_id and found.controller.id in [node.id for node in found.nodes], found
    assert cluster.bootstrap in [f"{node.host}:{node.port}" for node in found.nodes], found.nodes


def _topic_configs(admin: AdminClient, name: str) -> dict[str, ConfigEntry]:
    resource = ConfigResource(ConfigResource.Type.TOPIC, name)
    found: dict[str, ConfigEntry] = admin.describe_configs([resource])[resource].result(WAIT_S)
    return found


def describe_configs(cluster: Cluster) -> None:
    admin, name = _admin(cluster), _topic(cluster, retention_ms="12345")
    found = _topic_configs(admin, name)
    expect((found["retention.ms"].value, found["retention.ms"].is_default), ("12345", False))
    expect((found["cleanup.policy"].value, found["cleanup.policy"].is_default), ("delete", True))
    broker = ConfigResource(ConfigResource.Type.BROKER, str(admin.list_topics(timeout=WAIT_S).controller_id))
    settings = admin.describe_configs([broker])[broker].result(WAIT_S)
    assert "num.partitions" in settings and "log.retention.ms" in settings, sorted(settings)
    missing = ConfigResource(ConfigResource.Type.TOPIC, cluster.name("unknown"))
    _refused(KafkaError.UNKNOWN_TOPIC_OR_PART, lambda: admin.describe_configs([missing])[missing].result(WAIT_S))


def incremental_configs(cluster: Cluster) -> None:
    admin, name = _admin(cluster), _topic(cluster, retention_ms="12345")

    def alter(config: str, value: str | None, operation: AlterConfigOpType) -> None:
        entry = ConfigEntry(config, value, incremental_operation=operation)
        resource = ConfigResource(ConfigResource.Type.TOPIC, name, incremental_configs=[entry])
        admin.incremental_alter_configs([resource])[resource].result(WAIT_S)

    alter("segment.ms", "60000", AlterConfigOpType.SET)
    alter("cleanup.policy", "compact", AlterConfigOpType.APPEND)
    alter("retention.ms", None, AlterConfigOpType.DELETE)
    for _ in until("the configs have changed"):
        found = _topic_configs(admin, name)
        values = [found[config].value for config in ("segment.ms", "cleanup.policy", "retention.ms")]
        if values == ["60000", "delete,compact", "604800000"]:
            break
    _refused(KafkaError.INVALID_CONFIG, lambda: alter("segment.ms", "soon", AlterConfigOpType.SET))


def alter_configs_replaces_all(cluster: Cluster) -> None:
    admin, name = _admin(cluster), _topic(cluster, retention_ms="12345")
    resource = ConfigResource(ConfigResource.Type.TOPIC, name, set_config={"segment.ms": "60000"})
    admin.alter_configs([resource])[resource].result(WAIT_S)
    for _ in until("the configs have changed"):
        found = _topic_configs(admin, name)
        if (found["segment.ms"].value, found["retention.ms"].value) == ("60000", "604800000"):
            break


def list_offsets(cluster: Cluster) -> None:
    admin, topic = _admin(cluster), _topic(cluster, **KEEP)
    producer = _producer(cluster)
    for stamp in (1_000, 9_000, 3_000):
        _send(producer, topic, ["v"], timestamp=stamp)
    here = TopicPartition(topic, 0)
    for spec, offset in (
        (OffsetSpec.earliest(), 0),
        (OffsetSpec.latest(), 3),
        (OffsetSpec.max_timestamp(), 1),
        (OffsetSpec.for_timestamp(2_000), 1),
        (OffsetSpec.for_timestamp(9_001), -1),
    ):
        found = admin.list_offsets({here: spec}, isolation_level=IsolationLevel.READ_COMMITTED)[here].result(WAIT_S)
        expect(found.offset, offset, f"the offset of {spec}")


def delete_records(cluster: Cluster) -> None:
    admin, topic = _admin(cluster), _topic(cluster)
    _send(_producer(cluster), topic, "abcde")
    here = TopicPartition(topic, 0, 3)
    expect(admin.delete_records([here])[here].result(WAIT_S).low_watermark, 3)
    expect(_consumer(cluster).get_watermark_offsets(here, WAIT_S), (3, 5))
    expect(_values(_read(cluster, topic, 2)), ["d", "e"])
    beyond = TopicPartition(topic, 0, 9)
    _refused(KafkaError.OFFSET_OUT_OF_RANGE, lambda: admin.delete_records([beyond])[beyond].result(WAIT_S))


def groups(cluster: Cluster) -> None:
    """A group is listed, described with its member, not deleted while in use, and deleted when empty."""
    admin, topic, name = _admin(cluster), _topic(cluster), cluster.name("group")
    consumer = _consumer(cluster, group_id=name, client_id="one")
    consumer.subscribe([topic])
    for _ in until("the partition is assigned"):
        consumer.poll(0.1)
        if consumer.assignment():
            break
    listed = admin.list_consumer_groups().result(WAIT_S).valid
    assert name in [group.group_id for group in listed], listed
    found = admin.describe_consumer_groups([name])[name].result(WAIT_S)
    expect([member.client_id for member in found.members], ["one"])
    expect([part.topic for part in found.members[0].assignment.topic_partitions], [topic])
    _refused(KafkaError.NON_EMPTY_GROUP, lambda: admin.delete_consumer_groups([name])[name].result(WAIT_S))
    consumer.close()
    admin.delete_consumer_groups([name])[name].result(WAIT_S)
    _refused(KafkaError.GROUP_ID_NOT_FOUND, lambda: admin.delete_consumer_groups([name])[name].result(WAIT_S))


def group_offsets(cluster: Cluster) -> None:
    admin, topic, name = _admin(cluster), _topic(cluster), cluster.name("group")
    _send(_producer(cluster), topic, "abc")
    wanted = ConsumerGroupTopicPartitions(name, [TopicPartition(topic, 0, 2)])
    altered = admin.alter_consumer_group_offsets([wanted])[name].result(WAIT_S)
    expect(altered.topic_partitions[0].error, None)
    found = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(name)])[name].result(WAIT_S)
    expect([(part.topic, part.offset) for part in found.topic_partitions], [(topic, 2)])


def elect_leaders(cluster: Cluster) -> None:
    here = TopicPartition(_topic(cluster), 0)
    found = _admin(cluster).elect_leaders(ElectionType.PREFERRED, [here]).result(WAIT_S)
    expect(found[here].code(), KafkaError.ELECTION_NOT_NEEDED)


def acls_are_disabled(cluster: Cluster) -> None:
    everybody = ("User:*", "*", AclOperation.READ, AclPermissionType.ALLOW)
    acl = AclBinding(ResourceType.TOPIC, "t", ResourcePatternType.LITERAL, *everybody)
    _refused(KafkaError.SECURITY_DISABLED, lambda: _admin(cluster).create_acls([acl])[acl].result(WAIT_S))


def scram_users(cluster: Cluster) -> None:
    admin, user = _admin(cluster), cluster.name("user")
    upsertion = UserScramCredentialUpsertion(user, ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096), b"secret")
    admin.alter_user_scram_credentials([upsertion])[user].result(WAIT_S)
    for _ in until("the user is described"):
        found = admin.describe_user_scram_credentials().result(WAIT_S)
        if user in found:
            break
    infos = [(info.mechanism, info.iterations) for info in found[user].scram_credential_infos]
    expect(infos, [(ScramMechanism.SCRAM_SHA_256, 4096)])


CLASSIC: dict[str, object] = {"group.protocol": "classic"}
COOPERATIVE: dict[str, object] = {"partition.assignment.strategy": "cooperative-sticky"}
CONSUMER: dict[str, object] = {"group.protocol": "consumer"}

CASES = [
    Case("confluent/metadata", PRODUCE, metadata),
    *(
        Case(f"confluent/codec-{name}", CONSUME, partial(codec, name))
        for name in ("none", "gzip", "snappy", "lz4", "zstd")
    ),
    Case("confluent/topic-codec", CONSUME, topic_codec),
    Case("confluent/headers-and-nulls", CONSUME, headers_and_nulls),
    Case("confluent/timestamps", CONSUME, timestamps),
    Case("confluent/log-append-time", CONSUME, log_append_time),
    Case("confluent/watermarks", CONSUME, watermarks),
    Case("confluent/seek-pause-resume", CONSUME, seek_pause_resume),
    Case("confluent/large-messages", CONSUME, large_messages),
    Case("confluent/too-large-is-refused", PRODUCE, too_large_is_refused),
    *(Case(f"confluent/acks-{level}", CONSUME, partial(acks, level)) for level in ("0", "1", "all")),
    Case("confluent/idempotence", (*PRODUCE, "InitProducerId"), idempotence),
    Case("confluent/keyless-on-compacted-is-refused", PRODUCE, keyless_on_compacted_is_refused),
    Case("confluent/commit-and-go-on", (*CONSUME, *OFFSETS), commit_and_go_on),
    Case("confluent/group-classic", GROUP, partial(group, CLASSIC)),
    Case("confluent/group-cooperative", GROUP, partial(group, COOPERATIVE)),
    Case("confluent/group-consumer", NEW_GROUP, partial(group, CONSUMER)),
    Case("confluent/regex-classic", GROUP, partial(regex, CLASSIC)),
    Case("confluent/regex-consumer", NEW_GROUP, partial(regex, CONSUMER)),
    Case("confluent/transactions", TRANSACTION, transactions),
    Case("confluent/open-transaction-hides-what-follows", TRANSACTION, open_transaction_hides_what_follows),
    Case(
        "confluent/read-process-write",
        (*GROUP, *TRANSACTION, "AddOffsetsToTxn", "TxnOffsetCommit"),
        read_process_write,
    ),
    Case("confluent/a-second-producer-fences-the-first", TRANSACTION, a_second_producer_fences_the_first),
    Case("confluent/a-transaction-times-out", TRANSACTION, a_transaction_times_out),
    Case("confluent/topics", (*CONSUME, "DeleteTopics"), topics),
    Case("confluent/bad-topics-are-refused", PRODUCE, bad_topics_are_refused),
    Case("confluent/validate-only-creates-nothing", PRODUCE, validate_only_creates_nothing),
    Case("confluent/more-partitions", (*PRODUCE, "CreatePartitions"), more_partitions),
    Case("confluent/describe-topics", PRODUCE, describe_topics),
    Case("confluent/describe-cluster", PRODUCE, describe_cluster),
    Case("confluent/describe-configs", (*PRODUCE, "DescribeConfigs"), describe_configs),
    Case(
        "confluent/incremental-configs", (*PRODUCE, "DescribeConfigs", "IncrementalAlterConfigs"), incremental_configs
    ),
    Case(
        "confluent/alter-configs-replaces-all",
        (*PRODUCE, "DescribeConfigs", "AlterConfigs"),
        alter_configs_replaces_all,
    ),
    Case("confluent/list-offsets", CONSUME, list_offsets),
    Case("confluent/delete-records", (*CONSUME, "DeleteRecords"), delete_records),
    Case("confluent/groups", (*GROUP, "ListGroups", "DescribeGroups", "DeleteGroups"), groups),
    Case("confluent/group-offsets", (*CONSUME, *OFFSETS), group_offsets),
    Case("confluent/elect-leaders", (*PRODUCE, "ElectLeaders"), elect_leaders),
    Case("confluent/acls-are-disabled", (*PRODUCE, "CreateAcls"), acls_are_disabled),
    Case(
        "confluent/scram-users",
        ("ApiVersions", "Metadata", "AlterUserScramCredentials", "DescribeUserScramCredentials"),
        scram_users,
    ),
]
