package oracle.conformance;

import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.kstream.internals.SessionWindow;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.SessionStore;
import org.apache.kafka.streams.state.VersionedKeyValueStore;
import org.apache.kafka.streams.state.VersionedRecord;
import org.apache.kafka.streams.state.WindowStore;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Set;

/** What the named processors do with a record, apart from the API they are called through ({@link ProcessorShells}). */
final class Processors {
    /** A record as every API gives it; {@code place} is the text of where it came from. */
    record In(Object key, Object value, long timestamp, Headers headers, String place) {
    }

    /** Where results go: the key stays, or the API has no key to change. */
    interface Out {
        void forward(Object value, long timestamp, Headers headers);
    }

    private static final Set<String> STORED = Set.of("count_in_store", "last_value", "punctuate_stream", "punctuate_wall",
        "window_puts", "session_puts", "versioned_puts");
    private static final Set<String> STATELESS =
        Set.of("forward", "metadata", "time_shift", "headers", "forward_then_fail");

    private Processors() {
    }

    static Type result(Fields fields, String name, Type value) {
        if (!STORED.contains(name) && !STATELESS.contains(name)) {
            throw Functions.unknown(fields, "processor", name);
        }
        return switch (name) {
            case "count_in_store", "punctuate_stream", "punctuate_wall", "window_puts", "session_puts" -> Type.LONG;
            case "metadata" -> Type.STRING;
            default -> value;
        };
    }

    static boolean isStored(String name) {
        return STORED.contains(name);
    }

    static void process(String name, StateStore store, In in, Out out) {
        if (isStored(name) && in.key == null) {
            return;
        }
        switch (name) {
            case "forward" -> out.forward(in.value, in.timestamp, in.headers);
            case "metadata" -> out.forward(in.place, in.timestamp, in.headers);
            case "time_shift" -> out.forward(in.value, in.timestamp + 5, in.headers);
            case "headers" -> {
                Headers more = new RecordHeaders(in.headers);
                more.add("seen", Values.text(in.key).getBytes(java.nio.charset.StandardCharsets.UTF_8));
                out.forward(in.value, in.timestamp, more);
            }
            case "forward_then_fail" -> {
                out.forward(in.value, in.timestamp, in.headers);
                if ("fail".equals(Values.text(in.value))) {
                    throw new IllegalStateException("the value says so");
                }
            }
            case "count_in_store" -> out.forward(count(store, in.key), in.timestamp, in.headers);
            case "punctuate_stream", "punctuate_wall" -> count(store, in.key);
            default -> out.forward(put(name, store, in), in.timestamp, in.headers);
        }
    }

    /** @return all rows of a key-value store, in its order */
    static List<KeyValue<Object, Object>> rows(StateStore store) {
        List<KeyValue<Object, Object>> rows = new ArrayList<>();
        try (KeyValueIterator<Object, Object> all = Processors.<KeyValueStore<Object, Object>>as(store).all()) {
            all.forEachRemaining(rows::add);
        }
        return rows;
    }

    private static long count(StateStore store, Object key) {
        KeyValueStore<Object, Object> counts = as(store);
        long count = Values.number(counts.get(key)) + 1;
        counts.put(key, count);
        return count;
    }

    private static Object put(String name, StateStore store, In in) {
        switch (name) {
            case "last_value" -> {
                KeyValueStore<Object, Object> values = as(store);
                Object previous = values.get(in.key);
                values.put(in.key, in.value);
                return previous;
            }
            case "window_puts" -> {
                WindowStore<Object, Object> windows = as(store);
                windows.put(in.key, in.value, in.timestamp);
                return length(windows.fetch(in.key, 0, in.timestamp));
            }
            case "session_puts" -> {
                SessionStore<Object, Object> sessions = as(store);
                sessions.put(new Windowed<>(in.key, new SessionWindow(in.timestamp, in.timestamp)), in.value);
                return length(sessions.findSessions(in.key, 0, in.timestamp));
            }
            case "versioned_puts" -> {
                VersionedKeyValueStore<Object, Object> versions = as(store);
                versions.put(in.key, in.value, in.timestamp);
                VersionedRecord<Object> found = versions.get(in.key, in.timestamp - 5);
                return found == null ? null : found.value();
            }
            default -> throw new IllegalStateException("not a processor with a store: " + name);
        }
    }

    private static <I extends Iterator<?> & AutoCloseable> long length(I rows) {
        long count = 0;
        while (rows.hasNext()) {
            rows.next();
            count++;
        }
        try {
            rows.close();
        } catch (Exception impossible) {
            throw new IllegalStateException(impossible);
        }
        return count;
    }

    /** The case says of which kind its store is; the wrong kind ends the run with a ClassCastException. */
    @SuppressWarnings("unchecked")
    private static <S extends StateStore> S as(StateStore store) {
        return (S) store;
    }
}
