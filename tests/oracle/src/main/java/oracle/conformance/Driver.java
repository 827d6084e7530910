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

import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
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
 * Kafka's {@link TopologyTestDriver} with three things it has no API for, reached by reflection on its private members
 * (a new version that renames them fails at once, in the constructor or at the first call):
 *
 * <ul>
 *   <li>records go in as bytes with any timestamp, where {@code TestRecord} refuses negative ones;</li>
 *   <li>the journal: all records produced, over all topics in their order. The driver keeps a queue per topic in a map; a
 *       map whose queues also write into one list takes its place;</li>
 *   <li>commits when asked. The driver commits, and so flushes caches, after every record it processes, which leaves a
 *       cache nothing to do. With {@code commitsAlone} false the same steps are made without the commit.</li>
 * </ul>
 */
final class Driver implements AutoCloseable {
    private final TopologyTestDriver driver;
    private final StreamTask task;
    private final Time clock;
    private final boolean commitsAlone;
    private final Map<String, TopicPartition> inputs;
    private final Map<String, TopicPartition> globalInputs;
    private final List<ProducerRecord<byte[], byte[]>> journal = new ArrayList<>();

    Driver(Topology topology, Properties properties, boolean commitsAlone) {
        this.driver = new TopologyTestDriver(topology, properties, Instant.EPOCH);
        this.commitsAlone = commitsAlone;
        this.task = field("task");
        this.clock = field("mockWallClockTime");
        this.inputs = field("partitionsByInputTopic");
        this.globalInputs = field("globalPartitionsByInputTopic");
        replaceOutputs();
    }

    /** Pipes one record, and what it leads to in internal topics. */
    void pipe(String topic, long timestamp, byte[] key, byte[] value, Headers headers) {
        TopicPartition partition = call("getInputTopicOrPatternPartition", types(String.class), topic);
        if (partition == null && !globalInputs.containsKey(topic)) {
            throw new Mistake("no node reads the topic `" + topic + "`");
        }
        if (commitsAlone || partition == null) {
            call("pipeRecord", types(String.class, long.class, byte[].class, byte[].class, Headers.class),
                topic, timestamp, key, value, headers);
            return;
        }
        call("enqueueTaskRecord",
            types(String.class, TopicPartition.class, long.class, byte[].class, byte[].class, Headers.class),
            topic, partition, timestamp, key, value, headers);
        processAll();
        TopicPartition global = globalInputs.get(topic);
        if (global != null) {
            call("processGlobalRecord",
                types(TopicPartition.class, long.class, byte[].class, byte[].class, Headers.class),
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
        call("commit", types(Map.class), offsets);
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

    private void processAll() {
        call("captureOutputsAndReEnqueueInternalResults", types());
        if (task == null) {
            return;
        }
        task.resumePollingForPartitionsWithAvailableSpace();
        task.updateLags();
        while (task.hasRecordsQueued() && task.isProcessable(clock.milliseconds())) {
            task.process(clock.milliseconds());
            task.maybePunctuateStreamTime();
            call("captureOutputsAndReEnqueueInternalResults", types());
        }
    }

    /** @return all that was produced so far, also by a step that failed and so was not captured by the driver */
    List<ProducerRecord<byte[], byte[]>> journal() {
        MockProducer<byte[], byte[]> producer = field("producer");
        List<ProducerRecord<byte[], byte[]>> all = new ArrayList<>(journal);
        all.addAll(producer.history());
        return all;
    }

    Map<String, StateStore> stores() {
        return driver.getAllStateStores();
    }

    long dropped() {
        return driver.metrics().entrySet().stream()
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
        try {
            member("outputRecordsByTopic").set(driver, outputs);
        } catch (IllegalAccessException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /** The queue of one topic, whose records are written to the journal too. */
    private final class Journaled extends LinkedList<ProducerRecord<byte[], byte[]>> {
        private static final long serialVersionUID = 1L;

        @Override
        public boolean add(ProducerRecord<byte[], byte[]> record) {
            journal.add(record);
            return super.add(record);
        }
    }

    private static Class<?>[] types(Class<?>... types) {
        return types;
    }

    private static Field member(String name) {
        try {
            Field field = TopologyTestDriver.class.getDeclaredField(name);
            field.setAccessible(true);
            return field;
        } catch (NoSuchFieldException renamed) {
            throw new IllegalStateException("this version's TopologyTestDriver has no field " + name, renamed);
        }
    }

    @SuppressWarnings("unchecked")
    private <T> T field(String name) {
        try {
            return (T) member(name).get(driver);
        } catch (IllegalAccessException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    @SuppressWarnings("unchecked")
    private <T> T call(String name, Class<?>[] types, Object... arguments) {
        try {
            Method method = TopologyTestDriver.class.getDeclaredMethod(name, types);
            method.setAccessible(true);
            return (T) method.invoke(driver, arguments);
        } catch (NoSuchMethodException | IllegalAccessException renamed) {
            throw new IllegalStateException("this version's TopologyTestDriver has no method " + name, renamed);
        } catch (InvocationTargetException failed) {
            if (failed.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
            throw new IllegalStateException(failed.getCause());
        }
    }
}
