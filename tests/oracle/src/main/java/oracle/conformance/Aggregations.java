package oracle.conformance;

import org.apache.kafka.streams.kstream.EmitStrategy;
import org.apache.kafka.streams.kstream.Initializer;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Merger;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.Reducer;

/** Grouping, windowing and what folds groups into tables. */
final class Aggregations {
    private Aggregations() {
    }

    static void interpret(String op, Node node) {
        switch (op) {
            case "group_by_key" -> {
                Handle.OfStream from = node.handle("from", Handle.OfStream.class);
                node.returns(new Handle.OfGroupedStream(
                    from.stream().groupByKey(Options.grouped(node, from.key(), from.value())), from.key(), from.value()));
            }
            case "group_by" -> groupBy(node);
            case "windowed_by" -> windowedBy(node);
            case "cogroup" -> {
                Handle.OfGroupedStream from = node.handle("from", Handle.OfGroupedStream.class);
                Type result = node.fields().type("result");
                node.returns(new Handle.OfCogrouped(
                    from.grouped().cogroup(cogrouping(node, from, result)), from.key(), result));
            }
            case "cogroup_with" -> {
                Handle.OfCogrouped from = node.handle("from", Handle.OfCogrouped.class);
                Handle.OfGroupedStream with = node.handle("with", Handle.OfGroupedStream.class);
                node.returns(new Handle.OfCogrouped(
                    from.grouped().cogroup(with.grouped(), cogrouping(node, with, from.value())),
                    from.key(), from.value()));
            }
            case "count" -> count(node);
            case "reduce" -> reduce(node);
            case "aggregate" -> aggregate(node);
            default -> throw new IllegalStateException(op);
        }
    }

    private static org.apache.kafka.streams.kstream.Aggregator<Object, Object, Object> cogrouping(
            Node node, Handle.OfGroupedStream grouped, Type result) {
        Folds.Adding adding = Folds.aggregator(node.fields(), "aggregator", grouped.value());
        Functions.expect(node.fields(), "cogroup", adding.result(), result);
        return adding.function();
    }

    private static void groupBy(Node node) {
        Fields fields = node.fields();
        if (node.handle("from") instanceof Handle.OfTable from) {
            Functions.PairMapper mapper = Functions.pairMapper(fields, from.key(), from.value());
            node.returns(new Handle.OfGroupedTable(
                from.table().groupBy((key, value) -> mapper.function().apply(key, value),
                    Options.grouped(node, mapper.key(), mapper.value())), mapper.key(), mapper.value()));
            return;
        }
        Handle.OfStream from = node.handle("from", Handle.OfStream.class);
        Functions.Mapper mapper = Functions.keyMapper(fields, fields.text("mapper"), from.key(), from.value());
        node.returns(new Handle.OfGroupedStream(
            from.stream().groupBy((key, value) -> mapper.function().apply(key, value),
                Options.grouped(node, mapper.result(), from.value())), mapper.result(), from.value()));
    }

    private static void windowedBy(Node node) {
        Windowing windowing = Windowing.of(node);
        Handle from = node.handle("from");
        if (from instanceof Handle.OfGroupedStream grouped) {
            String emit = node.fields().text("emit", "update");
            if (!emit.equals("update") && !emit.equals("close")) {
                throw Functions.unknown(node.fields(), "emit strategy", emit);
            }
            Handle windowed = windowed(node, grouped, windowing);
            node.returns(emit.equals("update") ? windowed : emittingOnClose(windowed));
        } else if (from instanceof Handle.OfCogrouped grouped) {
            node.returns(windowed(node, grouped, windowing));
        } else {
            throw node.fields().mistake("`from` is neither grouped nor cogrouped");
        }
    }

    private static Handle windowed(Node node, Handle.OfGroupedStream from, Windowing windowing) {
        if (windowing instanceof Windowing.Time time) {
            return new Handle.OfWindowed(from.grouped().windowedBy(time.windows()), from.key(), from.value(),
                new Type.TimeWindowed(from.key(), time.size()));
        } else if (windowing instanceof Windowing.Sliding sliding) {
            return new Handle.OfWindowed(from.grouped().windowedBy(sliding.windows()), from.key(), from.value(),
                new Type.TimeWindowed(from.key(), sliding.windows().timeDifferenceMs()));
        } else if (windowing instanceof Windowing.Session session) {
            return new Handle.OfSessions(from.grouped().windowedBy(session.windows()), from.key(), from.value());
        }
        throw node.fields().mistake("a join's windows do not group");
    }

    private static Handle windowed(Node node, Handle.OfCogrouped from, Windowing windowing) {
        if (windowing instanceof Windowing.Time time) {
            return new Handle.OfWindowedCogrouped(from.grouped().windowedBy(time.windows()), from.key(), from.value(),
                new Type.TimeWindowed(from.key(), time.size()));
        } else if (windowing instanceof Windowing.Sliding sliding) {
            return new Handle.OfWindowedCogrouped(from.grouped().windowedBy(sliding.windows()), from.key(), from.value(),
                new Type.TimeWindowed(from.key(), sliding.windows().timeDifferenceMs()));
        } else if (windowing instanceof Windowing.Session session) {
            return new Handle.OfSessionsCogrouped(from.grouped().windowedBy(session.windows()), from.key(), from.value());
        }
        throw node.fields().mistake("a join's windows do not group");
    }

    private static Handle emittingOnClose(Handle handle) {
        if (handle instanceof Handle.OfWindowed windowed) {
            return new Handle.OfWindowed(windowed.grouped().emitStrategy(EmitStrategy.onWindowClose()),
                windowed.key(), windowed.value(), windowed.windowed());
        }
        Handle.OfSessions sessions = (Handle.OfSessions) handle;
        return new Handle.OfSessions(sessions.grouped().emitStrategy(EmitStrategy.onWindowClose()),
            sessions.key(), sessions.value());
    }

