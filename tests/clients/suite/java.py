"""The Java clients: Kafka's own tools, Streams' word count and a Connect worker, in the newest versions of the protocol."""

from __future__ import annotations

import json
import os
import re
import socket
import struct
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from .case import KEEP, Case, Cluster, expect, until

TOOLS = "org.apache.kafka.tools"
GROUPS = f"{TOOLS}.consumer.group.ConsumerGroupCommand"
TOOL_S = 50.0
TIMEOUT_S = 240.0
# What a client that waits for something shows nothing of.
CALL_S = 20.0

ADMIN = ("ApiVersions", "Metadata", "CreateTopics")
PRODUCE = (*ADMIN, "Produce", "InitProducerId")
CONSUME = (*PRODUCE, "Fetch", "ListOffsets")
OFFSETS = ("FindCoordinator", "OffsetCommit", "OffsetFetch")
GROUP = (*CONSUME, *OFFSETS, "JoinGroup", "SyncGroup", "Heartbeat", "LeaveGroup")
NEW_GROUP = (*CONSUME, *OFFSETS, "ConsumerGroupHeartbeat")
TRANSACTION = (*CONSUME, "FindCoordinator", "AddPartitionsToTxn", "EndTxn")
OFFSET_TRANSACTION = (*TRANSACTION, *OFFSETS, "AddOffsetsToTxn", "TxnOffsetCommit")
STREAMING = (*CONSUME, *OFFSETS, "DescribeConfigs", "DeleteRecords")
STREAMS_GROUP = ("StreamsGroupHeartbeat",)


def _run(cluster: Cluster, tool: str, *arguments: str, text: str = "", fails: bool = False) -> str:
    """What a tool prints."""
    command = [*cluster.java, tool, *arguments]
    said = subprocess.run(
        command, input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=TOOL_S
    )
    assert (said.returncode != 0) == fails, f"{tool} ends with {said.returncode}: {said.stdout}"
    return said.stdout


def _tool(cluster: Cluster, tool: str, *arguments: str, text: str = "", fails: bool = False) -> str:
    """The same for a tool that takes the address by the usual flag."""
    return _run(cluster, tool, "--bootstrap-server", cluster.bootstrap, *arguments, text=text, fails=fails)


def _topic(cluster: Cluster, partitions: int = 1, **configs: str) -> str:
    """A topic, by a client that starts faster than Java."""
    name = cluster.name("topic")
    _create(cluster, name, partitions, **configs)
    return name


def _create(cluster: Cluster, name: str, partitions: int, **configs: str) -> None:
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap})
    admin.create_topics([NewTopic(name, partitions, 1, config=configs)])[name].result(CALL_S)
    for _ in until("the new topic has leaders"):
        found = admin.list_topics(name, CALL_S).topics[name].partitions
        if len(found) == partitions and all(part.leader >= 0 for part in found.values()):
            break


def _send(cluster: Cluster, topic: str, *values: str) -> None:
    producer = Producer({"bootstrap.servers": cluster.bootstrap})
    for value in values:
        producer.produce(topic, value, partition=0)
    expect(producer.flush(CALL_S), 0, "what is not sent")


def _says(said: str, *patterns: str) -> None:
    for pattern in patterns:
        assert re.search(pattern, said, re.MULTILINE), f"`{pattern}` is not in: {said}"


def api_versions(cluster: Cluster) -> None:
    _says(
        _tool(cluster, f"{TOOLS}.BrokerApiVersionsCommand"), r"Produce\(0\): .*usable: 13", r"Fetch\(1\): .*usable: 18"
    )


