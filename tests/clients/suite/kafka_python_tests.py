"""kafka-python's own integration tests, from its source distribution, against a broker that runs already."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import partial

from .case import Case, Cluster

ADMIN = ("ApiVersions", "Metadata", "CreateTopics")
PRODUCE = (*ADMIN, "Produce", "InitProducerId")
CONSUME = (*PRODUCE, "Fetch", "ListOffsets")
OFFSETS = ("FindCoordinator", "OffsetCommit", "OffsetFetch")
GROUP = (*CONSUME, *OFFSETS, "JoinGroup", "SyncGroup", "Heartbeat", "LeaveGroup")
TRANSACTION = ("AddPartitionsToTxn", "EndTxn")

# What the tests take the broker for: those of newer features are skipped below it.
VERSION = "4.2.0"
TIMEOUT_S = 180.0


def run(file: str, test: str, cluster: Cluster) -> None:
    """Runs one test, in all its variants; one that skips itself has shown nothing."""
    assert cluster.source is not None, "the tests are not here"
    # The folder of a broker that they would start must be there, though they start none.
    settings = {"KAFKA_VERSION": VERSION, "KAFKA_URI": f"kafka://{cluster.bootstrap}", "KAFKA_ROOT": cluster.source}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--log-level=ERROR", "-Wignore"]
    said = subprocess.run(
        [*command, "--durations=0", f"test/integration/test_{file}_integration.py::{test}"],
        cwd=cluster.source,
        env=os.environ | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert said.returncode == 0 and re.search(r"^\d+ passed in", said.stdout, re.MULTILINE), said.stdout


def _cases(file: str, tests: dict[str, tuple[str, ...]]) -> list[Case]:
    def case(test: str, needs: tuple[str, ...]) -> Case:
        name = f"kafka-python-tests/{file}-{test}".replace("_", "-")
        return Case(name, needs, partial(run, file, f"test_{test}"), TIMEOUT_S)

    return [case(test, needs) for test, needs in tests.items()]


CASES = [
    *_cases(
        "admin",
        {
            "describe_configs_topic_resource_returns_configs": (*ADMIN, "DescribeConfigs"),
            "describe_configs_mixed_resources_returns_configs": (*ADMIN, "DescribeConfigs"),
            "describe_configs_invalid_broker_id_raises": (*ADMIN, "DescribeConfigs"),
            "create_describe_delete_acls": (*ADMIN, "DescribeAcls", "CreateAcls", "DeleteAcls"),
            "describe_group_exists": (*GROUP, "DescribeGroups"),
            "delete_groups": (*GROUP, "ListGroups", "DeleteGroups"),
            "delete_groups_with_errors": (*GROUP, "ListGroups", "DeleteGroups"),
            "delete_records": (*CONSUME, "DeleteRecords"),
            "delete_records_with_errors": (*CONSUME, "DeleteRecords"),
            "create_delete_topics": (*ADMIN, "DeleteTopics"),
            "elect_leaders": (*ADMIN, "ElectLeaders"),
            "describe_log_dirs": (*ADMIN, "DescribeLogDirs"),
            "alter_replica_log_dirs": (*ADMIN, "DescribeLogDirs", "AlterReplicaLogDirs"),
            "describe_metadata_quorum": (*ADMIN, "DescribeQuorum"),
            "alter_partition_reassignments": (*ADMIN, "AlterPartitionReassignments"),
            "list_partition_reassignments": (*ADMIN, "ListPartitionReassignments"),
            "describe_topic_partitions": (*ADMIN, "DescribeTopicPartitions"),
            "describe_topic_partitions_pagination": (*ADMIN, "DescribeTopicPartitions"),
            "list_partition_offsets": (*ADMIN, "ListOffsets"),
            "list_config_resources": (*ADMIN, "ListConfigResources"),
        },
    ),
    *_cases(
        "consumer",
        {
            "consumer": CONSUME,
            "consumer_topics": CONSUME,
            "paused": CONSUME,
            "kafka_consumer": CONSUME,
            "kafka_consumer_unsupported_encoding": CONSUME,
            "kafka_consumer__blocking": CONSUME,
            "kafka_consumer__offset_commit_resume": GROUP,
            "kafka_consumer_max_bytes_simple": CONSUME,
            "kafka_consumer_max_bytes_one_msg": GROUP,
            "kafka_consumer_offsets_for_time": CONSUME,
            "kafka_consumer_offsets_search_many_partitions": CONSUME,
            "kafka_consumer_offsets_for_times_errors": CONSUME,
            "kafka_consumer_position_after_seek_to_end": CONSUME,
            "group": GROUP,
            "heartbeat_thread": GROUP,
        },
    ),
    *_cases(
        "producer",
        {
            "end_to_end": CONSUME,
            "kafka_producer_proper_record_metadata": CONSUME,
            "idempotent_producer": CONSUME,
            "idempotent_producer_max_in_flight": CONSUME,
            "idempotent_producer_high_throughput": CONSUME,
            "transactional_producer_messages": (*GROUP, *TRANSACTION),
            "transactional_producer_offsets": (*GROUP, *TRANSACTION, "AddOffsetsToTxn", "TxnOffsetCommit"),
        },
    ),
]
