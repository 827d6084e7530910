"""Clients that say who they are: SASL/PLAIN and SCRAM over a listener without TLS, by every client of the suite."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable
from functools import partial

from .brokers import PASSWORD, USER
from .case import Case, Cluster, expect, until

SASL = ("ApiVersions", "Metadata", "SaslHandshake", "SaslAuthenticate")
CONSUME = (*SASL, "CreateTopics", "Produce", "Fetch", "ListOffsets")
SCRAM_USERS = ("AlterUserScramCredentials",)
SCRAM = ("SCRAM-SHA-256", "SCRAM-SHA-512")

WAIT_S = 20.0
WRONG = "not-the-password"
ITERATIONS = 4096

# The user and the password that a mechanism takes.
Login = tuple[str, str]


def login(cluster: Cluster, mechanism: str) -> Login:
    """The user of the broker's settings, or a new one for SCRAM, made where nobody asks for a password."""
    if mechanism == "PLAIN":
        return USER, PASSWORD
    from confluent_kafka import admin

    user, client = cluster.name("user"), admin.AdminClient({"bootstrap.servers": cluster.bootstrap})
    kind = admin.ScramMechanism[mechanism.replace("-", "_")]
    made = admin.UserScramCredentialUpsertion(user, admin.ScramCredentialInfo(kind, ITERATIONS), b"its-secret")
    client.alter_user_scram_credentials([made])[user].result(WAIT_S)
    for _ in until("the new user may log in"):
        if _can_list(librdkafka(cluster, mechanism, (user, "its-secret"))):
            break
    return user, "its-secret"


def _address(cluster: Cluster) -> str:
    assert cluster.sasl is not None, "the broker asks nobody for a password"
    return cluster.sasl


def librdkafka(cluster: Cluster, mechanism: str, user: Login) -> dict[str, str]:
    """Settings of librdkafka."""
    return {
        "bootstrap.servers": _address(cluster),
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": mechanism,
        "sasl.username": user[0],
        "sasl.password": user[1],
    }


def _python(cluster: Cluster, mechanism: str, user: Login) -> dict[str, str]:
    """Settings of both clients in Python."""
    return {
        "bootstrap_servers": _address(cluster),
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": mechanism,
        "sasl_plain_username": user[0],
        "sasl_plain_password": user[1],
    }


