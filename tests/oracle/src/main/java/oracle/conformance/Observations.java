package oracle.conformance;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/** What a built topology leaves besides records: what its peeks, foreachs and prints saw, and the types to read it by. */
final class Observations {
    /** The types that a sink topic is read with. */
    record Sink(Type key, Type value) {
    }

    /** Topics chosen by record begin so. */
    static final String CHOSEN = "out-";

    private final Map<String, ArrayNode> seen = new LinkedHashMap<>();
    private final Map<String, Path> printed = new LinkedHashMap<>();
    private final Map<String, Sink> sinks = new LinkedHashMap<>();
    private final Map<String, Type> versioned = new LinkedHashMap<>();
    private final Path directory;

    /** @param directory where files of {@code print} go */
    Observations(Path directory) {
        this.directory = directory;
    }

    void watch(String id) {
        seen.put(id, JsonNodeFactory.instance.arrayNode());
    }

    void saw(String id, Object key, Object value) {
        seen.get(id).addArray().add(Values.json(key)).add(Values.json(value));
    }

    Path print(String id) {
        Path file = directory.resolve("print-" + printed.size());
        watch(id);
        printed.put(id, file);
        return file;
    }

    void sink(Fields fields, String topic, Type key, Type value) {
        Sink sink = new Sink(key, value);
        Sink before = sinks.putIfAbsent(topic, sink);
        if (before != null && !before.equals(sink)) {
            throw fields.mistake("another sink writes other types to `" + topic + "`");
        }
    }

    /** @return the types of a sink's topic, or null when no sink of the case writes to it */
    Sink sink(String topic) {
        Sink sink = sinks.get(topic);
        return sink == null && topic.startsWith(CHOSEN) ? sinks.get(CHOSEN) : sink;
    }

    void versioned(String store, Type key) {
        versioned.put(store, key);
    }

    /** @return the versioned stores and the types of their keys */
    Map<String, Type> versioned() {
        return versioned;
    }

    /** @return all that was seen, by the node's id; to be called after the topology is closed, for prints are files */
    JsonNode seen() {
        printed.forEach((id, file) -> {
            try {
                if (Files.exists(file)) {
                    Files.readAllLines(file).forEach(seen.get(id)::add);
                }
            } catch (IOException unreadable) {
                throw new UncheckedIOException(unreadable);
            }
        });
        ObjectNode all = JsonNodeFactory.instance.objectNode();
        seen.forEach(all::set);
        return all;
    }
}
