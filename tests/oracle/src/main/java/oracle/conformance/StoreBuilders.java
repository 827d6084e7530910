package oracle.conformance;

import com.fasterxml.jackson.databind.JsonNode;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

import java.time.Duration;
import java.util.Map;

/** Stores that a case adds by name for its processors. In memory, but the versioned kind, which Kafka has on disk only. */
final class StoreBuilders {
    private StoreBuilders() {
    }

    static StoreBuilder<?> of(JsonNode spec, Observations observations) {
        Fields fields = new Fields("store `" + spec.path("name").asText("?") + "`", spec);
        String name = fields.text("name");
        String kind = fields.text("kind");
        Type keyType = fields.type("key");
        Serde<Object> key = keyType.serde();
        Serde<Object> value = fields.type("value").serde();
        StoreBuilder<?> builder = switch (kind) {
            case "key_value" -> Stores.keyValueStoreBuilder(Stores.inMemoryKeyValueStore(name), key, value);
            case "window" -> Stores.windowStoreBuilder(Stores.inMemoryWindowStore(
                name, fields.millis("retention"), fields.millis("window_size"), false), key, value);
            case "session" -> Stores.sessionStoreBuilder(
                Stores.inMemorySessionStore(name, fields.millis("retention")), key, value);
            case "versioned" -> {
                observations.versioned(name, keyType);
                yield versioned(name, fields.millis("history"), key, value);
            }
            default -> throw Functions.unknown(fields, "kind of store", kind);
        };
        Boolean logging = fields.optionalFlag("logging");
        Boolean caching = fields.optionalFlag("caching");
        fields.done();
        builder = logging == null || logging ? builder.withLoggingEnabled(Map.of()) : builder.withLoggingDisabled();
        return caching != null && caching ? builder.withCachingEnabled() : builder;
    }

    private static StoreBuilder<?> versioned(String name, Duration history, Serde<Object> key, Serde<Object> value) {
        return Stores.versionedKeyValueStoreBuilder(Stores.persistentVersionedKeyValueStore(name, history), key, value);
    }
}
