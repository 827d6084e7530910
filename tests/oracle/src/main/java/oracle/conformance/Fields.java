package oracle.conformance;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Set;

/**
 * Reads the fields of one JSON object, each by name, and remembers which: {@link #done} finds those nobody asked for. So
 * a field that is misspelt, or put on an operator that does not take it, is a mistake and not a silent default.
 */
final class Fields {
    private final String where;
    private final ObjectNode object;
    private final Set<String> read = new HashSet<>();

    Fields(String where, JsonNode node) {
        if (node == null || !node.isObject()) {
            throw new Mistake(where + ": expected an object, got " + node);
        }
        this.where = where;
        this.object = (ObjectNode) node;
    }

    String where() {
        return where;
    }

    Mistake mistake(String message) {
        return new Mistake(where + ": " + message);
    }

    boolean has(String name) {
        return object.has(name);
    }

    /** @return the field, or null where there is none */
    JsonNode optional(String name) {
        read.add(name);
        return object.get(name);
    }

    JsonNode node(String name) {
        JsonNode found = optional(name);
        if (found == null) {
            throw mistake("`" + name + "` is missing");
        }
        return found;
    }

    String text(String name) {
        JsonNode found = node(name);
        if (!found.isTextual()) {
            throw mistake("`" + name + "` is not a string: " + found);
        }
        return found.textValue();
    }

    String text(String name, String otherwise) {
        return optional(name) == null ? otherwise : text(name);
    }

    long number(String name) {
        JsonNode found = node(name);
        if (!found.isIntegralNumber() || !found.canConvertToLong()) {
            throw mistake("`" + name + "` is not a number of 64 bits: " + found);
        }
        return found.longValue();
    }

    /** @return the number, or null where there is none */
    Long optionalNumber(String name) {
        return optional(name) == null ? null : number(name);
    }

    Duration millis(String name) {
        return Duration.ofMillis(number(name));
    }

    /** @return the field, or null where there is none */
    Boolean optionalFlag(String name) {
        JsonNode found = optional(name);
        if (found != null && !found.isBoolean()) {
            throw mistake("`" + name + "` is neither true nor false: " + found);
        }
        return found == null ? null : found.booleanValue();
    }

    /** @return the strings of a list; none where the field is missing */
    List<String> texts(String name) {
        List<String> all = new ArrayList<>();
        for (JsonNode each : list(name)) {
            if (!each.isTextual()) {
                throw mistake("`" + name + "` holds something that is not a string: " + each);
            }
            all.add(each.textValue());
        }
        return all;
    }

    /** @return the elements of a list; none where the field is missing */
    List<JsonNode> list(String name) {
        JsonNode found = optional(name);
        List<JsonNode> all = new ArrayList<>();
        if (found != null) {
            if (!found.isArray()) {
                throw mistake("`" + name + "` is not a list: " + found);
            }
            found.forEach(all::add);
        }
        return all;
    }

    Type type(String name) {
        return Type.of(where + ": `" + name + "`", node(name));
    }

    /** Throws when the object has a field that was never asked for. */
    void done() {
        for (Iterator<String> names = object.fieldNames(); names.hasNext(); ) {
            String name = names.next();
            if (!read.contains(name)) {
                throw mistake("has no field `" + name + "`");
            }
        }
    }
}
