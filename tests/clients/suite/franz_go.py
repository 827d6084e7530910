"""franz-go's own tests of its client kgo: groups and transactions under load, with every balancer and by KIP-848."""

from __future__ import annotations

import os
import subprocess
from functools import partial
from pathlib import Path

from .case import Case, Cluster
from .sasl import SASL, SCRAM_USERS, login

TOPICS = ("ApiVersions", "Metadata", "CreateTopics", "DeleteTopics")
PRODUCE = (*TOPICS, "Produce", "InitProducerId")
CONSUME = (*PRODUCE, "Fetch", "ListOffsets")
OFFSETS = ("FindCoordinator", "OffsetCommit", "OffsetFetch", "DeleteGroups")
GROUP = (*CONSUME, *OFFSETS, "JoinGroup", "SyncGroup", "Heartbeat", "LeaveGroup")
NEW_GROUP = (*CONSUME, *OFFSETS, "ConsumerGroupHeartbeat", "ConsumerGroupDescribe")
TRANSACTION = ("AddPartitionsToTxn", "AddOffsetsToTxn", "TxnOffsetCommit", "EndTxn")
SHARES = ("ShareGroupHeartbeat", "ShareFetch", "ShareAcknowledge")
SHARE_GROUP = (*PRODUCE, "FindCoordinator", "DeleteGroups", "IncrementalAlterConfigs", *SHARES)

# Records that go through each chain of groups: the tests' own default is 500,000.
RECORDS = 10_000
TIMEOUT_S = 300.0


def run_scram(test: str, cluster: Cluster) -> None:
    """The same with a user and where to log in."""
    user, password = login(cluster, "SCRAM-SHA-256")
    run(test, cluster, {"KGO_TEST_SCRAM": f"{user}:{password}", "KGO_TEST_SCRAM_SEEDS": cluster.sasl or ""})


def run(test: str, cluster: Cluster, more: dict[str, str] | None = None) -> None:
    """Runs one test; one that skips itself has shown nothing."""
    assert cluster.source is not None, "the tests are not here"
    folder = Path(cluster.source)
    settings = {
        "KGO_SEEDS": cluster.bootstrap,
        "KGO_TEST_RF": "1",
        "KGO_TEST_RECORDS": str(RECORDS),
        "KGO_TEST_MAX_TOPIC_PARTS": "7",
        "KGO_LOG_LEVEL": "none",
    }
    command = [folder / "kgo.test", "-test.v", "-test.run", f"^{test}$", "-test.timeout", f"{TIMEOUT_S:.0f}s"]
    said = subprocess.run(
        command,
        cwd=folder / "pkg" / "kgo",
        env=os.environ | settings | (more or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    lines = said.stdout.splitlines()
    if said.returncode != 0:
        # What a client logs comes between the lines that say what is wrong.
        wrong = [line for line in lines if "_test.go:" in line or "--- FAIL" in line or line.startswith("panic")]
        raise SystemExit("\n".join(wrong or lines))
    assert any(line.startswith(f"--- PASS: {test} ") for line in lines), said.stdout


def _case(test: str, needs: tuple[str, ...]) -> Case:
    return Case(f"franz-go/{test}", needs, partial(run, test), TIMEOUT_S + 10)


CASES = [
    _case("TestPing", ("ApiVersions", "Metadata")),
    _case("TestConsumeTopicRetrieval_Many", ("ApiVersions", "Metadata")),
    _case("TestIssue648", ("ApiVersions", "Metadata")),
    _case("TestUnknownGroupOffsetFetchPinned", ("ApiVersions", "FindCoordinator", "OffsetFetch")),
    _case("TestIssue1034", ("ApiVersions", "FindCoordinator")),
    _case("TestIssue831", PRODUCE),
    _case("TestIssue769", PRODUCE),
    _case("TestClient_Produce", PRODUCE),
    _case("TestClient_ProduceLargeMessages", PRODUCE),
    _case("TestIssueProduceSyncManualPartitionNegativeDoesNotPanic", PRODUCE),
    _case("TestIssue325", CONSUME),
    _case("TestIssue337", CONSUME),
    _case("TestDirectPartitionPurge", CONSUME),
    _case("TestIssue434", CONSUME),
    _case("TestAddRemovePartitions", CONSUME),
    _case("TestPauseIssue489", CONSUME),
    _case("TestPauseIssueOct2023", CONSUME),
    _case("TestIssue810", CONSUME),
    _case("TestIssue865", CONSUME),
    _case("TestIssueFetchLargerThanBrokerMaxReadBytes", CONSUME),
    _case("TestPooling", CONSUME),
    _case("TestHookPollStart", CONSUME),
    _case("TestConsumeMaxDecompressBatchBytes", CONSUME),
    _case("TestConsumeRegex", (*CONSUME, "FindCoordinator")),
    _case("Test848RegexBrokerResolves", NEW_GROUP),
    _case("TestIssue523", GROUP),
    _case("TestGroupSimple", GROUP),
    _case("TestGroupETL", (*GROUP, *NEW_GROUP)),
    _case("TestTxnEtl", (*GROUP, *NEW_GROUP, *TRANSACTION)),
    _case("TestConsumeRegexShareSkipsInternal", SHARE_GROUP),
    _case("TestShareGroup", SHARE_GROUP),
    _case("TestShareGroupETL", SHARE_GROUP),
    _case("TestShareGroupAckOnClose", SHARE_GROUP),
    _case("TestShareGroupOffsetsAdmin", SHARE_GROUP),
    *(
        Case(f"franz-go/{test}", (*SASL, *SCRAM_USERS), partial(run_scram, test))
        for test in ("TestSCRAMAuth", "TestSCRAMAuthBadCredentials")
    ),
]
