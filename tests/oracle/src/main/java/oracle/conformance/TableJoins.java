package oracle.conformance;

import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.TableJoined;
import org.apache.kafka.streams.kstream.ValueJoiner;
import org.apache.kafka.streams.state.KeyValueStore;

import java.util.function.Function;

/** Joins of two tables, on equal keys and on foreign keys. */
final class TableJoins {
    private TableJoins() {
    }

    static void interpret(String op, Node node) {
        Handle.OfTable from = node.handle("from", Handle.OfTable.class);
        Handle.OfTable with = node.handle("with", Handle.OfTable.class);
        if (!op.startsWith("foreign_")) {
            Functions.expect(node.fields(), "with", with.key(), from.key());
        }
        Folds.Joiner joiner = Folds.joiner(node.fields(), from.value(), with.value());
        ValueJoiner<Object, Object, Object> function = joiner.keyless(node.fields());
        Materialized<Object, Object, KeyValueStore<Bytes, byte[]>> store = Options.isMaterialized(node)
            ? Options.materializedTable(node, from.key(), joiner.result()) : null;
        KTable<Object, Object> result = op.startsWith("foreign_")
            ? foreign(op.equals("foreign_left_join"), node, from, with, function, store)
            : equal(op, node, from.table(), with.table(), function, store);
        node.returns(new Handle.OfTable(result, from.key(), joiner.result()));
    }

    private static KTable<Object, Object> equal(String op, Node node,
                                                KTable<Object, Object> left, KTable<Object, Object> right,
                                                ValueJoiner<Object, Object, Object> joiner,
                                                Materialized<Object, Object, KeyValueStore<Bytes, byte[]>> store) {
        Named named = Options.named(node);
        if (store == null) {
            return switch (op) {
                case "join" -> left.join(right, joiner, named);
                case "left_join" -> left.leftJoin(right, joiner, named);
                default -> left.outerJoin(right, joiner, named);
            };
        }
        return switch (op) {
            case "join" -> left.join(right, joiner, named, store);
            case "left_join" -> left.leftJoin(right, joiner, named, store);
            default -> left.outerJoin(right, joiner, named, store);
        };
    }

    private static KTable<Object, Object> foreign(boolean left, Node node, Handle.OfTable from, Handle.OfTable with,
                                                  ValueJoiner<Object, Object, Object> joiner,
                                                  Materialized<Object, Object, KeyValueStore<Bytes, byte[]>> store) {
        Fields fields = node.fields();
        Functions.Mapper mapper = Functions.keyMapper(fields, fields.text("extractor"), from.key(), from.value());
        Functions.expect(fields, "extractor", mapper.result(), with.key());
        Function<Object, Object> extractor = value -> mapper.function().apply(null, value);
        String name = fields.text("name", null);
        TableJoined<Object, Object> options = name == null ? TableJoined.with(null, null) : TableJoined.as(name);
        KTable<Object, Object> table = from.table();
        if (store == null) {
            return left ? table.leftJoin(with.table(), extractor, joiner, options)
                : table.join(with.table(), extractor, joiner, options);
        }
        return left ? table.leftJoin(with.table(), extractor, joiner, options, store)
            : table.join(with.table(), extractor, joiner, options, store);
    }
}