def confluent(mechanism: str, cluster: Cluster) -> None:
    """Creates a topic, writes and reads."""
    from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
    from confluent_kafka.admin import AdminClient, NewTopic

    settings = librdkafka(cluster, mechanism, login(cluster, mechanism))
    topic = cluster.name("topic")
    admin = AdminClient(settings)
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(WAIT_S)
    producer = Producer(settings)
    producer.produce(topic, "secret", partition=0)
    expect(producer.flush(WAIT_S), 0, "what is not sent")
    consumer = Consumer({**settings, "group.id": "unused", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    values = [message.value() for message in consumer.consume(1, WAIT_S)]
    consumer.close()
    expect(values, [b"secret"])


def _is_refused(settings: dict[str, str]) -> None:
    """The client hears that it may not log in; and nothing else of the broker."""
    from confluent_kafka import KafkaError, KafkaException
    from confluent_kafka.admin import AdminClient

    heard: list[int] = []
    client = AdminClient({**settings, "error_cb": lambda error: heard.append(error.code())})
    for _ in until("the refusal is heard"):
        client.poll(0.1)
        # The client is told once at most what is its mistake, and that all brokers are away.
        if KafkaError._AUTHENTICATION in heard:
            break
    try:
        found = client.list_topics(timeout=2).topics
    except KafkaException:
        return
    raise AssertionError(f"who may not log in sees {sorted(found)}")


def wrong_password(mechanism: str, cluster: Cluster) -> None:
    user, _ = login(cluster, mechanism)
    _is_refused(librdkafka(cluster, mechanism, (user, WRONG)))


def unknown_user(mechanism: str, cluster: Cluster) -> None:
    _is_refused(librdkafka(cluster, mechanism, (cluster.name("nobody"), PASSWORD)))


def unknown_mechanism(cluster: Cluster) -> None:
    """The broker says which mechanisms it has."""
    settings = {
        "bootstrap.servers": _address(cluster),
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "OAUTHBEARER",
        "enable.sasl.oauthbearer.unsecure.jwt": "true",
        "sasl.oauthbearer.config": "principal=ann",
    }
    said = _kcat(settings, "-L", "-m", "5", fails=True)
    assert "PLAIN" in said, said


def no_password_given(cluster: Cluster) -> None:
    """Who starts without a login learns nothing."""
    _kcat({"bootstrap.servers": _address(cluster)}, "-L", "-m", "5", fails=True)


def scram_user_is_changed(cluster: Cluster) -> None:
    """Another password counts from then on, and a user that is deleted is refused."""
    from confluent_kafka import admin

    mechanism = SCRAM[0]
    name, secret = login(cluster, mechanism)
    client = admin.AdminClient({"bootstrap.servers": cluster.bootstrap})
    info = admin.ScramCredentialInfo(admin.ScramMechanism.SCRAM_SHA_256, ITERATIONS * 2)
    changed = admin.UserScramCredentialUpsertion(name, info, b"another")
    client.alter_user_scram_credentials([changed])[name].result(WAIT_S)
    for _ in until("the new password counts"):
        if _can_list(librdkafka(cluster, mechanism, (name, "another"))):
            break
    _is_refused(librdkafka(cluster, mechanism, (name, secret)))
    deleted = admin.UserScramCredentialDeletion(name, admin.ScramMechanism.SCRAM_SHA_256)
    client.alter_user_scram_credentials([deleted])[name].result(WAIT_S)
    for _ in until("the deleted user is refused"):
        if not _can_list(librdkafka(cluster, mechanism, (name, "another"))):
            break


def _can_list(settings: dict[str, str]) -> bool:
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    try:
        return bool(AdminClient(settings).list_topics(timeout=3).brokers)
    except KafkaException:
        return False


def _kcat(settings: dict[str, str], *arguments: str, text: str = "", fails: bool = False) -> str:
    options = [option for key, value in settings.items() for option in ("-X", f"{key}={value}")]
    said = subprocess.run(["kcat", *options, *arguments], input=text, capture_output=True, text=True, timeout=WAIT_S)
    assert (said.returncode != 0) == fails, f"kcat ends with {said.returncode}: {said.stdout}{said.stderr}"
    return said.stdout + said.stderr if fails else said.stdout


def kcat(mechanism: str, cluster: Cluster) -> None:
    settings = librdkafka(cluster, mechanism, login(cluster, mechanism))
    topic = cluster.name("topic")
    _kcat(settings, "-P", "-t", topic, text="secret\n")
    expect(_kcat(settings, "-C", "-q", "-e", "-t", topic, "-o", "beginning"), "secret\n")


def kafka_python(mechanism: str, cluster: Cluster) -> None:
    from kafka import KafkaConsumer, KafkaProducer, TopicPartition

    settings = _python(cluster, mechanism, login(cluster, mechanism))
    topic = cluster.name("topic")
    producer = KafkaProducer(**settings)
    producer.send(topic, b"secret", partition=0).get(WAIT_S)
    producer.close()
    consumer = KafkaConsumer(**settings, auto_offset_reset="earliest", enable_auto_commit=False)
    consumer.assign([TopicPartition(topic, 0)])
    for _ in until("the record comes"):
        values = [record.value for records in consumer.poll(1000).values() for record in records]
        if values == [b"secret"]:
            break
    consumer.close()


def aiokafka(mechanism: str, cluster: Cluster) -> None:
    asyncio.run(_aiokafka(_python(cluster, mechanism, login(cluster, mechanism)), cluster.name("topic")))


async def _aiokafka(settings: dict[str, str], topic: str) -> None:
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

    producer = AIOKafkaProducer(**settings)
    await producer.start()
    try:
        await asyncio.wait_for(producer.send_and_wait(topic, b"secret", partition=0), WAIT_S)
    finally:
        await producer.stop()
    consumer = AIOKafkaConsumer(topic, **settings, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    try:
        record = await asyncio.wait_for(consumer.getone(), WAIT_S)
    finally:
        await consumer.stop()
    expect(record.value, b"secret")


def java(mechanism: str, cluster: Cluster) -> None:
    """A console tool with a file of settings."""
    user = login(cluster, mechanism)
    module = "plain.PlainLoginModule" if mechanism == "PLAIN" else "scram.ScramLoginModule"
    lines = {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": mechanism,
        "sasl.jaas.config": f"org.apache.kafka.common.security.{module} required "
        f'username="{user[0]}" password="{user[1]}";',
    }
    with open("client.properties", "w", encoding="utf-8") as file:
        file.writelines(f"{key}={value}\n" for key, value in lines.items())
    topic = cluster.name("topic")
    tool = [*cluster.java, "org.apache.kafka.tools.TopicCommand", "--bootstrap-server", _address(cluster)]
    options = ["--command-config", "client.properties", "--create", "--topic", topic]
    said = subprocess.run([*tool, *options], capture_output=True, text=True, timeout=WAIT_S * 2)
    assert f"Created topic {topic}" in said.stdout, said.stdout + said.stderr


def _rows(client: str, mechanisms: tuple[str, ...], run: Callable[[str, Cluster], None]) -> list[Case]:
    return [_row(f"{client}-{mechanism.lower()}", mechanism, partial(run, mechanism)) for mechanism in mechanisms]


def _row(name: str, mechanism: str, run: Callable[[Cluster], None]) -> Case:
    needs = CONSUME if mechanism == "PLAIN" else (*CONSUME, *SCRAM_USERS)
    return Case(f"sasl/{name}", needs, run, 90)


ALL = ("PLAIN", *SCRAM)
CASES = [
    *_rows("confluent", ALL, confluent),
    *_rows("kcat", ("PLAIN",), kcat),
    *_rows("kafka-python", ALL, kafka_python),
    *_rows("aiokafka", ALL, aiokafka),
    *_rows("java", ALL, java),
    *_rows("wrong-password", ALL, wrong_password),
    *_rows("unknown-user", ("PLAIN", SCRAM[0]), unknown_user),
    Case("sasl/unknown-mechanism", SASL, unknown_mechanism),
    Case("sasl/no-password-given", SASL, no_password_given),
    _row("scram-user-is-changed", SCRAM[0], scram_user_is_changed),
]