    /** The counts are longs, which Kafka's types say and the case's objects do not. */
    @SuppressWarnings({"unchecked", "rawtypes"})
    private static void count(Node node) {
        Named named = Options.named(node);
        Handle handle = node.handle("from");
        KTable table;
        Type key = handle.key();
        if (handle instanceof Handle.OfGroupedStream from) {
            table = from.grouped().count(named, (org.apache.kafka.streams.kstream.Materialized)
                Options.materializedTable(node, key, Type.LONG));
        } else if (handle instanceof Handle.OfGroupedTable from) {
            table = from.grouped().count(named, (org.apache.kafka.streams.kstream.Materialized)
                Options.materializedTable(node, key, Type.LONG));
        } else if (handle instanceof Handle.OfWindowed from) {
            key = from.windowed();
            table = from.grouped().count(named, (org.apache.kafka.streams.kstream.Materialized)
                Options.materialized(node, from.key(), Type.LONG));
        } else {
            Handle.OfSessions from = node.handle("from", Handle.OfSessions.class);
            key = new Type.SessionWindowed(from.key());
            table = from.grouped().count(named, (org.apache.kafka.streams.kstream.Materialized)
                Options.materialized(node, from.key(), Type.LONG));
        }
        node.returns(new Handle.OfTable((KTable<Object, Object>) table, key, Type.LONG));
    }

    private static void reduce(Node node) {
        Fields fields = node.fields();
        Named named = Options.named(node);
        Handle handle = node.handle("from");
        Type value = handle.value();
        if (handle instanceof Handle.OfGroupedTable from) {
            returns(node, from.grouped().reduce(Folds.reducer(fields, "adder", value),
                Folds.reducer(fields, "subtractor", value), named,
                Options.materializedTable(node, from.key(), value)), from.key(), value);
            return;
        }
        Reducer<Object> reducer = Folds.reducer(fields, "reducer", value);
        if (handle instanceof Handle.OfGroupedStream from) {
            returns(node, from.grouped().reduce(reducer, named,
                Options.materializedTable(node, from.key(), value)), from.key(), value);
        } else if (handle instanceof Handle.OfWindowed from) {
            returns(node, from.grouped().reduce(reducer, named,
                Options.materialized(node, from.key(), value)), from.windowed(), value);
        } else {
            Handle.OfSessions from = node.handle("from", Handle.OfSessions.class);
            returns(node, from.grouped().reduce(reducer, named,
                Options.materialized(node, from.key(), value)), new Type.SessionWindowed(from.key()), value);
        }
    }

    private static void aggregate(Node node) {
        Handle handle = node.handle("from");
        if (handle instanceof Handle.OfCogrouped || handle instanceof Handle.OfWindowedCogrouped
            || handle instanceof Handle.OfSessionsCogrouped) {
            aggregateCogrouped(node, handle);
            return;
        }
        Fields fields = node.fields();
        Named named = Options.named(node);
        Folds.Adding adding = Folds.aggregator(fields, "aggregator", handle.value());
        Type value = adding.result();
        Initializer<Object> initializer = Folds.initializer(fields, value);
        if (handle instanceof Handle.OfGroupedStream from) {
            returns(node, from.grouped().aggregate(initializer, adding.function(), named,
                Options.materializedTable(node, from.key(), value)), from.key(), value);
        } else if (handle instanceof Handle.OfGroupedTable from) {
            Folds.Adding subtracting = Folds.aggregator(fields, "subtractor", from.value());
            Functions.expect(fields, "subtractor", subtracting.result(), value);
            returns(node, from.grouped().aggregate(initializer, adding.function(), subtracting.function(), named,
                Options.materializedTable(node, from.key(), value)), from.key(), value);
        } else if (handle instanceof Handle.OfWindowed from) {
            returns(node, from.grouped().aggregate(initializer, adding.function(), named,
                Options.materialized(node, from.key(), value)), from.windowed(), value);
        } else {
            Handle.OfSessions from = node.handle("from", Handle.OfSessions.class);
            Merger<Object, Object> merger = Folds.merger(fields, value);
            returns(node, from.grouped().aggregate(initializer, adding.function(), merger, named,
                Options.materialized(node, from.key(), value)), new Type.SessionWindowed(from.key()), value);
        }
    }

    private static void aggregateCogrouped(Node node, Handle handle) {
        Named named = Options.named(node);
        Type value = handle.value();
        Initializer<Object> initializer = Folds.initializer(node.fields(), value);
        if (handle instanceof Handle.OfCogrouped from) {
            returns(node, from.grouped().aggregate(initializer, named,
                Options.materializedTable(node, from.key(), value)), from.key(), value);
        } else if (handle instanceof Handle.OfWindowedCogrouped from) {
            returns(node, from.grouped().aggregate(initializer, named,
                Options.materialized(node, from.key(), value)), from.windowed(), value);
        } else {
            Handle.OfSessionsCogrouped from = (Handle.OfSessionsCogrouped) handle;
            returns(node, from.grouped().aggregate(initializer, Folds.merger(node.fields(), value), named,
                Options.materialized(node, from.key(), value)), new Type.SessionWindowed(from.key()), value);
        }
    }

    /** Windowed keys are objects to the case as any other. */
    @SuppressWarnings("unchecked")
    private static void returns(Node node, KTable<?, Object> table, Type key, Type value) {
        node.returns(new Handle.OfTable((KTable<Object, Object>) table, key, value));
    }
}
