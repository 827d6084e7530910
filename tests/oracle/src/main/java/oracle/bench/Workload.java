package oracle.bench;

import java.time.Duration;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.StreamJoined;
import org.apache.kafka.streams.kstream.TimeWindows;

/**
 * The five applications that are measured. Each reads {@code PREFIX-left} (joins also {@code PREFIX-right}) and writes
 * {@code PREFIX-out}; keys and values are text. The Rust side has the same, in {@code benches/src/jvm/workloads.rs}.
 */
enum Workload {
    STATELESS("stateless") {
        @Override
        void build(StreamsBuilder builder, String prefix) {
            left(builder, prefix)
                .filter((key, value) -> value.charAt(value.length() - 1) % 2 == 0)
                .mapValues(value -> value.substring(0, FOREIGN_KEY_LENGTH) + '!')
                .to(prefix + "-out", Produced.with(Serdes.String(), Serdes.String()));
        }
    },
    COUNT("count") {
        @Override
        void build(StreamsBuilder builder, String prefix) {
            left(builder, prefix)
                .groupByKey(Grouped.with(Serdes.String(), Serdes.String()))
                .count(Materialized.as("counts"))
                .toStream()
                .to(prefix + "-out", Produced.with(Serdes.String(), Serdes.Long()));
        }
    },
    TUMBLING_COUNT("tumbling-count") {
        @Override
        void build(StreamsBuilder builder, String prefix) {
            left(builder, prefix)
                .groupByKey(Grouped.with(Serdes.String(), Serdes.String()))
                .windowedBy(TimeWindows.ofSizeWithNoGrace(WINDOW))
                .count(Materialized.as("counts"))
                .toStream((key, value) -> key.key())
                .to(prefix + "-out", Produced.with(Serdes.String(), Serdes.Long()));
        }
    },
    STREAM_JOIN("stream-join") {
        @Override
        void build(StreamsBuilder builder, String prefix) {
            left(builder, prefix)
                .join(
                    builder.stream(prefix + "-right", Consumed.with(Serdes.String(), Serdes.String())),
                    Workload::joined,
                    JoinWindows.ofTimeDifferenceWithNoGrace(WINDOW),
                    StreamJoined.with(Serdes.String(), Serdes.String(), Serdes.String()))
                .to(prefix + "-out", Produced.with(Serdes.String(), Serdes.String()));
        }
    },
    FOREIGN_KEY_JOIN("foreign-key-join") {
        @Override
        void build(StreamsBuilder builder, String prefix) {
            var text = Consumed.with(Serdes.String(), Serdes.String());
            builder.table(prefix + "-left", text)
                .join(
                    builder.table(prefix + "-right", text),
                    value -> value.substring(0, FOREIGN_KEY_LENGTH),
                    Workload::joined,
                    Materialized.with(Serdes.String(), Serdes.String()))
                .toStream()
                .to(prefix + "-out", Produced.with(Serdes.String(), Serdes.String()));
        }
    };

    /** The width of windows, and how far apart two records may be that join. */
    static final Duration WINDOW = Duration.ofSeconds(10);
    /** A value starts with the key of the right side that it refers to. */
    static final int FOREIGN_KEY_LENGTH = 8;

    final String title;

    Workload(String title) {
        this.title = title;
    }

    abstract void build(StreamsBuilder builder, String prefix);

    static Workload named(String title) {
        for (var workload : values()) {
            if (workload.title.equals(title)) {
                return workload;
            }
        }
        throw new IllegalArgumentException("there is no workload `" + title + "`");
    }

    private static KStream<String, String> left(StreamsBuilder builder, String prefix) {
        return builder.stream(prefix + "-left", Consumed.with(Serdes.String(), Serdes.String()));
    }

    private static String joined(String left, String right) {
        return left.substring(0, FOREIGN_KEY_LENGTH) + right;
    }
}
