package oracle.conformance;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.kstream.WindowedSerdes;

/** The type of a key or a value, as cases name it, and the serde that goes with it. */
sealed interface Type {
    Type STRING = new Plain("string");
    Type LONG = new Plain("long");

    /** {@code string} or {@code long}. */
    record Plain(String name) implements Type {
    }

    /** The key of a table over time or sliding windows; by the {@code size} (ms) a reader knows the end. */
    record TimeWindowed(Type key, long size) implements Type {
    }

    /** The key of a table over sessions. */
    record SessionWindowed(Type key) implements Type {
    }

    static Type of(String where, JsonNode node) {
        if (node.isTextual()) {
            return switch (node.textValue()) {
                case "string" -> STRING;
                case "long" -> LONG;
                default -> throw new Mistake(where + ": there is no type `" + node.textValue() + "`");
            };
        }
        Fields fields = new Fields(where, node);
        Type type = node instanceof ObjectNode && node.has("session")
            ? new SessionWindowed(fields.type("session"))
            : new TimeWindowed(fields.type("windowed"), fields.number("size"));
        fields.done();
        return type;
    }

    /** @return the serde of this type; whoever uses it knows that the objects are of this type */
    @SuppressWarnings("unchecked")
    default Serde<Object> serde() {
        Serde<?> serde;
        if (this instanceof TimeWindowed windowed) {
            serde = new WindowedSerdes.TimeWindowedSerde<>(windowed.key.serde(), windowed.size);
        } else if (this instanceof SessionWindowed session) {
            serde = new WindowedSerdes.SessionWindowedSerde<>(session.key.serde());
        } else {
            serde = this.equals(STRING) ? Serdes.String() : Serdes.Long();
        }
        return (Serde<Object>) serde;
    }
}
