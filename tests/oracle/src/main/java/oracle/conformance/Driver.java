package oracle.conformance;

import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.MockProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.processor.internals.StreamTask;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Queue;
import java.util.function.Function;

/**
 * Kafka's {@link TopologyTestDriver} with four things it has no API for, reached by reflection on its private members
 * (a new version that renames them fails at once, in the constructor or at the first call):
 *
 * <ul>
 *   <li>records go in as bytes with any timestamp, where {@code TestRecord} refuses negative ones;</li>
 *   <li>the journal: all records produced, over all topics in their order. The driver keeps a queue per topic in a map; a
 *       map whose queues also write into one list takes its place;</li>
 *   <li>commits when asked. The driver commits, and so flushes caches, after every record it processes, which leaves a
 *       cache nothing to do. With {@code commitsAlone} false the same steps are made without the commit;</li>
 *   <li>restarts, see {@link Restart}.</li>
 * </ul>
 */
final class Driver implements AutoCloseable {
    private final TopologyTestDriver driver;
    private final Members members;
    private final Properties properties;
    private StreamTask task;
    private final Time clock;
    private final boolean commitsAlone;
    private final Map<String, TopicPartition> inputs;
    private final Map<String, TopicPartition> globalInputs;
    private final List<ProducerRecord<byte[], byte[]>> journal = new ArrayList<>();
    /** The journal and the inputs, in their order. */
    private final List<ProducerRecord<byte[], byte[]>> history = new ArrayList<>();
    private long droppedBefore;

    Driver(Topology topology, Properties properties, boolean commitsAlone) {
        this.driver = new TopologyTestDriver(topology, properties, Instant.EPOCH);
        this.members = new Members(TopologyTestDriver.class, driver);
        this.properties = properties;
        this.commitsAlone = commitsAlone;
        this.task = members.get("task");
        this.clock = members.get("mockWallClockTime");
        this.inputs = members.get("partitionsByInputTopic");
        this.globalInputs = members.get("globalPartitionsByInputTopic");
        replaceOutputs();
    }

    /** Pipes one record, and what it leads to in internal topics. */
    void pipe(String topic, long timestamp, byte[] key, byte[] value, Headers headers) {
        TopicPartition partition = members.call("getInputTopicOrPatternPartition", Members.types(String.class), topic);
        if (partition == null && !globalInputs.containsKey(topic)) {
            throw new Mistake("no node reads the topic `" + topic + "`");
        }
        history.add(new ProducerRecord<>(topic, 0, Math.max(0, timestamp), key, value, headers));
        if (commitsAlone || partition == null) {
            members.call("pipeRecord", Members.types(String.class, long.class, byte[].class, byte[].class, Headers.class),
                topic, timestamp, key, value, headers);
            return;
        }
        members.call("enqueueTaskRecord",
            Members.types(String.class, TopicPartition.class, long.class, byte[].class, byte[].class, Headers.class),
            topic, partition, timestamp, key, value, headers);
        processAll();
        TopicPartition global = globalInputs.get(topic);
        if (global != null) {
            members.call("processGlobalRecord",
                Members.types(TopicPartition.class, long.class, byte[].class, byte[].class, Headers.class),
                global, timestamp, key, value, headers);
        }
    }

    void advance(long millis) {
        if (commitsAlone) {
            driver.advanceWallClockTime(Duration.ofMillis(millis));
            return;
        }
        clock.sleep(millis);
        if (task != null) {
            task.maybePunctuateSystemTime();
        }
        processAll();
    }

    /** Commits, unless the driver has done so by itself, and processes what the commit sent to internal topics. */
    void commit() {
        if (commitsAlone || task == null) {
            return;
        }
        Map<TopicPartition, OffsetAndMetadata> offsets = task.prepareCommit(true);
        members.call("commit", Members.types(Map.class), offsets);
        task.postCommit(true);
        processAll();
    }

    /** Commits until nothing is left to commit. */
    void commitAll() {
        commit();
        while (!commitsAlone && task != null && task.commitNeeded()) {
            commit();
        }
    }

    /** Commits, closes the task and opens it again. */
    void restart() {
        commitAll();
        if (task != null) {
            droppedBefore = dropped();
            task = new Restart(members, properties).of(task, history);
        }
    }

    private void processAll() {
        members.call("captureOutputsAndReEnqueueInternalResults", Members.types());
        if (task == null) {
            return;
        }
        task.resumePollingForPartitionsWithAvailableSpace();
        task.updateLags();
        while (task.hasRecordsQueued() && task.isProcessable(clock.milliseconds())) {
            task.process(clock.milliseconds());
            task.maybePunctuateStreamTime();
            members.call("captureOutputsAndReEnqueueInternalResults", Members.types());
        }
    }

    /** @return all that was produced so far, also by a step that failed and so was not captured by the driver */
    List<ProducerRecord<byte[], byte[]>> journal() {
        MockProducer<byte[], byte[]> producer = members.get("producer");
        List<ProducerRecord<byte[], byte[]>> all = new ArrayList<>(journal);
        all.addAll(producer.history());
        return all;
    }

    Map<String, StateStore> stores() {
        return driver.getAllStateStores();
    }

    long dropped() {
        return droppedBefore + driver.metrics().entrySet().stream()
            .filter(metric -> metric.getKey().name().equals("dropped-records-total"))
            .mapToLong(metric -> ((Double) metric.getValue().metricValue()).longValue())
            .sum();
    }

    /** Closes the topology. A run that failed may fail again here, which says nothing new. */
    @Override
    public void close() {
        try {
            driver.close();
        } catch (RuntimeException again) {
            if (task != null) {
                try {
                    task.closeDirty();
                } catch (RuntimeException nothingLeftToClose) {
                    return;
                }
            }
        }
    }

    private void replaceOutputs() {
        Map<String, Queue<ProducerRecord<byte[], byte[]>>> outputs = new HashMap<>() {
            private static final long serialVersionUID = 1L;

            @Override
            public Queue<ProducerRecord<byte[], byte[]>> computeIfAbsent(
                    String topic, Function<? super String, ? extends Queue<ProducerRecord<byte[], byte[]>>> ignored) {
                return super.computeIfAbsent(topic, name -> new Journaled());
            }
        };
        members.set("outputRecordsByTopic", outputs);
    }

    /** The queue of one topic, whose records are written to the journal too. */
    private final class Journaled extends LinkedList<ProducerRecord<byte[], byte[]>> {
        private static final long serialVersionUID = 1L;

        @Override
        public boolean add(ProducerRecord<byte[], byte[]> record) {
            journal.add(record);
            history.add(record);
            return super.add(record);
        }
    }
}