def topics(cluster: Cluster) -> None:
    name, command = cluster.name("orders"), f"{TOOLS}.TopicCommand"
    create = ("--create", "--topic", name, "--partitions", "2", "--config", "retention.ms=1000000")
    _says(_tool(cluster, command, *create), "Created topic")
    _says(_tool(cluster, command, *create, fails=True), "already exists")
    _says(_tool(cluster, command, "--list"), f"^{name}$")
    said = _tool(cluster, command, "--describe", "--topic", name)
    _says(said, "PartitionCount: 2", "retention.ms=1000000", r"Partition: 1\s+Leader: \d+\s+Replicas: \d+\s+Isr: \d+")
    _tool(cluster, command, "--alter", "--topic", name, "--partitions", "3")
    _says(_tool(cluster, command, "--describe", "--topic", name), "PartitionCount: 3")
    _tool(cluster, command, "--delete", "--topic", name)
    assert name not in _tool(cluster, command, "--list"), "the topic is still listed"


def produce_and_consume(cluster: Cluster) -> None:
    topic = _topic(cluster)
    keyed = ("--reader-property", "parse.key=true", "--reader-property", "key.separator=:")
    _tool(cluster, f"{TOOLS}.ConsoleProducer", "--topic", topic, *keyed, text="a:1\nb:2\nc:3\n")
    options = ("--topic", topic, "--partition", "0", "--offset", "1", "--max-messages", "2")
    fields = ("--formatter-property", "print.key=true", "--formatter-property", "print.offset=true")
    said = _tool(cluster, f"{TOOLS}.consumer.ConsoleConsumer", *options, *fields)
    _says(said, r"^Offset:1\tb\t2$", r"^Offset:2\tc\t3$")


def codec(name: str, cluster: Cluster) -> None:
    topic = _topic(cluster)
    values = [f"{number} {'long and the same ' * 20}" for number in range(200)]
    _tool(
        cluster,
        f"{TOOLS}.ConsoleProducer",
        "--topic",
        topic,
        "--compression-codec",
        name,
        text="\n".join(values) + "\n",
    )
    options = ("--topic", topic, "--partition", "0", "--offset", "earliest", "--max-messages", "200")
    found = _tool(cluster, f"{TOOLS}.consumer.ConsoleConsumer", *options).splitlines()
    expect([line for line in found if "long and" in line], values)


def _console_group(cluster: Cluster, topic: str, group: str, count: int, *options: str) -> str:
    arguments = ("--topic", topic, "--group", group, "--from-beginning", "--max-messages", str(count))
    return _tool(cluster, f"{TOOLS}.consumer.ConsoleConsumer", *arguments, *options)


def console_group(protocol: str, cluster: Cluster) -> None:
    """A group reads on where it was."""
    topic, name = _topic(cluster), cluster.name("group")
    setting = ("--command-property", f"group.protocol={protocol}")
    _send(cluster, topic, "one", "two")
    _says(_console_group(cluster, topic, name, 2, *setting), "^one$", "^two$")
    _send(cluster, topic, "three")
    said = _console_group(cluster, topic, name, 1, *setting)
    _says(said, "^three$")
    assert "one" not in said, said


def read_committed(cluster: Cluster) -> None:
    topic = _topic(cluster)
    _send(cluster, topic, "one")
    options = ("--topic", topic, "--partition", "0", "--offset", "earliest", "--max-messages", "1")
    _says(_tool(cluster, f"{TOOLS}.consumer.ConsoleConsumer", *options, "--isolation-level", "read_committed"), "^one$")


def groups(cluster: Cluster) -> None:
    """A group that is at rest: listed, described, reset, its offsets deleted, deleted."""
    topic, name = _topic(cluster), cluster.name("group")
    _send(cluster, topic, "one", "two", "three")
    _console_group(cluster, topic, name, 3)
    _says(_tool(cluster, GROUPS, "--list"), f"^{name}$")
    _says(_tool(cluster, f"{TOOLS}.GroupsCommand", "--list"), rf"^{name}\s+Classic\s+consumer")
    _says(_tool(cluster, GROUPS, "--describe", "--group", name), rf"{topic}\s+0\s+3\s+3\s+0\s")
    _says(_tool(cluster, GROUPS, "--describe", "--group", name, "--state"), rf"{name}\s.*Empty\s+0")
    reset = ("--reset-offsets", "--group", name, "--topic", topic, "--execute")
    _says(_tool(cluster, GROUPS, *reset, "--to-offset", "1"), rf"{name}\s+{topic}\s+0\s+1")
    _says(_tool(cluster, GROUPS, *reset, "--shift-by", "1"), rf"{name}\s+{topic}\s+0\s+2")
    _says(_tool(cluster, GROUPS, "--delete-offsets", "--group", name, "--topic", topic), "Successful")
    _says(_tool(cluster, GROUPS, "--delete", "--group", name), "success")


