package oracle.conformance;

import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.Joined;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KeyValueMapper;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.StreamJoined;
import org.apache.kafka.streams.kstream.ValueJoiner;
import org.apache.kafka.streams.kstream.ValueJoinerWithKey;
import org.apache.kafka.streams.state.BuiltInDslStoreSuppliers;

/**
 * Joins whose left side is a stream. A joiner that asks for the key is passed as one, the others as Kafka's joiner
 * without a key, so that both forms of the API are asked.
 */
final class StreamJoins {
    private StreamJoins() {
    }

    static void interpret(String op, Node node) {
        Handle.OfStream from = node.handle("from", Handle.OfStream.class);
        switch (op) {
            case "stream_join", "stream_left_join", "stream_outer_join" -> stream(op, node, from);
            case "table_join", "table_left_join" -> table(op.equals("table_left_join"), node, from);
            case "global_join", "global_left_join" -> global(op.equals("global_left_join"), node, from);
            default -> throw new IllegalStateException(op);
        }
    }

    private static void stream(String op, Node node, Handle.OfStream from) {
        Handle.OfStream with = node.handle("with", Handle.OfStream.class);
        Functions.expect(node.fields(), "with", with.key(), from.key());
        Folds.Joiner joiner = Folds.joiner(node.fields(), from.value(), with.value());
        if (!(Windowing.of(node) instanceof Windowing.Join join)) {
            throw node.fields().mistake("the window of a join is of kind `join`");
        }
        JoinWindows windows = join.windows();
        StreamJoined<Object, Object, Object> options = streamJoined(node, from, with);
        KStream<Object, Object> left = from.stream();
        KStream<Object, Object> right = with.stream();
        KStream<Object, Object> result;
        if (joiner.withKey()) {
            ValueJoinerWithKey<Object, Object, Object, Object> function = joiner.function();
            result = switch (op) {
                case "stream_join" -> left.join(right, function, windows, options);
                case "stream_left_join" -> left.leftJoin(right, function, windows, options);
                default -> left.outerJoin(right, function, windows, options);
            };
        } else {
            ValueJoiner<Object, Object, Object> function = joiner.keyless(node.fields());
            result = switch (op) {
                case "stream_join" -> left.join(right, function, windows, options);
                case "stream_left_join" -> left.leftJoin(right, function, windows, options);
                default -> left.outerJoin(right, function, windows, options);
            };
        }
        node.returns(new Handle.OfStream(result, from.key(), joiner.result()));
    }

    private static StreamJoined<Object, Object, Object> streamJoined(Node node, Handle.OfStream from,
                                                                     Handle.OfStream with) {
        StreamJoined<Object, Object, Object> options = StreamJoined.with(
            Options.serde(node, from.key()), Options.serde(node, from.value()), Options.serde(node, with.value()));
        String name = node.fields().text("name", null);
        String storeName = node.fields().text("store_name", null);
        String stores = node.fields().text("stores", null);
        options = name == null ? options : options.withName(name);
        options = storeName == null ? options : options.withStoreName(storeName);
        if (stores == null) {
            return options;
        }
        if (!stores.equals("in_memory")) {
            throw Functions.unknown(node.fields(), "kind of join store", stores);
        }
        return options.withDslStoreSuppliers(BuiltInDslStoreSuppliers.IN_MEMORY);
    }

    private static void table(boolean left, Node node, Handle.OfStream from) {
        Fields fields = node.fields();
        Handle.OfTable with = node.handle("with", Handle.OfTable.class);
        Functions.expect(fields, "with", with.key(), from.key());
        Folds.Joiner joiner = Folds.joiner(fields, from.value(), with.value());
        Joined<Object, Object, Object> joined = Joined.with(
            Options.serde(node, from.key()), Options.serde(node, from.value()), Options.serde(node, with.value()));
        String name = fields.text("name", null);
        joined = name == null ? joined : joined.withName(name);
        joined = fields.has("grace") ? joined.withGracePeriod(fields.millis("grace")) : joined;
        KStream<Object, Object> result;
        if (joiner.withKey()) {
            ValueJoinerWithKey<Object, Object, Object, Object> function = joiner.function();
            result = left ? from.stream().leftJoin(with.table(), function, joined)
                : from.stream().join(with.table(), function, joined);
        } else {
            ValueJoiner<Object, Object, Object> function = joiner.keyless(fields);
            result = left ? from.stream().leftJoin(with.table(), function, joined)
                : from.stream().join(with.table(), function, joined);
        }
        node.returns(new Handle.OfStream(result, from.key(), joiner.result()));
    }

    private static void global(boolean left, Node node, Handle.OfStream from) {
        Fields fields = node.fields();
        Handle.OfGlobal with = node.handle("with", Handle.OfGlobal.class);
        Functions.Mapper mapper = Functions.keyMapper(fields, fields.text("mapper"), from.key(), from.value());
        Functions.expect(fields, "mapper", mapper.result(), with.key());
        KeyValueMapper<Object, Object, Object> keys = (key, value) -> mapper.function().apply(key, value);
        Folds.Joiner joiner = Folds.joiner(fields, from.value(), with.value());
        Named named = Options.named(node);
        KStream<Object, Object> result;
        if (joiner.withKey()) {
            ValueJoinerWithKey<Object, Object, Object, Object> function = joiner.function();
            result = left ? from.stream().leftJoin(with.table(), keys, function, named)
                : from.stream().join(with.table(), keys, function, named);
        } else {
            ValueJoiner<Object, Object, Object> function = joiner.keyless(fields);
            result = left ? from.stream().leftJoin(with.table(), keys, function, named)
                : from.stream().join(with.table(), keys, function, named);
        }
        node.returns(new Handle.OfStream(result, from.key(), joiner.result()));
    }
}
