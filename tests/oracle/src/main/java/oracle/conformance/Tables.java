package oracle.conformance;

import com.fasterxml.jackson.databind.JsonNode;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.Predicate;
import org.apache.kafka.streams.kstream.Suppressed;
import org.apache.kafka.streams.kstream.Suppressed.BufferConfig;
import org.apache.kafka.streams.kstream.ValueTransformerWithKeySupplier;
import org.apache.kafka.streams.state.KeyValueStore;

import java.util.List;

/** Operators on one table. */
final class Tables {
    private Tables() {
    }

    static void interpret(String op, Node node) {
        Handle.OfTable from = node.handle("from", Handle.OfTable.class);
        switch (op) {
            case "filter", "filter_not" -> filter(op, node, from);
            case "map_values" -> mapValues(node, from);
            case "transform_values" -> transformValues(node, from);
            case "to_stream" -> toStream(node, from);
            case "suppress" -> node.returns(new Handle.OfTable(
                from.table().suppress(suppressed(node)), from.key(), from.value()));
            default -> throw node.fields().mistake("works on a stream");
        }
    }

    private static void filter(String op, Node node, Handle.OfTable from) {
        KTable<Object, Object> table = from.table();
        Predicate<Object, Object> predicate = Functions.predicate(node.fields());
        Named named = Options.named(node);
        KTable<Object, Object> result;
        if (Options.isMaterialized(node)) {
            Materialized<Object, Object, KeyValueStore<Bytes, byte[]>> store =
                Options.materializedTable(node, from.key(), from.value());
            result = op.equals("filter") ? table.filter(predicate, named, store) : table.filterNot(predicate, named, store);
        } else {
            result = op.equals("filter") ? table.filter(predicate, named) : table.filterNot(predicate, named);
        }
        node.returns(new Handle.OfTable(result, from.key(), from.value()));
    }

    private static void mapValues(Node node, Handle.OfTable from) {
        Functions.Mapper mapper = Functions.valueMapper(node.fields(), node.fields().text("mapper"), from.value());
        Named named = Options.named(node);
        KTable<Object, Object> result = Options.isMaterialized(node)
            ? from.table().mapValues((key, value) -> mapper.function().apply(key, value), named,
                Options.materializedTable(node, from.key(), mapper.result()))
            : from.table().mapValues((key, value) -> mapper.function().apply(key, value), named);
        node.returns(new Handle.OfTable(result, from.key(), mapper.result()));
    }

    private static void transformValues(Node node, Handle.OfTable from) {
        Fields fields = node.fields();
        String processor = fields.text("processor");
        List<String> stores = fields.texts("stores");
        Type value = Processors.result(fields, processor, from.value());
        String store = Processors.isStored(processor) && !stores.isEmpty() ? stores.get(0) : null;
        String[] names = stores.toArray(String[]::new);
        ValueTransformerWithKeySupplier<Object, Object, Object> supplier =
            ProcessorShells.transformer(fields, processor, store);
        KTable<Object, Object> result = Options.isMaterialized(node)
            ? from.table().transformValues(supplier, Options.materializedTable(node, from.key(), value),
                Options.named(node), names)
            : from.table().transformValues(supplier, Options.named(node), names);
        node.returns(new Handle.OfTable(result, from.key(), value));
    }

    private static void toStream(Node node, Handle.OfTable from) {
        String name = node.fields().text("mapper", null);
        if (name == null) {
            node.returns(new Handle.OfStream(from.table().toStream(Options.named(node)), from.key(), from.value()));
            return;
        }
        Functions.Mapper mapper = Functions.keyMapper(node.fields(), name, from.key(), from.value());
        node.returns(new Handle.OfStream(
            from.table().toStream((key, value) -> mapper.function().apply(key, value), Options.named(node)),
            mapper.result(), from.value()));
    }

    /** {@code untilWindowCloses} is of windowed keys in Kafka's types; the case's types are not Java's. */
    @SuppressWarnings({"unchecked", "rawtypes"})
    private static Suppressed<Object> suppressed(Node node) {
        Fields until = new Fields(node.fields().where() + ": until", node.fields().node("until"));
        Suppressed<Object> result;
        JsonNode close = until.optional("window_close");
        if (close != null) {
            Fields limits = new Fields(until.where() + ": window_close", close);
            result = (Suppressed) Suppressed.untilWindowCloses(limited(limits).shutDownWhenFull());
            limits.done();
        } else {
            BufferConfig<?> limits = limited(until);
            String full = until.text("when_full", "emit");
            limits = switch (full) {
                case "emit" -> limits instanceof Suppressed.EagerBufferConfig ? limits : BufferConfig.unbounded();
                case "shutdown" -> limits.shutDownWhenFull();
                default -> throw Functions.unknown(until, "way to be full", full);
            };
            result = Suppressed.untilTimeLimit(until.millis("time"), limits);
        }
        until.done();
        String name = node.fields().text("name", null);
        return name == null ? result : result.withName(name);
    }

    private static BufferConfig<?> limited(Fields limits) {
        Long records = limits.optionalNumber("max_records");
        Long bytes = limits.optionalNumber("max_bytes");
        if (records != null) {
            Suppressed.EagerBufferConfig config = BufferConfig.maxRecords(records);
            return bytes == null ? config : config.withMaxBytes(bytes);
        }
        return bytes != null ? BufferConfig.maxBytes(bytes) : BufferConfig.unbounded();
    }
}
