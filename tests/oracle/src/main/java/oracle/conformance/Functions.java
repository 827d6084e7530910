package oracle.conformance;

import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.kstream.Predicate;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.processor.RecordContext;
import org.apache.kafka.streams.processor.StreamPartitioner;
import org.apache.kafka.streams.processor.TopicNameExtractor;

import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.stream.Stream;

/**
 * The named functions of one record: predicates, mappers, choosers. Each is pure and defined for null keys and values;
 * each that changes a type says to which.
 */
final class Functions {
    /** A function of key and value and the type of what it returns. */
    record Mapper(Type result, BiFunction<Object, Object, Object> function) {
    }

    /** A function of key and value to a key and a value, and their types. */
    record PairMapper(Type key, Type value, BiFunction<Object, Object, KeyValue<Object, Object>> function) {
    }

    /** A function of key and value to any number of values, and their type. */
    record FlatMapper(Type result, BiFunction<Object, Object, Iterable<Object>> function) {
    }

    /** A function of key and value to any number of pairs, and their types. */
    record FlatPairMapper(Type key, Type value, BiFunction<Object, Object, Iterable<KeyValue<Object, Object>>> function) {
    }

    private Functions() {
    }

    static Predicate<Object, Object> predicate(Fields fields) {
        String name = fields.text("predicate");
        return switch (name) {
            case "true" -> (key, value) -> true;
            case "false" -> (key, value) -> false;
            case "value_not_null" -> (key, value) -> value != null;
            case "value_null" -> (key, value) -> value == null;
            case "key_not_null" -> (key, value) -> key != null;
            case "value_even" -> (key, value) -> value != null && Values.number(value) % 2 == 0;
            case "value_long" -> (key, value) -> Values.number(value) > 3;
            case "key_is_a" -> (key, value) -> key != null && Values.text(key).startsWith("a");
            default -> throw unknown(fields, "predicate", name);
        };
    }

    static Mapper valueMapper(Fields fields, String name, Type value) {
        return switch (name) {
            case "upper" -> strings(fields, name, value, Type.STRING, text -> text.toUpperCase(Locale.ROOT));
            case "length" -> new Mapper(Type.LONG, (k, v) -> v == null ? 0L : Values.characters(Values.text(v)));
            case "to_string" -> new Mapper(Type.STRING, (k, v) -> v == null ? null : Values.text(v));
            case "add_one" -> {
                expect(fields, name, value, Type.LONG);
                yield new Mapper(Type.LONG, (k, v) -> v == null ? null : (Object) ((Long) v + 1));
            }
            case "null_if_empty" -> strings(fields, name, value, Type.STRING, text -> text.isEmpty() ? null : text);
            case "with_key" -> new Mapper(Type.STRING, (k, v) -> Values.text(k) + ":" + Values.text(v));
            case "to_null" -> new Mapper(value, (k, v) -> null);
            case "parse_long" -> strings(fields, name, value, Type.LONG, Functions::parsed);
            default -> throw unknown(fields, "value mapper", name);
        };
    }

    static FlatMapper flatValueMapper(Fields fields, Type value) {
        String name = fields.text("mapper");
        return switch (name) {
            case "words" -> {
                expect(fields, name, value, Type.STRING);
                yield new FlatMapper(Type.STRING, (k, v) -> List.copyOf(words(v)));
            }
            case "twice" -> new FlatMapper(value, (k, v) -> Stream.of(1, 2).map(time -> v).toList());
            case "none" -> new FlatMapper(value, (k, v) -> List.of());
            default -> throw unknown(fields, "flat value mapper", name);
        };
    }

    static Mapper keyMapper(Fields fields, String name, Type key, Type value) {
        return switch (name) {
            case "value" -> new Mapper(value, (k, v) -> v);
            case "first_char" -> new Mapper(Type.STRING, (k, v) -> firstChar(v));
            case "length_of_value" -> new Mapper(Type.LONG,
                (k, v) -> v == null ? null : (Object) Values.characters(Values.text(v)));
            case "key" -> new Mapper(key, (k, v) -> k);
            case "null_key" -> new Mapper(key, (k, v) -> null);
            case "constant" -> new Mapper(Type.STRING, (k, v) -> "all");
            case "second_word" -> {
                expect(fields, name, value, Type.STRING);
                yield new Mapper(Type.STRING, (k, v) -> words(v).stream().skip(1).findFirst().orElse(null));
            }
            case "unwindow" -> {
                Type inner = key instanceof Type.TimeWindowed windowed ? windowed.key()
                    : key instanceof Type.SessionWindowed session ? session.key() : null;
                if (inner == null) {
                    throw fields.mistake("`unwindow` of a key that is not windowed");
                }
                yield new Mapper(inner, (k, v) -> k == null ? null : ((Windowed<?>) k).key());
            }
            default -> throw unknown(fields, "key mapper", name);
        };
    }

