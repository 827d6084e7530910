package oracle.conformance;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.query.MultiVersionedKeyQuery;
import org.apache.kafka.streams.query.PositionBound;
import org.apache.kafka.streams.query.QueryConfig;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.SessionStore;
import org.apache.kafka.streams.state.ValueAndTimestamp;
import org.apache.kafka.streams.state.ValueTimestampHeaders;
import org.apache.kafka.streams.state.VersionedRecord;
import org.apache.kafka.streams.state.VersionedRecordIterator;
import org.apache.kafka.streams.state.WindowStore;

import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeMap;

/** Writes down the rows of a run's stores, each kind by its own public iteration. */
final class StoreContents {
    /** Parts of the names of stores whose rows only Kafka knows: unmatched sides of joins, foreign-key subscriptions. */
    private static final List<String> PRIVATE =
        List.of("KSTREAM-OUTERSHARED-", "-left-shared-join", "-outer-shared-join", "SUBSCRIPTION-STATE-STORE", "-subscription-store");

    private StoreContents() {
    }

    /**
     * @param versioned the versioned stores and the types of their keys
     * @param keys the keys of all records of the run: a versioned store cannot list its own, so it is asked for these
     */
    static JsonNode of(Map<String, StateStore> stores, Map<String, Type> versioned, SortedSet<byte[]> keys) {
        ObjectNode all = JsonNodeFactory.instance.objectNode();
        new TreeMap<>(stores).forEach((name, store) -> {
            if (store == null || PRIVATE.stream().anyMatch(name::contains)) {
                return;
            }
            JsonNode rows = versioned.containsKey(name) ? versions(store, versioned.get(name), keys) : rows(store);
            if (rows != null) {
                all.set(name, rows);
            }
        });
        return all;
    }

    /** @return the rows, or null for a store that has none to show (buffers) */
    @SuppressWarnings("unchecked")
    private static JsonNode rows(StateStore store) {
        if (store instanceof KeyValueStore<?, ?> rows) {
            return list(((KeyValueStore<Object, Object>) rows).all());
        } else if (store instanceof WindowStore<?, ?> rows) {
            return list(((WindowStore<Object, Object>) rows).all());
        } else if (store instanceof SessionStore<?, ?> rows) {
            return list(((SessionStore<Object, Object>) rows).fetch(null, null));
        }
        return null;
    }

    private static JsonNode list(KeyValueIterator<?, ?> rows) {
        ArrayNode all = JsonNodeFactory.instance.arrayNode();
        try (rows) {
            while (rows.hasNext()) {
                KeyValue<?, ?> row = rows.next();
                ObjectNode node = all.addObject();
                node.set("key", Values.json(row.key));
                if (row.value instanceof ValueAndTimestamp<?> timestamped) {
                    node.set("value", Values.json(timestamped.value()));
                    node.put("ts", timestamped.timestamp());
                } else if (row.value instanceof ValueTimestampHeaders<?> timestamped) {
                    joinRow(node, timestamped);
                } else {
                    node.set("value", Values.json(row.value));
                }
            }
        }
        return all;
    }

    /** A row of a stream-stream join, which keeps its record's headers. Its time is the start of the row's window. */
    private static void joinRow(ObjectNode node, ValueTimestampHeaders<?> row) {
        node.set("value", Values.json(row.value()));
        if (row.headers().iterator().hasNext()) {
            node.set("headers", Values.headers(row.headers(), Values::utf8));
        }
    }

    private static JsonNode versions(StateStore store, Type keyType, SortedSet<byte[]> keys) {
        ArrayNode all = JsonNodeFactory.instance.arrayNode();
        for (byte[] bytes : keys) {
            Object key;
            try {
                key = keyType.serde().deserializer().deserialize("", bytes);
            } catch (SerializationException ofAnotherType) {
                continue;
            }
            MultiVersionedKeyQuery<Object, Object> query =
                MultiVersionedKeyQuery.withKey(key).withDescendingTimestamps();
            try (VersionedRecordIterator<Object> versions =
                     store.query(query, PositionBound.unbounded(), new QueryConfig(false)).getResult()) {
                while (versions.hasNext()) {
                    VersionedRecord<Object> version = versions.next();
                    ObjectNode node = all.addObject();
                    node.set("key", Values.json(key));
                    node.set("value", Values.json(version.value()));
                    node.put("ts", version.timestamp());
                    version.validTo().ifPresent(to -> node.put("to", to));
                }
            }
        }
        return all;
    }
}
