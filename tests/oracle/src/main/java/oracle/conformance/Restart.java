package oracle.conformance;

import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.TopologyConfig.TaskConfig;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.processor.internals.InternalProcessorContext;
import org.apache.kafka.streams.processor.internals.InternalTopologyBuilder;
import org.apache.kafka.streams.processor.internals.ProcessorStateManager;
import org.apache.kafka.streams.processor.internals.ProcessorTopology;
import org.apache.kafka.streams.processor.internals.StreamTask;
import org.apache.kafka.streams.processor.internals.metrics.StreamsMetricsImpl;
import org.apache.kafka.streams.state.internals.ThreadCache;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Properties;
import java.util.stream.Stream;

/**
 * Closes the task of a test driver and opens it again, as when an application goes on with another machine, which the
 * driver has no way to do: new processors, partition times and processor metadata from the committed offsets, all stores
 * empty (those on disk too) and read again from their changelogs.
 */
final class Restart {
    private final Members driver;
    private final Properties properties;

    Restart(Members driver, Properties properties) {
        this.driver = driver;
        this.properties = properties;
    }

    /** @param history all records of all topics so far, inputs too: a table's source may be its changelog */
    StreamTask of(StreamTask task, List<ProducerRecord<byte[], byte[]>> history) {
        InternalProcessorContext<?, ?> context = task.processorContext();
        StreamsMetricsImpl metrics = context.metrics();
        ThreadCache cache = context.cache();
        task.suspend();
        task.closeClean();
        wipe(Path.of(properties.getProperty(StreamsConfig.STATE_DIR_CONFIG)));
        keepCommitted();
        InternalTopologyBuilder builder = driver.get("internalTopologyBuilder");
        ProcessorTopology topology = builder.buildTopology();
        driver.set("processorTopology", topology);
        driver.call("setupTask",
            Members.types(StreamsConfig.class, StreamsMetricsImpl.class, ThreadCache.class, TaskConfig.class),
            new StreamsConfig(properties), metrics, cache, builder.topologyConfigs().getTaskConfig());
        StreamTask fresh = driver.get("task");
        ProcessorStateManager states = new Members(fresh.getClass().getSuperclass(), fresh).get("stateMgr");
        for (Map.Entry<String, String> store : topology.storeToChangelogTopic().entrySet()) {
            StateStore opened = states.store(store.getKey());
            if (opened != null) {
                restore(states, store.getValue(), history);
            }
        }
        return fresh;
    }

    /** The mock consumer forgets what was committed when partitions are assigned to it again; a group does not. */
    private void keepCommitted() {
        Members consumer = new Members(MockConsumer.class, driver.get("consumer"));
        Map<TopicPartition, OffsetAndMetadata> committed = consumer.get("committed");
        consumer.set("committed", new HashMap<>(committed) {
            private static final long serialVersionUID = 1L;

            @Override
            public void clear() {
            }
        });
    }

    private static void wipe(Path directory) {
        try (Stream<Path> files = Files.walk(directory)) {
            files.filter(Files::isRegularFile).forEach(file -> file.toFile().delete());
        } catch (NoSuchFileException nothingOnDisk) {
            return;
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    private static void restore(ProcessorStateManager states, String changelog,
                                List<ProducerRecord<byte[], byte[]>> history) {
        List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
        for (ProducerRecord<byte[], byte[]> each : history) {
            if (each.topic().equals(changelog)) {
                long timestamp = each.timestamp() == null ? 0 : each.timestamp();
                records.add(new ConsumerRecord<>(changelog, 0, records.size(), timestamp, TimestampType.CREATE_TIME,
                    length(each.key()), length(each.value()), each.key(), each.value(), each.headers(), Optional.empty()));
            }
        }
        Members manager = new Members(ProcessorStateManager.class, states);
        TopicPartition partition = new TopicPartition(changelog, 0);
        Object metadata = manager.call("storeMetadata", Members.types(TopicPartition.class), partition);
        manager.call("restore",
            Members.types(ProcessorStateManager.StateStoreMetadata.class, List.class, OptionalLong.class),
            metadata, records, OptionalLong.empty());
    }

    private static int length(byte[] bytes) {
        return bytes == null ? ConsumerRecord.NULL_SIZE : bytes.length;
    }
}