@contextmanager
def _background(cluster: Cluster, name: str, tool: str, *arguments: str) -> Iterator[None]:
    """Runs a program until the end of the block, then asks it to stop."""
    with open(name, "wb") as output:
        process = subprocess.Popen([*cluster.java, tool, *arguments], stdout=output, stderr=output)
    try:
        yield
        assert process.poll() is None, f"{tool} ended by itself: {_text(name)}"
    except BaseException:
        print(_text(name))
        raise
    finally:
        process.terminate()
        process.wait(TOOL_S)


def _text(name: str) -> str:
    with open(name, encoding="utf-8", errors="replace") as file:
        return file.read()


def group_members(cluster: Cluster) -> None:
    """A group at work: its member, its assignment, and that it is not deleted."""
    topic, name = _topic(cluster), cluster.name("group")
    arguments = ("--bootstrap-server", cluster.bootstrap, "--topic", topic, "--group-id", name)
    with _background(cluster, "member", f"{TOOLS}.VerifiableConsumer", *arguments, "--verbose"):
        for _ in until("the member has the partition"):
            if "partitions_assigned" in _text("member"):
                break
        said = _tool(cluster, GROUPS, "--describe", "--group", name, "--members", "--verbose")
        _says(said, rf"{topic}(\(0\)|:0)")
        _says(_tool(cluster, GROUPS, "--describe", "--group", name, "--state"), rf"{name}\s.*Stable\s+1")
        _says(_tool(cluster, GROUPS, "--delete", "--group", name), "GroupNotEmptyException")


def offsets(cluster: Cluster) -> None:
    topic = _topic(cluster, **KEEP)
    producer = Producer({"bootstrap.servers": cluster.bootstrap})
    for stamp in (1_000, 9_000, 5_000):
        producer.produce(topic, "v", partition=0, timestamp=stamp)
        expect(producer.flush(CALL_S), 0, "what is not sent")
    for time, offset in (("-1", 3), ("-2", 0), ("-3", 1), ("1001", 1)):
        said = _tool(cluster, f"{TOOLS}.GetOffsetShell", "--topic", topic, "--time", time)
        _says(said, rf"^{topic}:0:{offset}$")


def delete_records(cluster: Cluster) -> None:
    topic = _topic(cluster)
    _send(cluster, topic, "one", "two", "three")
    with open("offsets.json", "w", encoding="utf-8") as file:
        json.dump({"version": 1, "partitions": [{"topic": topic, "partition": 0, "offset": 2}]}, file)
    said = _tool(cluster, f"{TOOLS}.DeleteRecordsCommand", "--offset-json-file", "offsets.json")
    _says(said, rf"{topic}-0\s+low_watermark: 2")


def configs(cluster: Cluster) -> None:
    entity = ("--entity-type", "topics", "--entity-name", _topic(cluster))
    command = "kafka.admin.ConfigCommand"
    _says(_tool(cluster, command, *entity, "--alter", "--add-config", "retention.ms=1234567"), "Completed")
    _says(_tool(cluster, command, *entity, "--describe"), "retention.ms=1234567")
    _tool(cluster, command, *entity, "--alter", "--delete-config", "retention.ms")
    assert "retention.ms" not in _tool(cluster, command, *entity, "--describe"), "the config is still set"
    _says(_tool(cluster, command, *entity, "--alter", "--add-config", "retention.ms=soon", fails=True), "Invalid value")


