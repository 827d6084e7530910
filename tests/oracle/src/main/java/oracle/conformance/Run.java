package oracle.conformance;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.streams.Topology;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/** One run of a case's inputs through the driver, and what it left. */
final class Run {
    /** What the names of internal topics start with: the application id. */
    private static final String INTERNAL = "app-";

    private final JsonNode topology;
    private final Properties properties;
    private final Observations observations;
    private final boolean commitsAlone;
    private final Map<String, Types> inputs;
    private final SortedSet<byte[]> keys = new TreeSet<>(Arrays::compareUnsigned);
    private final ObjectNode result = JsonNodeFactory.instance.objectNode();
    private int step = -1;

    /** The declared types of an input topic. */
    private record Types(Type key, Type value) {
    }

    Run(JsonNode topology, Properties properties, Path directory, boolean commitsAlone) {
        this.topology = topology;
        this.properties = properties;
        this.observations = new Observations(directory);
        this.commitsAlone = commitsAlone;
        this.inputs = inputs(topology);
    }

    ObjectNode of(JsonNode input) {
        Topology built = Program.build(topology, properties, observations);
        Driver driver;
        try {
            driver = new Driver(built, properties, commitsAlone);
        } catch (RuntimeException failure) {
            result.putArray("output");
            result.putObject("internal");
            result.set("seen", observations.seen());
            result.put("dropped", 0);
            fails(failure);
            return result;
        }
        try (driver) {
            RuntimeException failure = feed(driver, input);
            record(driver, failure);
        }
        result.set("seen", observations.seen());
        return result;
    }

    /** @return the exception that ended the run, or null */
    private RuntimeException feed(Driver driver, JsonNode input) {
        try {
            for (step = 0; step < input.size(); step++) {
                step(driver, new Fields("step " + step, input.get(step)));
            }
            driver.commitAll();
            return null;
        } catch (Mistake mistake) {
            throw mistake;
        } catch (RuntimeException failure) {
            return failure;
        }
    }

    private void step(Driver driver, Fields fields) {
        if (fields.has("advance")) {
            driver.advance(fields.number("advance"));
        } else if (fields.has("commit")) {
            if (!Boolean.TRUE.equals(fields.optionalFlag("commit"))) {
                throw fields.mistake("`commit` is true");
            }
            driver.commit();
        } else if (fields.has("restart")) {
            if (!Boolean.TRUE.equals(fields.optionalFlag("restart"))) {
                throw fields.mistake("`restart` is true");
            }
            driver.restart();
        } else {
            String topic = fields.text("topic");
            Types types = inputs.getOrDefault(topic, new Types(Type.STRING, Type.STRING));
            byte[] key = Values.bytes(fields.where() + ": key", fields.node("key"), types.key());
            byte[] value = Values.bytes(fields.where() + ": value", fields.node("value"), types.value());
            Headers headers = Values.headers(fields);
            long timestamp = fields.number("ts");
            addKey(key);
            fields.done();
            driver.pipe(topic, timestamp, key, value, headers);
        }
        fields.done();
    }

    private void record(Driver driver, RuntimeException failure) {
        List<ProducerRecord<byte[], byte[]>> journal = driver.journal();
        journal.forEach(each -> addKey(each.key()));
        ArrayNode output = result.putArray("output");
        ObjectNode stores = result.putObject("stores");
        Map<String, ArrayNode> internal = new TreeMap<>();
        for (ProducerRecord<byte[], byte[]> each : journal) {
            if (each.topic().startsWith(INTERNAL)) {
                internal.computeIfAbsent(each.topic(), name -> JsonNodeFactory.instance.arrayNode()).add(raw(each));
            } else {
                output.add(decoded(each));
            }
        }
        ObjectNode topics = result.putObject("internal");
        internal.forEach((topic, records) -> topics.set(topic, ordered(records)));
        result.putObject("seen");
        result.put("dropped", driver.dropped());
        if (failure == null) {
            stores.setAll((ObjectNode) StoreContents.of(driver.stores(), observations.versioned(), keys));
        } else {
            result.remove("stores");
            fails(failure);
        }
    }

    /**
     * Orders a suppress buffer's changelog by key, the records of one key as they were written: a commit writes the keys
     * that changed in the order of a hash set, which says nothing. Only these records have no time.
     */
    private static ArrayNode ordered(ArrayNode records) {
        List<JsonNode> all = new ArrayList<>();
        records.forEach(all::add);
        if (all.stream().anyMatch(each -> each.get("ts").isNull())) {
            all.sort(Comparator.comparing(each -> each.get("key").asText()));
        }
        return JsonNodeFactory.instance.arrayNode().addAll(all);
    }

    private void fails(RuntimeException failure) {
        Throwable cause = failure;
        while (cause.getCause() != null && cause.getCause() != cause) {
            cause = cause.getCause();
        }
        result.put("fails", failure.getClass().getSimpleName());
        result.put("fails_at", step);
        result.put("failure", said(cause));
    }

    /** @return the class, and the message when it is Kafka's own: what Java says differs from one JVM to the next */
    private static String said(Throwable cause) {
        String name = cause.getClass().getSimpleName();
        return cause.getClass().getName().startsWith("java.") ? name : name + ": " + Oracle.firstLine(cause.getMessage());
    }

    private JsonNode decoded(ProducerRecord<byte[], byte[]> each) {
        Observations.Sink sink = observations.sink(each.topic());
        if (sink == null) {
            throw new IllegalStateException("records on `" + each.topic() + "`, which no sink of the case writes");
        }
        ObjectNode node = JsonNodeFactory.instance.objectNode();
        node.put("topic", each.topic());
        node.set("key", Values.decoded(each.key(), sink.key()));
        node.set("value", Values.decoded(each.value(), sink.value()));
        node.put("ts", each.timestamp());
        if (each.headers().iterator().hasNext()) {
            node.set("headers", Values.headers(each.headers(), Values::utf8));
        }
        return node;
    }

    private static JsonNode raw(ProducerRecord<byte[], byte[]> each) {
        ObjectNode node = JsonNodeFactory.instance.objectNode();
        node.set("key", Values.hex(each.key()));
        node.set("value", Values.hex(each.value()));
        node.put("ts", each.timestamp());
        if (each.headers().iterator().hasNext()) {
            node.set("headers", Values.headers(each.headers(), Values::hex));
        }
        return node;
    }

    private void addKey(byte[] key) {
        if (key != null) {
            keys.add(key);
        }
    }

    /** @return the types that the case's sources give to topics, for windowed keys among the inputs */
    private static Map<String, Types> inputs(JsonNode topology) {
        Map<String, Types> inputs = new HashMap<>();
        for (JsonNode node : topology.path("nodes")) {
            if (node.has("key") && node.has("value")) {
                Fields fields = new Fields("node " + node.path("op").asText(), node);
                Types types = new Types(fields.type("key"), fields.type("value"));
                fields.texts("topics").forEach(topic -> inputs.put(topic, types));
                if (node.path("topic").isTextual()) {
                    inputs.put(node.path("topic").textValue(), types);
                }
            }
        }
        return inputs;
    }
}
