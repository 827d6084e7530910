package oracle.conformance;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.LogAndContinueExceptionHandler;
import org.apache.kafka.streams.errors.LogAndContinueProcessingExceptionHandler;
import org.apache.kafka.streams.state.BuiltInDslStoreSuppliers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Properties;
import java.util.stream.Stream;

/** Asks Kafka Streams what it does with a case: describes its topology twice, runs its inputs twice. */
final class Oracle {
    /** Larger than any case fills, so that only commits flush. */
    private static final long CACHE_BYTES = 100L << 20;

    private final JsonNode topology;
    private final JsonNode input;
    private final Fields config;

    private Oracle(JsonNode topology, JsonNode input) {
        this.topology = topology;
        this.input = input;
        JsonNode config = topology.path("config");
        this.config = new Fields("config", config.isMissingNode() ? JsonNodeFactory.instance.objectNode() : config);
    }

    /** @return what a case expects: its field {@code expected} */
    static ObjectNode expected(JsonNode node) {
        Fields fields = new Fields("case `" + node.path("name").asText("?") + "`", node);
        fields.text("name", "");
        fields.text("family", "");
        fields.text("about", "");
        fields.optional("expected");
        Oracle oracle = new Oracle(fields.node("topology"), fields.node("input"));
        fields.done();
        Path directory = temporary();
        try {
            return oracle.expected(directory);
        } catch (Mistake mistake) {
            throw new Mistake(fields.where() + ": " + mistake.getMessage());
        } finally {
            remove(directory);
        }
    }

    private ObjectNode expected(Path directory) {
        ObjectNode expected = JsonNodeFactory.instance.objectNode();
        String optimization = optimization();
        Properties uncached = properties(directory, optimization, 0);
        config.done();
        try {
            describe(expected, "describe", directory, StreamsConfig.NO_OPTIMIZATION);
            describe(expected, "describe_optimized", directory, StreamsConfig.OPTIMIZE);
            Program.build(topology, uncached, new Observations(directory));
        } catch (Mistake mistake) {
            throw mistake;
        } catch (RuntimeException refusal) {
            return JsonNodeFactory.instance.objectNode()
                .put("refused", refusal.getClass().getSimpleName() + ": " + firstLine(refusal.getMessage()));
        }
        ObjectNode runs = expected.putObject("runs");
        ObjectNode without = new Run(topology, uncached, directory, true).of(input);
        ObjectNode with = new Run(topology, properties(directory, optimization, CACHE_BYTES), directory, false).of(input);
        runs.set("uncached", without);
        if (with.equals(without)) {
            runs.put("cached", "same");
        } else {
            runs.set("cached", with);
        }
        return expected;
    }

    private void describe(ObjectNode expected, String field, Path directory, String optimization) {
        Properties properties = properties(directory, optimization, 0);
        Topology built = Program.build(topology, properties, new Observations(directory));
        built.describe().toString().lines().forEach(expected.withArray(field)::add);
    }

    private String optimization() {
        JsonNode node = config.optional("optimization");
        if (node == null) {
            return StreamsConfig.NO_OPTIMIZATION;
        }
        if (node.isArray()) {
            return String.join(",", config.texts("optimization"));
        }
        String name = config.text("optimization");
        if (!List.of(StreamsConfig.NO_OPTIMIZATION, StreamsConfig.OPTIMIZE).contains(name)) {
            throw config.mistake("`optimization` is \"none\", \"all\" or a list, not `" + name + "`");
        }
        return name;
    }

    private Properties properties(Path directory, String optimization, long cacheBytes) {
        Properties properties = new Properties();
        properties.put(StreamsConfig.APPLICATION_ID_CONFIG, "app");
        properties.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, "nowhere:1");
        properties.put(StreamsConfig.STATE_DIR_CONFIG, directory.resolve(cacheBytes == 0 ? "uncached" : "cached").toString());
        properties.put(StreamsConfig.TOPOLOGY_OPTIMIZATION_CONFIG, optimization);
        properties.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, cacheBytes);
        properties.put(StreamsConfig.DSL_STORE_SUPPLIERS_CLASS_CONFIG,
            BuiltInDslStoreSuppliers.InMemoryDslStoreSuppliers.class);
        properties.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, org.apache.kafka.common.serialization.Serdes.StringSerde.class);
        properties.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, org.apache.kafka.common.serialization.Serdes.StringSerde.class);
        Long emitInterval = config.optional("emit_interval") == null ? 0L : config.optionalNumber("emit_interval");
        properties.put(StreamsConfig.InternalConfig.EMIT_INTERVAL_MS_KSTREAMS_OUTER_JOIN_SPURIOUS_RESULTS_FIX, emitInterval);
        properties.put(StreamsConfig.InternalConfig.EMIT_INTERVAL_MS_KSTREAMS_WINDOWED_AGGREGATION, emitInterval);
        Boolean explicitNames = config.optionalFlag("explicit_names");
        if (explicitNames != null) {
            properties.put(StreamsConfig.ENSURE_EXPLICIT_INTERNAL_RESOURCE_NAMING_CONFIG, explicitNames);
        }
        if (continues("processing_handler")) {
            properties.put(StreamsConfig.PROCESSING_EXCEPTION_HANDLER_CLASS_CONFIG,
                LogAndContinueProcessingExceptionHandler.class);
        }
        if (continues("deserialization_handler")) {
            properties.put(StreamsConfig.DESERIALIZATION_EXCEPTION_HANDLER_CLASS_CONFIG,
                LogAndContinueExceptionHandler.class);
        }
        return properties;
    }

    private boolean continues(String handler) {
        String name = config.text(handler, "fail");
        if (!name.equals("fail") && !name.equals("continue")) {
            throw config.mistake("`" + handler + "` is \"fail\" or \"continue\", not `" + name + "`");
        }
        return name.equals("continue");
    }

    static String firstLine(String message) {
        return message == null ? "" : message.lines().findFirst().orElse("");
    }

    private static Path temporary() {
        try {
            return Files.createTempDirectory("oracle-");
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    private static void remove(Path directory) {
        try (Stream<Path> files = Files.walk(directory)) {
            files.sorted(Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }
}
