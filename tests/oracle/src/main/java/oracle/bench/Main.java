package oracle.bench;

import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import java.util.function.Predicate;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.Metric;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;

/**
 * Runs one workload on Kafka Streams: once over a small input to warm the JVM up, once over the input that counts.
 *
 * <p>Says {@code start} when the measured application starts and {@code end} when it has processed and committed
 * everything, each on a line of its own, and waits for a line on standard input after each, so that whoever measures
 * can read the CPU clocks of the broker and of this process between the two. The line of {@code end} carries the
 * seconds.
 */
public final class Main {
    /** How often the metrics are read; the end of the run is known to about this precision. */
    private static final Duration LOOK = Duration.ofMillis(50);
    /** How often in a row nothing may have moved before the run counts as ended: for longer than {@link #COMMIT_INTERVAL_MS}. */
    private static final int QUIET = 40;
    /** Where a cache feeds another sub-topology, that one sees nothing before a commit, which by default comes every 30 s. */
    private static final int COMMIT_INTERVAL_MS = 1_000;
    private static final Duration LIMIT = Duration.ofMinutes(20);

    private Main() {
    }

    public static void main(String[] args) throws Exception {
        if (args.length != 7) {
            System.err.println("usage: Main BOOTSTRAP WORKLOAD GUARANTEE THREADS STATE-DIR WARM-RECORDS RECORDS");
            System.exit(2);
        }
        var workload = Workload.named(args[1]);
        run(workload, args, "warm", Long.parseLong(args[5]));
        say("start");
        double seconds = run(workload, args, "bench", Long.parseLong(args[6]));
        say("end " + seconds);
    }

    private static void say(String line) throws Exception {
        System.out.println(line);
        System.out.flush();
        while (System.in.read() != '\n') {
            // the answer is an empty line
        }
    }

    /** @return seconds from having its tasks to the end of the close, without the time in which it only waited to be sure of the end */
    private static double run(Workload workload, String[] args, String prefix, long records) throws Exception {
        var builder = new StreamsBuilder();
        workload.build(builder, prefix);
        var settings = settings(workload, args, prefix);
        try (var streams = new KafkaStreams(builder.build(settings), settings)) {
            streams.setUncaughtExceptionHandler(failure -> {
                failure.printStackTrace();
                Runtime.getRuntime().halt(1);
                return null;
            });
            streams.start();
            while (streams.state() != KafkaStreams.State.RUNNING) {
                Thread.sleep(1);
            }
            long started = System.nanoTime();
            long quietSince = waitUntilProcessed(streams, records, started);
            long waited = System.nanoTime();
            streams.close();
            return (quietSince - started + System.nanoTime() - waited) / 1e9;
        }
    }

    /** What Kafka's documentation advises for throughput; everything else is its default. */
    private static Properties settings(Workload workload, String[] args, String prefix) {
        var settings = new Properties();
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, prefix + "-" + args[1] + "-" + args[2]);
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, args[2]);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, args[3]);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, args[4]);
        settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        settings.put(StreamsConfig.TOPOLOGY_OPTIMIZATION_CONFIG, StreamsConfig.OPTIMIZE);
        if (workload == Workload.FOREIGN_KEY_JOIN && args[2].equals(StreamsConfig.AT_LEAST_ONCE)) {
            settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, COMMIT_INTERVAL_MS);
        }
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 10_000);
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG), 4 << 20);
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 256 << 10);
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.BUFFER_MEMORY_CONFIG), 128L << 20);
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.LINGER_MS_CONFIG), 100);
        return settings;
    }

    /** @return when the last progress was seen: all of the input processed, no lag in any topic, and nothing moving */
    private static long waitUntilProcessed(KafkaStreams streams, long records, long started) throws Exception {
        double last = -1;
        long lastMoved = started;
        int quiet = 0;
        while (quiet < QUIET) {
            if (System.nanoTime() - started > LIMIT.toNanos()) {
                throw new IllegalStateException("only " + last + " of " + records + " records after " + LIMIT);
            }
            Thread.sleep(LOOK.toMillis());
            double processed = sum(streams.metrics(), "stream-thread-metrics", "process-total");
            double lag = sum(streams.metrics(), "consumer-fetch-manager-metrics", "records-lag");
            if (processed != last) {
                last = processed;
                lastMoved = System.nanoTime();
                quiet = 0;
            } else if (processed >= records && lag == 0) {
                quiet++;
            }
        }
        return lastMoved;
    }

    /** Over all threads. A consumer that restored stores keeps the lag at which it stopped: it does not count. */
    private static double sum(Map<?, ? extends Metric> metrics, String group, String name) {
        Predicate<Metric> wanted = metric -> metric.metricName().group().equals(group)
            && metric.metricName().name().equals(name)
            && !metric.metricName().tags().getOrDefault("client-id", "").endsWith("restore-consumer");
        return metrics.values().stream().filter(wanted).map(Metric::metricValue).map(Double.class::cast)
            .filter(value -> !value.isNaN()).mapToDouble(Double::doubleValue).sum();
    }
}