    static PairMapper pairMapper(Fields fields, Type key, Type value) {
        String name = fields.text("mapper");
        return switch (name) {
            case "swap" -> new PairMapper(value, key, (k, v) -> KeyValue.pair(v, k));
            case "identity" -> new PairMapper(key, value, KeyValue::pair);
            case "by_first_char" -> new PairMapper(Type.STRING, value, (k, v) -> KeyValue.pair(firstChar(v), v));
            case "by_value" -> new PairMapper(value, value, (k, v) -> KeyValue.pair(v, v));
            case "constant" -> new PairMapper(Type.STRING, value, (k, v) -> KeyValue.pair("all", v));
            case "null_key" -> new PairMapper(key, value, (k, v) -> KeyValue.pair(null, v));
            case "null_value" -> new PairMapper(key, value, (k, v) -> KeyValue.pair(k, null));
            default -> throw unknown(fields, "pair mapper", name);
        };
    }

    static FlatPairMapper flatPairMapper(Fields fields, Type key, Type value) {
        String name = fields.text("mapper");
        return switch (name) {
            case "words_as_keys" -> {
                expect(fields, name, value, Type.STRING);
                yield new FlatPairMapper(Type.STRING, value,
                    (k, v) -> words(v).stream().map(word -> KeyValue.pair((Object) word, v)).toList());
            }
            case "twice" -> new FlatPairMapper(key, value, (k, v) -> List.of(KeyValue.pair(k, v), KeyValue.pair(k, v)));
            case "none" -> new FlatPairMapper(key, value, (k, v) -> List.of());
            default -> throw unknown(fields, "flat pair mapper", name);
        };
    }

    static TopicNameExtractor<Object, Object> chooser(Fields fields) {
        String name = fields.text("chooser");
        if (!name.equals("by_key")) {
            throw unknown(fields, "topic chooser", name);
        }
        return new ByKey();
    }

    /** Chooses by the key; describes itself, for Kafka prints it in the description of the topology. */
    private static final class ByKey implements TopicNameExtractor<Object, Object> {
        @Override
        public String extract(Object key, Object value, RecordContext context) {
            return Observations.CHOSEN + Values.text(key);
        }

        @Override
        public String toString() {
            return "by_key";
        }
    }

    /** @return the partitioner, or null for the default one */
    static StreamPartitioner<Object, Object> partitioner(Fields fields) {
        String name = fields.text("partitioner", "hash");
        return switch (name) {
            case "hash" -> null;
            case "first" -> new To(Optional.of(Set.of(0)));
            case "none" -> new To(Optional.of(Set.of()));
            default -> throw unknown(fields, "partitioner", name);
        };
    }

    /** Sends every record to the same partitions, be there none. */
    private record To(Optional<Set<Integer>> chosen) implements StreamPartitioner<Object, Object> {
        @Override
        public Optional<Set<Integer>> partitions(String topic, Object key, Object value, int count) {
            return chosen;
        }
    }

    static Mistake unknown(Fields fields, String kind, String name) {
        return fields.mistake("there is no " + kind + " `" + name + "`");
    }

    static void expect(Fields fields, String name, Type actual, Type expected) {
        if (!Objects.equals(actual, expected)) {
            throw fields.mistake("`" + name + "` is for " + expected + ", not " + actual);
        }
    }

    private static Mapper strings(Fields fields, String name, Type value, Type result,
                                  java.util.function.Function<String, Object> function) {
        expect(fields, name, value, Type.STRING);
        return new Mapper(result, (k, v) -> v == null ? null : function.apply((String) v));
    }

    private static Object parsed(String text) {
        try {
            return Long.valueOf(text);
        } catch (NumberFormatException notANumber) {
            return null;
        }
    }

    private static String firstChar(Object value) {
        String text = value == null ? "" : Values.text(value);
        return text.isEmpty() ? null : text.substring(0, text.offsetByCodePoints(0, 1));
    }

    private static List<String> words(Object value) {
        return value == null ? List.of() : List.of(Values.text(value).split(" ", -1));
    }
}
