package oracle.conformance;

import org.apache.kafka.streams.kstream.Aggregator;
import org.apache.kafka.streams.kstream.Initializer;
import org.apache.kafka.streams.kstream.Merger;
import org.apache.kafka.streams.kstream.Reducer;
import org.apache.kafka.streams.kstream.ValueJoiner;
import org.apache.kafka.streams.kstream.ValueJoinerWithKey;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** The named functions that put two values together: joiners, reducers, initializers, aggregators, session mergers. */
final class Folds {
    /** A joiner and the type it returns; only joins that hand out the key can use one {@code withKey}. */
    record Joiner(Type result, boolean withKey, ValueJoinerWithKey<Object, Object, Object, Object> function) {
        ValueJoiner<Object, Object, Object> keyless(Fields fields) {
            if (withKey) {
                throw fields.mistake("this join has no key for its joiner");
            }
            return (left, right) -> function.apply(null, left, right);
        }
    }

    /** An aggregator and the type of its aggregate. */
    record Adding(Type result, Aggregator<Object, Object, Object> function) {
    }

    private Folds() {
    }

    static Joiner joiner(Fields fields, Type left, Type right) {
        String name = fields.text("joiner");
        return switch (name) {
            case "concat" -> new Joiner(Type.STRING, false, (k, l, r) -> joined(l, r));
            case "sum" -> new Joiner(Type.LONG, false, (k, l, r) -> Values.number(l) + Values.number(r));
            case "left" -> new Joiner(left, false, (k, l, r) -> l);
            case "right" -> new Joiner(right, false, (k, l, r) -> r);
            case "null_if_right_null" -> new Joiner(Type.STRING, false, (k, l, r) -> r == null ? null : joined(l, r));
            case "with_key" -> new Joiner(Type.STRING, true, (k, l, r) -> Values.text(k) + ":" + joined(l, r));
            default -> throw Functions.unknown(fields, "joiner", name);
        };
    }

    /** @return the reducer named by {@code field}, for values of type {@code type} */
    static Reducer<Object> reducer(Fields fields, String field, Type type) {
        String name = fields.text(field);
        switch (name) {
            case "sum", "minus" -> Functions.expect(fields, name, type, Type.LONG);
            case "concat", "remove" -> Functions.expect(fields, name, type, Type.STRING);
            default -> { }
        }
        return switch (name) {
            case "sum" -> (old, value) -> Values.number(old) + Values.number(value);
            case "concat" -> (old, value) -> orEmpty(old) + orEmpty(value);
            case "newest" -> (old, value) -> value;
            case "oldest", "keep" -> (old, value) -> old;
            case "max" -> (old, value) -> isLess(old, value) ? value : old;
            case "null" -> (old, value) -> null;
            case "minus" -> (old, value) -> Values.number(old) - Values.number(value);
            case "remove" -> (old, value) -> without(orEmpty(old), orEmpty(value));
            default -> throw Functions.unknown(fields, "reducer", name);
        };
    }

    static Initializer<Object> initializer(Fields fields, Type result) {
        String name = fields.text("initializer");
        switch (name) {
            case "zero" -> Functions.expect(fields, name, result, Type.LONG);
            case "empty" -> Functions.expect(fields, name, result, Type.STRING);
            default -> { }
        }
        return switch (name) {
            case "zero" -> () -> 0L;
            case "empty" -> () -> "";
            case "null" -> () -> null;
            default -> throw Functions.unknown(fields, "initializer", name);
        };
    }

    /** @return the aggregator named by {@code field}, for values of type {@code value} */
    static Adding aggregator(Fields fields, String field, Type value) {
        String name = fields.text(field);
        return switch (name) {
            case "sum" -> new Adding(Type.LONG, (k, v, all) -> Values.number(all) + Values.number(v));
            case "subtract" -> new Adding(Type.LONG, (k, v, all) -> Values.number(all) - Values.number(v));
            case "count" -> new Adding(Type.LONG, (k, v, all) -> Values.number(all) + 1);
            case "append" -> new Adding(Type.STRING, (k, v, all) -> orEmpty(all) + "+" + Values.text(v));
            case "strike" -> new Adding(Type.STRING, (k, v, all) -> orEmpty(all) + "-" + Values.text(v));
            case "null_on_empty" -> new Adding(Type.STRING, (k, v, all) -> "".equals(v) || Long.valueOf(0).equals(v)
                ? null : orEmpty(all) + "+" + Values.text(v));
            case "last" -> new Adding(value, (k, v, all) -> v);
            default -> throw Functions.unknown(fields, "aggregator", name);
        };
    }

    static Merger<Object, Object> merger(Fields fields, Type result) {
        String name = fields.text("merger");
        switch (name) {
            case "sum" -> {
                Functions.expect(fields, name, result, Type.LONG);
                return (key, one, two) -> Values.number(one) + Values.number(two);
            }
            case "concat" -> {
                Functions.expect(fields, name, result, Type.STRING);
                return (key, one, two) -> orEmpty(one) + orEmpty(two);
            }
            default -> throw Functions.unknown(fields, "merger", name);
        }
    }

    private static String joined(Object left, Object right) {
        return Values.text(left) + "+" + Values.text(right);
    }

    private static String orEmpty(Object value) {
        return value == null ? "" : Values.text(value);
    }

    private static String without(String text, String part) {
        int at = text.indexOf(part);
        return at < 0 ? text : text.substring(0, at) + text.substring(at + part.length());
    }

    private static boolean isLess(Object one, Object two) {
        if (one == null || two == null) {
            return one == null;
        }
        if (one instanceof Long number) {
            return number < (Long) two;
        }
        return Arrays.compareUnsigned(Values.text(one).getBytes(StandardCharsets.UTF_8),
            Values.text(two).getBytes(StandardCharsets.UTF_8)) < 0;
    }
}