def describe_configs(cluster: Cluster) -> None:
    entity = ("--entity-type", "topics", "--entity-name", _topic(cluster))
    _says(_tool(cluster, "kafka.admin.ConfigCommand", *entity, "--describe", "--all"), "cleanup.policy=delete")
    broker = ("--entity-type", "brokers", "--entity-name", "1", "--describe", "--all")
    _says(_tool(cluster, "kafka.admin.ConfigCommand", *broker), "num.partitions=", "log.retention")


def scram_users(cluster: Cluster) -> None:
    entity = ("--entity-type", "users", "--entity-name", cluster.name("user"))
    secret = "SCRAM-SHA-256=[iterations=4096,password=secret]"
    _says(_tool(cluster, "kafka.admin.ConfigCommand", *entity, "--alter", "--add-config", secret), "Completed")
    _says(_tool(cluster, "kafka.admin.ConfigCommand", *entity, "--describe"), "SCRAM-SHA-256=iterations=4096")


def group_configs(cluster: Cluster) -> None:
    entity = ("--entity-type", "groups", "--entity-name", cluster.name("group"))
    setting = "consumer.session.timeout.ms=50000"
    _says(_tool(cluster, "kafka.admin.ConfigCommand", *entity, "--alter", "--add-config", setting), "Completed")
    _says(_tool(cluster, "kafka.admin.ConfigCommand", *entity, "--describe"), setting)


def log_dirs(cluster: Cluster) -> None:
    topic = _topic(cluster)
    _send(cluster, topic, "one")
    _says(_tool(cluster, f"{TOOLS}.LogDirsCommand", "--describe", "--topic-list", topic), f'"partition":"{topic}-0"')


def leader_election(cluster: Cluster) -> None:
    what = ("--election-type", "preferred", "--topic", _topic(cluster), "--partition", "0")
    _says(_tool(cluster, f"{TOOLS}.LeaderElectionCommand", *what), "Valid replica already elected")


def features(cluster: Cluster) -> None:
    _says(_tool(cluster, f"{TOOLS}.FeatureCommand", "describe"), r"metadata.version\s.*FinalizedVersionLevel: \d")


def quorum(cluster: Cluster) -> None:
    _says(
        _tool(cluster, f"{TOOLS}.MetadataQuorumCommand", "describe", "--status"), r"^LeaderId:\s+\d", "^CurrentVoters:"
    )


def reassignments(cluster: Cluster) -> None:
    _says(_tool(cluster, f"{TOOLS}.reassign.ReassignPartitionsCommand", "--list"), "No partition reassignments found")


def acls_are_disabled(cluster: Cluster) -> None:
    _says(_tool(cluster, f"{TOOLS}.AclCommand", "--list", fails=True), "SecurityDisabledException")


def client_metrics(cluster: Cluster) -> None:
    _tool(cluster, f"{TOOLS}.ClientMetricsCommand", "--list")


def performance(cluster: Cluster) -> None:
    topic = _topic(cluster)
    options = ("--topic", topic, "--num-records", "5000", "--record-size", "100", "--throughput", "-1")
    _says(_tool(cluster, f"{TOOLS}.ProducerPerformance", *options), "^5000 records sent")


def consumer_performance(cluster: Cluster) -> None:
    topic = _topic(cluster)
    _send(cluster, topic, *(str(number) for number in range(1000)))
    options = ("--topic", topic, "--num-records", "1000", "--from-latest", "--timeout", "5000")
    _says(_tool(cluster, f"{TOOLS}.ConsumerPerformance", *options), "start.time")


def latency(cluster: Cluster) -> None:
    options = ("--topic", _topic(cluster), "--num-records", "20", "--producer-acks", "all", "--record-size", "20")
    _says(_tool(cluster, f"{TOOLS}.EndToEndLatency", *options), "^Avg latency")


def verifiable(protocol: str, cluster: Cluster) -> None:
    """Every record that is acknowledged is read once, in order."""
    topic, name = _topic(cluster), cluster.name("group")
    said = _tool(cluster, f"{TOOLS}.VerifiableProducer", "--topic", topic, "--max-messages", "500")
    _says(said, r'"acked":500')
    options = ("--topic", topic, "--group-id", name, "--max-messages", "500", "--reset-policy", "earliest")
    said = _tool(cluster, f"{TOOLS}.VerifiableConsumer", *options, "--verbose", "--group-protocol", protocol)
    values = [json.loads(line)["value"] for line in said.splitlines() if '"record_data"' in line]
    expect(values, [str(number) for number in range(500)])


