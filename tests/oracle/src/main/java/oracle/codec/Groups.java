package oracle.codec;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;

import com.fasterxml.jackson.databind.node.ObjectNode;

import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.Assignment;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.StickyAssignor;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.message.ConsumerProtocolAssignment;
import org.apache.kafka.common.message.ConsumerProtocolSubscription;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.streams.processor.TaskId;
import org.apache.kafka.streams.processor.assignment.ProcessId;
import org.apache.kafka.streams.processor.internals.assignment.AssignmentInfo;
import org.apache.kafka.streams.processor.internals.assignment.SubscriptionInfo;
import org.apache.kafka.streams.state.HostInfo;

/**
 * What members of classic groups say to each other, and what coordinators write to {@code __consumer_offsets} and
 * {@code __transaction_state}.
 *
 * <pre>
 * {"format":"consumerSubscription","version":0,"filling":"full","bytes":HEX,"json":{..}}
 * {"format":"groupRecordValue","type":"OffsetCommit","version":3,"filling":"full","bytes":HEX,"json":{..}}
 * </pre>
 *
 * {@code bytes} are whole: the version stands in front, and the type of a record in front of its key.
 */
final class Groups {
    private static final TopicPartition T1_0 = new TopicPartition("t1", 0);
    private static final TopicPartition T1_1 = new TopicPartition("t1", 1);
    private static final TopicPartition T2_0 = new TopicPartition("t2", 0);
    /** Streams' own versions since the oldest that a rolling upgrade meets. */
    private static final int STREAMS_VERSION_MIN = 1;
    private static final int STREAMS_VERSION_MAX = 11;

    private final Lines lines = new Lines();

    static void write(Path directory) throws IOException, ReflectiveOperationException {
        Groups groups = new Groups();
        groups.consumers();
        groups.streams();
        groups.groupRecords();
        groups.transactionRecords();
        groups.lines.write(directory, "groups", "user data of classic groups, records of coordinators");
    }

    private void consumers() throws ReflectiveOperationException {
        versions("consumerSubscription", new ConsumerProtocolSubscription(), null);
        versions("consumerAssignment", new ConsumerProtocolAssignment(), null);
        ConsumerGroupMetadata metadata = new ConsumerGroupMetadata("g", 5, "m", Optional.empty());
        StickyAssignor sticky = new StickyAssignor();
        sticky.onAssignment(new Assignment(List.of(T1_0, T1_1, T2_0)), metadata);
        userData("stickyUserData", sticky.subscriptionUserData(Set.of("t1", "t2")));
        CooperativeStickyAssignor cooperative = new CooperativeStickyAssignor();
        cooperative.onAssignment(new Assignment(List.of(T1_0, T1_1, T2_0)), metadata);
        userData("cooperativeStickyUserData", cooperative.subscriptionUserData(Set.of("t1", "t2")));
    }

    private void userData(String format, ByteBuffer bytes) {
        lines.line().put("format", format).put("generation", 5).put("partitions", "t1-0 t1-1 t2-0").put("bytes", Lines.hex(bytes));
    }

    private void streams() {
        ProcessId process = new ProcessId(new UUID(0xa1a2a3a4b1b2c1c2L, 0xd1d2d3d4d5d6d7d8L));
        Map<TaskId, Long> offsets = new TreeMap<>(Map.of(new TaskId(0, 0), 258L, new TaskId(0, 1), -2L, new TaskId(1, 0), 5L));
        Map<String, String> tags = new TreeMap<>(Map.of("zone", "a", "cluster", "k"));
        for (int version = STREAMS_VERSION_MIN; version <= STREAMS_VERSION_MAX; version++) {
            ByteBuffer bytes = new SubscriptionInfo(version, STREAMS_VERSION_MAX, process, "host:9", offsets, (byte) 3, 0, tags).encode();
            lines.line().put("format", "streamsSubscription").put("version", version).put("process", process.toString())
                .put("endpoint", "host:9").put("offsets", "0_0=258 0_1=-2 1_0=5").put("tags", "cluster=k zone=a").put("bytes", Lines.hex(bytes));
            lines.line().put("format", "streamsAssignment").put("version", version).put("active", "0_0 1_0").put("standby", "0_1")
                .put("activeHosts", "host:9=t1-0 other:1=t2-0").put("standbyHosts", "host:9=t1-1").put("bytes", Lines.hex(assignment(version)));
        }
    }

    private static ByteBuffer assignment(int version) {
        Map<TaskId, Set<TopicPartition>> standby = Map.of(new TaskId(0, 1), Set.of(T1_1));
        Map<HostInfo, Set<TopicPartition>> active = new LinkedHashMap<>();
        active.put(new HostInfo("host", 9), Set.of(T1_0));
        active.put(new HostInfo("other", 1), Set.of(T2_0));
        Map<HostInfo, Set<TopicPartition>> standbys = new LinkedHashMap<>();
        standbys.put(new HostInfo("host", 9), Set.of(T1_1));
        return new AssignmentInfo(version, STREAMS_VERSION_MAX, List.of(new TaskId(0, 0), new TaskId(1, 0)), standby, active, standbys, 0).encode();
    }

    private void groupRecords() throws ReflectiveOperationException {
        for (var type : org.apache.kafka.coordinator.group.generated.CoordinatorRecordType.values()) {
            recordKey("groupRecordKey", type.name(), type.newRecordKey());
            versions("groupRecordValue", type.newRecordValue(), type.name());
        }
    }

    private void transactionRecords() throws ReflectiveOperationException {
        for (var type : org.apache.kafka.coordinator.transaction.generated.CoordinatorRecordType.values()) {
            recordKey("transactionRecordKey", type.name(), type.newRecordKey());
            versions("transactionRecordValue", type.newRecordValue(), type.name());
        }
    }

    /** A key is of version 0 behind its type. */
    private void recordKey(String format, String type, ApiMessage empty) throws ReflectiveOperationException {
        for (Filler.Filling filling : Filler.Filling.values()) {
            ApiMessage key = Filler.fill((ApiMessage) empty.duplicate(), (short) 0, filling);
            ObjectNode line = lines.line().put("format", format).put("type", type).put("filling", Messages.name(filling));
            Messages.body(line, key, (short) 0);
            line.remove("body");
            line.put("bytes", Lines.hex(MessageUtil.toCoordinatorTypePrefixedBytes(key)));
        }
    }

    private void versions(String format, Message empty, String type) throws ReflectiveOperationException {
        for (short version = empty.lowestSupportedVersion(); version <= empty.highestSupportedVersion(); version++) {
            for (Filler.Filling filling : Filler.Filling.values()) {
                Message message = Filler.fill(empty.duplicate(), version, filling);
                ObjectNode line = lines.line().put("format", format);
                if (type != null) {
                    line.put("type", type);
                }
                line.put("version", version).put("filling", Messages.name(filling));
                Messages.body(line, message, version);
                line.remove("body");
                line.put("bytes", Lines.hex(MessageUtil.toVersionPrefixedBytes(version, message)));
            }
        }
    }
}
