package oracle.conformance;

import com.fasterxml.jackson.databind.JsonNode;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.AutoOffsetReset;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.internals.NamedInternal;
import org.apache.kafka.streams.processor.FailOnInvalidTimestamp;
import org.apache.kafka.streams.processor.LogAndSkipOnInvalidTimestamp;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.processor.TimestampExtractor;
import org.apache.kafka.streams.processor.UsePartitionTimeOnInvalidTimestamp;
import org.apache.kafka.streams.state.BuiltInDslStoreSuppliers;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

import java.time.Duration;
import java.util.Map;

/** The option objects of the DSL from a node's fields: names, serdes, stores, sources. */
final class Options {
    private Options() {
    }

    /** @return the node's name; without one, the empty name that the overloads without {@code Named} pass on */
    static Named named(Node node) {
        String name = node.fields().text("name", null);
        return name == null ? NamedInternal.empty() : Named.as(name);
    }

    /** @return the serde of the type, or null where the case leaves serdes to Kafka */
    static Serde<Object> serde(Node node, Type type) {
        return node.defaultSerdes() ? null : type.serde();
    }

    static Consumed<Object, Object> consumed(Node node, Type key, Type value) {
        Consumed<Object, Object> consumed = Consumed.with(serde(node, key), serde(node, value));
        String name = node.fields().text("name", null);
        String extractor = node.fields().text("extractor", null);
        String reset = node.fields().text("reset", null);
        if (name != null) {
            consumed = consumed.withName(name);
        }
        if (extractor != null) {
            consumed = consumed.withTimestampExtractor(extractor(node, extractor));
        }
        if (reset != null) {
            consumed = consumed.withOffsetResetPolicy(switch (reset) {
                case "earliest" -> AutoOffsetReset.earliest();
                case "latest" -> AutoOffsetReset.latest();
                case "none" -> AutoOffsetReset.none();
                default -> throw Functions.unknown(node.fields(), "reset policy", reset);
            });
        }
        return consumed;
    }

    private static TimestampExtractor extractor(Node node, String name) {
        return switch (name) {
            case "fail" -> new FailOnInvalidTimestamp();
            case "log_and_skip" -> new LogAndSkipOnInvalidTimestamp();
            case "partition_time" -> new UsePartitionTimeOnInvalidTimestamp();
            case "embedded" -> (record, partitionTime) -> embedded(record.value());
            default -> throw Functions.unknown(node.fields(), "timestamp extractor", name);
        };
    }

    private static long embedded(Object value) {
        if (value instanceof Long number) {
            return number;
        }
        try {
            return value == null ? -1 : Long.parseLong(Values.text(value));
        } catch (NumberFormatException notANumber) {
            return -1;
        }
    }

    static Grouped<Object, Object> grouped(Node node, Type key, Type value) {
        Grouped<Object, Object> grouped = Grouped.with(serde(node, key), serde(node, value));
        String name = node.fields().text("name", null);
        return name == null ? grouped : grouped.withName(name);
    }

    static boolean isMaterialized(Node node) {
        return node.fields().has("materialized");
    }

    /** @return what `materialized` says; without the field, serdes only */
    static <S extends StateStore> Materialized<Object, Object, S> materialized(Node node, Type key, Type value) {
        return materialized(node, key, value, null);
    }

    /** As {@link #materialized}, of key-value stores, which may be versioned. */
    static Materialized<Object, Object, KeyValueStore<Bytes, byte[]>> materializedTable(Node node, Type key, Type value) {
        JsonNode spec = node.fields().optional("materialized");
        if (spec == null || !spec.path("store").asText().equals("versioned")) {
            return materialized(node, key, value, null);
        }
        Fields fields = new Fields(node.fields().where() + ": materialized", spec);
        Duration history = fields.millis("history");
        node.observations().versioned(fields.text("name"), key);
        return materialized(node, key, value,
            Materialized.as(Stores.persistentVersionedKeyValueStore(fields.text("name"), history)));
    }

    private static <S extends StateStore> Materialized<Object, Object, S> materialized(
            Node node, Type key, Type value, Materialized<Object, Object, S> versioned) {
        Serde<Object> keys = serde(node, key);
        Serde<Object> values = serde(node, value);
        JsonNode spec = node.fields().optional("materialized");
        if (spec == null) {
            return Materialized.with(keys, values);
        }
        Fields fields = new Fields(node.fields().where() + ": materialized", spec);
        String name = fields.text("name", null);
        String store = fields.text("store", null);
        Materialized<Object, Object, S> result;
        if (versioned != null) {
            fields.millis("history");
            result = versioned.withKeySerde(keys).withValueSerde(values);
        } else {
            result = name == null ? Materialized.with(keys, values)
                : Materialized.<Object, Object, S>as(name).withKeySerde(keys).withValueSerde(values);
            result = stored(fields, store, result);
        }
        if (fields.has("retention")) {
            result = result.withRetention(fields.millis("retention"));
        }
        Boolean caching = fields.optionalFlag("caching");
        if (caching != null) {
            result = caching ? result.withCachingEnabled() : result.withCachingDisabled();
        }
        Boolean logging = fields.optionalFlag("logging");
        if (logging != null) {
            result = logging ? result.withLoggingEnabled(Map.of()) : result.withLoggingDisabled();
        }
        fields.done();
        return result;
    }

    private static <S extends StateStore> Materialized<Object, Object, S> stored(
            Fields fields, String store, Materialized<Object, Object, S> materialized) {
        if (store == null) {
            return materialized;
        }
        return switch (store) {
            case "in_memory" -> materialized.withStoreType(BuiltInDslStoreSuppliers.IN_MEMORY);
            case "persistent" -> materialized.withStoreType(BuiltInDslStoreSuppliers.ROCKS_DB);
            default -> throw Functions.unknown(fields, "store (here)", store);
        };
    }
}