def message_copier(cluster: Cluster) -> None:
    """Reads, writes and commits in transactions of ten, some of which it aborts."""
    source, sink = _topic(cluster), _topic(cluster)
    _send(cluster, source, *(str(number) for number in range(100)))
    names = ("--consumer-group", cluster.name("group"), "--transactional-id", cluster.name("id"))
    options = ("--input-topic", source, "--input-partition", "0", "--output-topic", sink, "--transaction-size", "10")
    address = ("--broker-list", cluster.bootstrap)
    _run(cluster, f"{TOOLS}.TransactionalMessageCopier", *address, *names, *options, "--max-messages", "100",
         "--enable-random-aborts")  # fmt: skip
    expect(_read(cluster, sink, 100), [str(number).encode() for number in range(100)])


def _read(cluster: Cluster, topic: str, count: int) -> list[bytes | None]:
    """The committed values of partition 0, from the first on."""
    settings = {"bootstrap.servers": cluster.bootstrap, "group.id": "unused", "isolation.level": "read_committed"}
    consumer = Consumer({**settings, "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    values: list[bytes | None] = []
    for _ in until(f"{count} records come"):
        values += [message.value() for message in consumer.consume(count - len(values), 1)]
        if len(values) == count:
            break
    consumer.close()
    return values


def transactions(cluster: Cluster) -> None:
    """An open transaction is listed, described, and aborted by its administrator."""
    topic, name = _topic(cluster), cluster.name("id")
    producer = Producer({"bootstrap.servers": cluster.bootstrap, "transactional.id": name})
    producer.init_transactions(CALL_S)
    producer.begin_transaction()
    producer.produce(topic, "open", partition=0)
    producer.flush(CALL_S)
    command = f"{TOOLS}.TransactionsCommand"
    _says(_tool(cluster, command, "list"), rf"^{name}\s.*Ongoing")
    _says(_tool(cluster, command, "describe", "--transactional-id", name), rf"{name}\s.*Ongoing.*{topic}-0")
    said = _tool(cluster, command, "describe-producers", "--topic", topic, "--partition", "0")
    _says(said, r"^\d+\s+\d+\s+-?\d+\s+\d+\s+\d+\s+0")
    _tool(cluster, command, "find-hanging", "--topic", topic, "--partition", "0")
    _tool(cluster, command, "abort", "--topic", topic, "--partition", "0", "--start-offset", "0")
    _send(cluster, topic, "after")
    expect(_read(cluster, topic, 1), [b"after"])


INPUT, OUTPUT = "streams-plaintext-input", "streams-wordcount-output"
COUNTS = "KSTREAM-AGGREGATE-STATE-STORE-0000000003"


@contextmanager
def _word_count(
    cluster: Cluster, run: str, application: str, settings: dict[str, str], word: str, count: int
) -> Iterator[None]:
    """Streams' own example, from when its committed changelog holds this count of a word to the end of the block."""
    common = {
        "bootstrap.servers": cluster.bootstrap,
        "application.id": application,
        "default.dsl.store": "in_memory",
        "state.dir": os.getcwd(),
        "commit.interval.ms": "200",
    }
    with open("streams.properties", "w", encoding="utf-8") as file:
        file.writelines(f"{key}={value}\n" for key, value in (common | settings).items())
    with _background(cluster, run, "org.apache.kafka.streams.examples.wordcount.WordCountDemo", "streams.properties"):
        for _ in until(f"`{word}` is counted {count} times", 60):
            if _counted(cluster, f"{application}-{COUNTS}-changelog", word) == count:
                break
        yield


def _create_word_topics(cluster: Cluster) -> None:
    """The example's topics have fixed names, so that its runs share them, and tell their words apart."""
    for topic in (INPUT, OUTPUT):
        try:
            _create(cluster, topic, 1)
        except KafkaException as error:
            assert "already exists" in str(error), error


# Streams does not leave a classic group when it ends.
CLASSIC = {"group.protocol": "classic", "session.timeout.ms": "6000"}
STREAMS = {"group.protocol": "streams"}
EXACTLY_ONCE = {"processing.guarantee": "exactly_once_v2"}


def word_count(settings: dict[str, str], cluster: Cluster) -> None:
    """A second run goes on with the counts of the first."""
    _create_word_topics(cluster)
    application, word = cluster.name("wordcount"), cluster.name("word").replace("-", "")
    _send(cluster, INPUT, f"{word} {word}")
    with _word_count(cluster, "first", application, settings, word, 2):
        pass
    _send(cluster, INPUT, word)
    with _word_count(cluster, "second", application, settings, word, 3):
        pass


def _counted(cluster: Cluster, changelog: str, word: str) -> int:
    """The last committed count of a word; 0 when there is none yet."""
    settings = {"bootstrap.servers": cluster.bootstrap, "group.id": "unused", "isolation.level": "read_committed"}
    consumer = Consumer({**settings, "enable.auto.commit": False, "allow.auto.create.topics": False})
    consumer.assign([TopicPartition(changelog, 0, OFFSET_BEGINNING)])
    counts = [
        struct.unpack(">q", message.value())[0]
        for message in consumer.consume(1000, 1)
        if message.error() is None and message.key() == word.encode()
    ]
    consumer.close()
    return counts[-1] if counts else 0


def streams_groups(cluster: Cluster) -> None:
    """A group of Streams at work: listed, described, its members named."""
    _create_word_topics(cluster)
    application, word = cluster.name("wordcount"), cluster.name("word").replace("-", "")
    _send(cluster, INPUT, word)
    with _word_count(cluster, "run", application, STREAMS, word, 1):
        tool = partial(_tool, cluster, f"{TOOLS}.streams.StreamsGroupCommand")
        _says(tool("--list"), f"^{application}$")
        _says(tool("--describe", "--group", application), INPUT)
        _says(tool("--describe", "--group", application, "--state"), "Stable")
        _says(tool("--describe", "--group", application, "--members"), application)
    # The group is empty when its member has left, which it does not wait for.
    for _ in until("the offsets of the group are reset"):
        reset = ("--reset-offsets", "--group", application, "--input-topic", INPUT, "--to-earliest", "--execute")
        if re.search(rf"{INPUT}\s+0\s+0", tool(*reset)):
            break


def connect(cluster: Cluster) -> None:
    """A worker in distributed mode copies the lines of a file into a topic."""
    name = cluster.name("connect")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    settings = {
        "bootstrap.servers": cluster.bootstrap,
        "group.id": name,
        "listeners": f"http://127.0.0.1:{port}",
        "plugin.discovery": "service_load",
        "offset.flush.interval.ms": "500",
        **{f"{side}.converter": "org.apache.kafka.connect.storage.StringConverter" for side in ("key", "value")},
    }
    for kind in ("config", "offset", "status"):
        settings |= {f"{kind}.storage.topic": f"{name}-{kind}", f"{kind}.storage.replication.factor": "1"}
    with open("worker.properties", "w", encoding="utf-8") as file:
        file.writelines(f"{key}={value}\n" for key, value in settings.items())
    with open("lines", "w", encoding="utf-8") as file:
        file.write("one\ntwo\n")
    source = "org.apache.kafka.connect.file.FileStreamSourceConnector"
    body = {"connector.class": source, "file": os.path.abspath("lines"), "topic": f"{name}-lines"}
    request = json.dumps({"name": "lines", "config": body}).encode()
    with _background(cluster, "worker", "org.apache.kafka.connect.cli.ConnectDistributed", "worker.properties"):
        for _ in until("the worker takes a connector", 60):
            try:
                headers = {"Content-Type": "application/json"}
                urllib.request.urlopen(
                    urllib.request.Request(f"http://127.0.0.1:{port}/connectors", request, headers), timeout=10
                )
                break
            except OSError:
                continue
        expect(_read(cluster, f"{name}-lines", 2), [b"one", b"two"])


def _case(name: str, needs: tuple[str, ...], run: Callable[[Cluster], None]) -> Case:
    return Case(f"java/{name}", needs, run, TIMEOUT_S)


CASES = [
    _case("api-versions", ("ApiVersions", "Metadata"), api_versions),
    _case("topics", (*ADMIN, "DescribeConfigs", "CreatePartitions", "DeleteTopics"), topics),
    _case("produce-and-consume", CONSUME, produce_and_consume),
    *(_case(f"codec-{name}", CONSUME, partial(codec, name)) for name in ("gzip", "snappy", "lz4", "zstd")),
    _case("read-committed", CONSUME, read_committed),
    _case("console-group-classic", GROUP, partial(console_group, "classic")),
    _case("console-group-consumer", NEW_GROUP, partial(console_group, "consumer")),
    _case("groups", (*GROUP, "ListGroups", "DescribeGroups", "DeleteGroups", "OffsetDelete"), groups),
    _case("group-members", (*GROUP, "ListGroups", "DescribeGroups", "DeleteGroups"), group_members),
    _case("offsets", CONSUME, offsets),
    _case("delete-records", (*CONSUME, "DeleteRecords"), delete_records),
    _case("describe-configs", (*ADMIN, "DescribeConfigs"), describe_configs),
    _case("configs", (*ADMIN, "DescribeConfigs", "IncrementalAlterConfigs"), configs),
    _case("group-configs", ("DescribeConfigs", "IncrementalAlterConfigs", "ConsumerGroupHeartbeat"), group_configs),
    _case(
        "scram-users",
        ("DescribeUserScramCredentials", "AlterUserScramCredentials", "DescribeClientQuotas"),
        scram_users,
    ),
    _case("log-dirs", (*PRODUCE, "DescribeLogDirs"), log_dirs),
    _case("leader-election", (*ADMIN, "ElectLeaders"), leader_election),
    _case("features", ("ApiVersions", "Metadata"), features),
    _case("quorum", ("DescribeQuorum",), quorum),
    _case("reassignments", ("ListPartitionReassignments",), reassignments),
    _case("acls-are-disabled", ("DescribeAcls",), acls_are_disabled),
    _case("client-metrics", ("ListConfigResources",), client_metrics),
    _case("performance", PRODUCE, performance),
    _case("consumer-performance", GROUP, consumer_performance),
    _case("latency", (*CONSUME, *OFFSETS), latency),
    _case("verifiable-classic", GROUP, partial(verifiable, "classic")),
    _case("verifiable-consumer", NEW_GROUP, partial(verifiable, "consumer")),
    _case("message-copier", (*GROUP, *OFFSET_TRANSACTION), message_copier),
    _case(
        "transactions",
        (*TRANSACTION, "ListTransactions", "DescribeTransactions", "DescribeProducers", "WriteTxnMarkers"),
        transactions,
    ),
    _case("word-count-classic", (*GROUP, *STREAMING), partial(word_count, CLASSIC)),
    _case(
        "word-count-classic-exactly-once",
        (*GROUP, *STREAMING, *OFFSET_TRANSACTION),
        partial(word_count, CLASSIC | EXACTLY_ONCE),
    ),
    _case("word-count-streams", (*STREAMING, *STREAMS_GROUP), partial(word_count, STREAMS)),
    _case(
        "word-count-streams-exactly-once",
        (*STREAMING, *STREAMS_GROUP, *OFFSET_TRANSACTION),
        partial(word_count, STREAMS | EXACTLY_ONCE),
    ),
    _case("streams-groups", (*STREAMING, *STREAMS_GROUP, "StreamsGroupDescribe", "ListGroups"), streams_groups),
    _case("connect", (*GROUP, "DescribeConfigs", "DescribeCluster"), connect),
]
