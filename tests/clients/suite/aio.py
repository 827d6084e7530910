"""aiokafka: an asynchronous client in Python, with old versions of the protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition, errors
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from .case import KEEP, PATIENCE_S, Case, Cluster, expect

ADMIN = ("ApiVersions", "Metadata", "CreateTopics")
PRODUCE = (*ADMIN, "Produce")
CONSUME = (*PRODUCE, "Fetch", "ListOffsets")
OFFSETS = ("FindCoordinator", "OffsetCommit", "OffsetFetch")
GROUP = (*CONSUME, *OFFSETS, "JoinGroup", "SyncGroup", "Heartbeat", "LeaveGroup")
TRANSACTION = (*CONSUME, "InitProducerId", "FindCoordinator", "AddPartitionsToTxn", "EndTxn")

LOOK_S = 0.1

Run = Callable[[Cluster], Coroutine[None, None, None]]


@asynccontextmanager
async def _admin(cluster: Cluster) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=cluster.bootstrap)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


@asynccontextmanager
async def _producer(cluster: Cluster, **settings: object) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=cluster.bootstrap, **settings)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


@asynccontextmanager
async def _consumer(cluster: Cluster, *topics: str, **settings: object) -> AsyncIterator[AIOKafkaConsumer]:
    defaults = {"bootstrap_servers": cluster.bootstrap, "auto_offset_reset": "earliest", "enable_auto_commit": False}
    consumer = AIOKafkaConsumer(*topics, **{**defaults, **settings})
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def _topic(cluster: Cluster, partitions: int = 1, **configs: str) -> str:
    name = cluster.name("topic")
    async with _admin(cluster) as admin:
        created = await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=configs)])
        expect(created.topic_errors[0][1], 0, "the error code")
        await _until("the topic has leaders", lambda: _has_leaders(admin, name))
    return name


async def _has_leaders(admin: AIOKafkaAdminClient, name: str) -> bool:
    found = (await admin.describe_topics([name]))[0]
    return found["error_code"] == 0 and all(part["leader"] >= 0 for part in found["partitions"])


async def _until(what: str, holds: Callable[[], Awaitable[bool]]) -> None:
    async def look() -> None:
        while not await holds():
            await asyncio.sleep(LOOK_S)

    try:
        await asyncio.wait_for(look(), PATIENCE_S)
    except asyncio.TimeoutError:
        raise AssertionError(f"not within {PATIENCE_S:.0f} s: {what}") from None


async def _send(cluster: Cluster, topic: str, values: Iterable[str], partition: int = 0, **settings: object) -> None:
    async with _producer(cluster, **settings) as producer:
        for value in values:
            await producer.send(topic, value.encode(), partition=partition)
        await producer.flush()


async def _take(consumer: AIOKafkaConsumer, count: int) -> list[str]:
    async def take() -> list[str]:
        return [(await consumer.getone()).value.decode() for _ in range(count)]

    return await asyncio.wait_for(take(), PATIENCE_S)


async def _read(cluster: Cluster, topic: str, count: int, **settings: object) -> list[str]:
    """The first records of partition 0, and no more than these."""
    async with _consumer(cluster, **settings) as consumer:
        consumer.assign([TopicPartition(topic, 0)])
        values = await _take(consumer, count)
        expect(await consumer.getmany(timeout_ms=1000), {}, "what comes after the last record")
    return values


def codec(name: str | None) -> Run:
    async def run(cluster: Cluster) -> None:
        topic = await _topic(cluster)
        values = [f"{number} {'long and the same ' * 20}" for number in range(500)]
        await _send(cluster, topic, values, compression_type=name, linger_ms=20)
        expect(await _read(cluster, topic, 500), values)

    return run


def acks(level: int | str) -> Run:
    async def run(cluster: Cluster) -> None:
        topic = await _topic(cluster)
        await _send(cluster, topic, "abc", acks=level)
        expect(await _read(cluster, topic, 3), list("abc"))

    return run


async def idempotence(cluster: Cluster) -> None:
    topic = await _topic(cluster)
    values = [str(number) for number in range(1000)]
    await _send(cluster, topic, values, enable_idempotence=True, max_batch_size=200)
    expect(await _read(cluster, topic, 1000), values)


async def records(cluster: Cluster) -> None:
    topic = await _topic(cluster, **KEEP)
    headers = [("a", b"1"), ("a", b""), ("b", b"\x00\xff")]
    async with _producer(cluster) as producer:
        await producer.send_and_wait(topic, None, key=b"k", headers=headers, timestamp_ms=1_000)
        await producer.send_and_wait(topic, b"", timestamp_ms=9_000)
    async with _consumer(cluster) as consumer:
        consumer.assign([TopicPartition(topic, 0)])
        first, second = [await asyncio.wait_for(consumer.getone(), PATIENCE_S) for _ in range(2)]
    expect((first.key, first.value, first.timestamp, list(first.headers)), (b"k", None, 1_000, headers))
    expect((second.key, second.value, second.timestamp), (None, b"", 9_000))


async def seek_and_offsets(cluster: Cluster) -> None:
    topic = await _topic(cluster, **KEEP)
    here = TopicPartition(topic, 0)
    async with _producer(cluster) as producer:
        for number in range(10):
            await producer.send_and_wait(topic, str(number).encode(), timestamp_ms=1_000 * number)
    async with _consumer(cluster) as consumer:
        consumer.assign([here])
        expect(await consumer.beginning_offsets([here]), {here: 0})
        expect(await consumer.end_offsets([here]), {here: 10})
        expect((await consumer.offsets_for_times({here: 4_500}))[here].offset, 5)
        consumer.seek(here, 7)
        expect(await _take(consumer, 3), ["7", "8", "9"])
        expect(await consumer.position(here), 10)


async def commit_and_go_on(cluster: Cluster) -> None:
    topic, name = await _topic(cluster), cluster.name("group")
    here = TopicPartition(topic, 0)
    await _send(cluster, topic, "abcde")
    async with _consumer(cluster, group_id=name) as consumer:
        consumer.assign([here])
        await _take(consumer, 2)
        await consumer.commit({here: 2})
    async with _consumer(cluster, group_id=name) as consumer:
        consumer.assign([here])
        expect(await consumer.committed(here), 2)
        expect(await _take(consumer, 3), list("cde"))


async def group(cluster: Cluster) -> None:
    """Two members share four partitions; one leaves and the other gets all."""
    topic, name = await _topic(cluster, 4), cluster.name("group")
    async with _consumer(cluster, topic, group_id=name) as stays:
        async with _consumer(cluster, topic, group_id=name) as leaves:

            async def is_shared() -> bool:
                return [len(member.assignment()) for member in (stays, leaves)] == [2, 2]

            await _until("each member has two partitions", is_shared)
            for part in range(4):
                await _send(cluster, topic, ["first"], part)
            for member in (stays, leaves):
                expect(await _take(member, 2), ["first", "first"])
                await member.commit()
        for part in range(4):
            await _send(cluster, topic, ["second"], part)
        expect(await _take(stays, 4), ["second"] * 4)


async def transactions(cluster: Cluster) -> None:
    topic = await _topic(cluster)
    async with _producer(cluster, transactional_id=cluster.name("id")) as producer:
        for value, is_committed in (("a", True), ("b", False), ("c", True)):
            await producer.begin_transaction()
            await producer.send_and_wait(topic, value.encode())
            if is_committed:
                await producer.commit_transaction()
            else:
                await producer.abort_transaction()
    expect(await _read(cluster, topic, 2, isolation_level="read_committed"), ["a", "c"])
    expect(await _read(cluster, topic, 3, isolation_level="read_uncommitted"), list("abc"))


async def offsets_in_a_transaction(cluster: Cluster) -> None:
    topic, name = await _topic(cluster), cluster.name("group")
    here = TopicPartition(topic, 0)
    async with _producer(cluster, transactional_id=cluster.name("id")) as producer:
        for offset, is_committed in ((5, True), (9, False)):
            await producer.begin_transaction()
            await producer.send_offsets_to_transaction({here: offset}, name)
            if is_committed:
                await producer.commit_transaction()
            else:
                await producer.abort_transaction()
    async with _consumer(cluster, group_id=name) as consumer:
        consumer.assign([here])
        expect(await consumer.committed(here), 5)


async def a_second_producer_fences_the_first(cluster: Cluster) -> None:
    topic, name = await _topic(cluster), cluster.name("id")
    async with _producer(cluster, transactional_id=name) as first:
        await first.begin_transaction()
        await first.send_and_wait(topic, b"lost")
        async with _producer(cluster, transactional_id=name) as second:
            await second.begin_transaction()
            await second.send_and_wait(topic, b"kept")
            await second.commit_transaction()
        try:
            await first.commit_transaction()
        except errors.ProducerFenced:
            pass
        else:
            raise AssertionError("the first producer is not fenced")
    expect(await _read(cluster, topic, 1, isolation_level="read_committed"), ["kept"])


async def topics(cluster: Cluster) -> None:
    name = await _topic(cluster, 3)
    async with _admin(cluster) as admin:
        assert name in await admin.list_topics()
        again = await admin.create_topics([NewTopic(name, 1, 1)])
        expect(again.topic_errors[0][1], errors.TopicAlreadyExistsError.errno, "the error code")
        await admin.create_partitions({name: NewPartitions(5)})

        async def has_grown() -> bool:
            return len((await admin.describe_topics([name]))[0]["partitions"]) == 5

        await _until("the topic has five partitions", has_grown)
        await admin.delete_topics([name])

        async def is_gone() -> bool:
            return name not in await admin.list_topics()

        await _until("the topic is gone", is_gone)


async def describe_cluster(cluster: Cluster) -> None:
    async with _admin(cluster) as admin:
        found = await admin.describe_cluster()
    assert cluster.bootstrap in [f"{broker['host']}:{broker['port']}" for broker in found["brokers"]], found


async def describe_configs(cluster: Cluster) -> None:
    name = await _topic(cluster)
    async with _admin(cluster) as admin:
        found = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
    assert "retention.ms" in str(found[0].to_object()), found


async def delete_records(cluster: Cluster) -> None:
    topic = await _topic(cluster)
    await _send(cluster, topic, "abcde")
    async with _admin(cluster) as admin:
        here = TopicPartition(topic, 0)
        expect(await admin.delete_records({here: RecordsToDelete(before_offset=3)}), {here: 3})
    expect(await _read(cluster, topic, 2), ["d", "e"])


async def groups(cluster: Cluster) -> None:
    topic, name = await _topic(cluster), cluster.name("group")
    await _send(cluster, topic, "abc")
    async with _consumer(cluster, topic, group_id=name) as consumer, _admin(cluster) as admin:
        await _take(consumer, 3)
        await consumer.commit()
        assert name in [group[0] for group in await admin.list_consumer_groups()]
        found = (await admin.describe_consumer_groups([name]))[0].to_object()["groups"][0]
        expect((found["state"], len(found["members"])), ("Stable", 1))
        offsets = await admin.list_consumer_group_offsets(name)
        expect(offsets[TopicPartition(topic, 0)].offset, 3)


def _case(name: str, needs: tuple[str, ...], run: Run) -> Case:
    return Case(f"aiokafka/{name}", needs, lambda cluster: asyncio.run(run(cluster)))


CASES = [
    *(_case(f"codec-{name or 'none'}", CONSUME, codec(name)) for name in (None, "gzip", "snappy", "lz4", "zstd")),
    *(_case(f"acks-{level}", CONSUME, acks(level)) for level in (0, 1, "all")),
    _case("idempotence", (*CONSUME, "InitProducerId"), idempotence),
    _case("records", CONSUME, records),
    _case("seek-and-offsets", CONSUME, seek_and_offsets),
    _case("commit-and-go-on", (*CONSUME, *OFFSETS), commit_and_go_on),
    _case("group", GROUP, group),
    _case("transactions", TRANSACTION, transactions),
    _case(
        "offsets-in-a-transaction",
        (*TRANSACTION, *OFFSETS, "AddOffsetsToTxn", "TxnOffsetCommit"),
        offsets_in_a_transaction,
    ),
    _case("a-second-producer-fences-the-first", TRANSACTION, a_second_producer_fences_the_first),
    _case("topics", (*ADMIN, "DeleteTopics", "CreatePartitions"), topics),
    _case("describe-cluster", ADMIN, describe_cluster),
    _case("describe-configs", (*ADMIN, "DescribeConfigs"), describe_configs),
    _case("delete-records", (*CONSUME, "DeleteRecords"), delete_records),
    _case("groups", (*GROUP, "ListGroups", "DescribeGroups"), groups),
]
