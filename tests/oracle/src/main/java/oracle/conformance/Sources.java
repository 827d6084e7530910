package oracle.conformance;

import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;

import java.util.List;
import java.util.regex.Pattern;

/** Operators that read topics: stream, table, global table, global store. */
final class Sources {
    private Sources() {
    }

    static void interpret(StreamsBuilder builder, String op, Node node) {
        Type key = node.fields().type("key");
        Type value = node.fields().type("value");
        Consumed<Object, Object> consumed = Options.consumed(node, key, value);
        switch (op) {
            case "stream" -> stream(builder, node, key, value, consumed);
            case "table" -> {
                String topic = node.fields().text("topic");
                node.returns(new Handle.OfTable(Options.isMaterialized(node)
                    ? builder.table(topic, consumed, Options.materializedTable(node, key, value))
                    : builder.table(topic, consumed), key, value));
            }
            case "global_table" -> {
                String topic = node.fields().text("topic");
                node.returns(new Handle.OfGlobal(Options.isMaterialized(node)
                    ? builder.globalTable(topic, consumed, Options.materializedTable(node, key, value))
                    : builder.globalTable(topic, consumed), key, value));
            }
            case "add_global_store" -> builder.addGlobalStore(
                StoreBuilders.of(node.fields().node("store"), node.observations()).withLoggingDisabled(),
                node.fields().text("topic"), consumed,
                ProcessorShells.global(node.fields().node("store").path("name").asText()));
            default -> throw new IllegalStateException(op);
        }
    }

    private static void stream(StreamsBuilder builder, Node node, Type key, Type value,
                               Consumed<Object, Object> consumed) {
        String pattern = node.fields().text("pattern", null);
        if (pattern != null) {
            node.returns(new Handle.OfStream(builder.stream(Pattern.compile(pattern), consumed), key, value));
            return;
        }
        node.fields().node("topics");
        List<String> topics = node.fields().texts("topics");
        node.returns(new Handle.OfStream(topics.size() == 1
            ? builder.stream(topics.get(0), consumed) : builder.stream(topics, consumed), key, value));
    }
}
