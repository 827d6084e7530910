package oracle.conformance;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.LongSerializer;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.kstream.internals.SessionWindow;
import org.apache.kafka.streams.kstream.internals.TimeWindow;

import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.function.Function;

/** Keys and values between their three forms: JSON in a case, objects in a topology, bytes on a topic. */
final class Values {
    private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

    private Values() {
    }

    /** @return the text of a key or a value, as the named functions see it */
    static String text(Object value) {
        if (value instanceof Windowed<?> windowed) {
            return "[" + text(windowed.key()) + "@" + windowed.window().start() + "/" + windowed.window().end() + "]";
        }
        return String.valueOf(value);
    }

    /** @return a value as a number: 0 for null, the characters of a string */
    static long number(Object value) {
        if (value == null) {
            return 0;
        }
        return value instanceof Long number ? number : characters(text(value));
    }

    static long characters(String text) {
        return text.codePointCount(0, text.length());
    }

    static JsonNode json(Object value) {
        if (value == null) {
            return JSON.nullNode();
        }
        if (value instanceof Long number) {
            return JSON.numberNode(number);
        }
        if (value instanceof Windowed<?> windowed) {
            ObjectNode node = JSON.objectNode();
            node.set("key", json(windowed.key()));
            return node.put("start", windowed.window().start()).put("end", windowed.window().end());
        }
        return JSON.textNode((String) value);
    }

    /** @return what an input's key or value is on the topic; {@code type} matters for windowed keys only */
    static byte[] bytes(String where, JsonNode node, Type type) {
        if (node.isNull()) {
            return null;
        }
        if (node.isTextual()) {
            return node.textValue().getBytes(StandardCharsets.UTF_8);
        }
        if (node.isIntegralNumber() && node.canConvertToLong()) {
            return new LongSerializer().serialize("", node.longValue());
        }
        Fields fields = new Fields(where, node);
        JsonNode inner = fields.node("key");
        Object key = inner.isTextual() ? inner.textValue() : inner.isNull() ? null : (Object) inner.longValue();
        long start = fields.number("start");
        long end = fields.number("end");
        fields.done();
        if (type instanceof Type.SessionWindowed) {
            return type.serde().serializer().serialize("", new Windowed<>(key, new SessionWindow(start, end)));
        }
        if (type instanceof Type.TimeWindowed) {
            return type.serde().serializer().serialize("", new Windowed<>(key, new TimeWindow(start, end)));
        }
        throw new Mistake(where + ": a windowed key on a topic that has none");
    }

    /** @return what bytes say, read by the type */
    static JsonNode decoded(byte[] bytes, Type type) {
        return json(type.serde().deserializer().deserialize("", bytes));
    }

    static JsonNode hex(byte[] bytes) {
        return bytes == null ? JSON.nullNode() : JSON.textNode(HexFormat.of().formatHex(bytes));
    }

    static JsonNode utf8(byte[] bytes) {
        return bytes == null ? JSON.nullNode() : JSON.textNode(new String(bytes, StandardCharsets.UTF_8));
    }

    /** @return the list of name and value pairs, each value written by {@code form} */
    static ArrayNode headers(Headers headers, Function<byte[], JsonNode> form) {
        ArrayNode all = JSON.arrayNode();
        for (Header header : headers) {
            all.addArray().add(header.key()).add(form.apply(header.value()));
        }
        return all;
    }

    static Headers headers(Fields step) {
        Headers headers = new RecordHeaders();
        for (JsonNode each : step.list("headers")) {
            if (!each.isArray() || each.size() != 2 || !each.get(0).isTextual()) {
                throw step.mistake("a header is [name, text or null], not " + each);
            }
            JsonNode value = each.get(1);
            headers.add(each.get(0).textValue(), value.isNull() ? null : value.asText().getBytes(StandardCharsets.UTF_8));
        }
        return headers;
    }
}
