package oracle.conformance;

import com.fasterxml.jackson.databind.JsonNode;
import org.apache.kafka.streams.kstream.Branched;
import org.apache.kafka.streams.kstream.BranchedKStream;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Predicate;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.processor.StreamPartitioner;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorSupplier;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;

import java.util.List;

/** Operators on a stream that return streams, and {@code to_table}. */
final class Streams {
    private Streams() {
    }

    static void interpret(String op, Node node) {
        Handle.OfStream from = node.handle("from", Handle.OfStream.class);
        KStream<Object, Object> stream = from.stream();
        Fields fields = node.fields();
        switch (op) {
            case "filter" -> same(node, from, stream.filter(Functions.predicate(fields), Options.named(node)));
            case "filter_not" -> same(node, from, stream.filterNot(Functions.predicate(fields), Options.named(node)));
            case "map_values" -> {
                Functions.Mapper mapper = Functions.valueMapper(fields, fields.text("mapper"), from.value());
                node.returns(new Handle.OfStream(
                    stream.mapValues((key, value) -> mapper.function().apply(key, value), Options.named(node)),
                    from.key(), mapper.result()));
            }
            case "map" -> {
                Functions.PairMapper mapper = Functions.pairMapper(fields, from.key(), from.value());
                node.returns(new Handle.OfStream(
                    stream.map((key, value) -> mapper.function().apply(key, value), Options.named(node)),
                    mapper.key(), mapper.value()));
            }
            case "flat_map" -> {
                Functions.FlatPairMapper mapper = Functions.flatPairMapper(fields, from.key(), from.value());
                node.returns(new Handle.OfStream(
                    stream.flatMap((key, value) -> mapper.function().apply(key, value), Options.named(node)),
                    mapper.key(), mapper.value()));
            }
            case "flat_map_values" -> {
                Functions.FlatMapper mapper = Functions.flatValueMapper(fields, from.value());
                node.returns(new Handle.OfStream(
                    stream.flatMapValues((key, value) -> mapper.function().apply(key, value), Options.named(node)),
                    from.key(), mapper.result()));
            }
            case "select_key" -> {
                Functions.Mapper mapper = Functions.keyMapper(fields, fields.text("mapper"), from.key(), from.value());
                node.returns(new Handle.OfStream(
                    stream.selectKey((key, value) -> mapper.function().apply(key, value), Options.named(node)),
                    mapper.result(), from.value()));
            }
            case "merge" -> same(node, from, stream.merge(with(node, from), Options.named(node)));
            case "split" -> split(node, from);
            case "repartition" -> same(node, from, stream.repartition(repartitioned(node, from)));
            case "to_table" -> node.returns(new Handle.OfTable(
                stream.toTable(Options.named(node), Options.materializedTable(node, from.key(), from.value())),
                from.key(), from.value()));
            case "process", "process_values" -> process(op, node, from);
            default -> throw fields.mistake("works on a table");
        }
    }

    private static void same(Node node, Handle.OfStream from, KStream<Object, Object> stream) {
        node.returns(new Handle.OfStream(stream, from.key(), from.value()));
    }

    private static KStream<Object, Object> with(Node node, Handle.OfStream from) {
        Handle.OfStream with = node.handle("with", Handle.OfStream.class);
        if (!with.key().equals(from.key()) || !with.value().equals(from.value())) {
            throw node.fields().mistake("the two streams have different types");
        }
        return with.stream();
    }

    private static Repartitioned<Object, Object> repartitioned(Node node, Handle.OfStream from) {
        Repartitioned<Object, Object> options =
            Repartitioned.with(Options.serde(node, from.key()), Options.serde(node, from.value()));
        String name = node.fields().text("name", null);
        Long partitions = node.fields().optionalNumber("partitions");
        StreamPartitioner<Object, Object> partitioner = Functions.partitioner(node.fields());
        options = name == null ? options : options.withName(name);
        options = partitions == null ? options : options.withNumberOfPartitions(Math.toIntExact(partitions));
        return partitioner == null ? options : options.withStreamPartitioner(partitioner);
    }

    private static void process(String op, Node node, Handle.OfStream from) {
        Fields fields = node.fields();
        String processor = fields.text("processor");
        List<String> stores = fields.texts("stores");
        Type result = Processors.result(fields, processor, from.value());
        String store = Processors.isStored(processor) && !stores.isEmpty() ? stores.get(0) : null;
        String[] names = stores.toArray(String[]::new);
        boolean named = fields.has("name");
        KStream<Object, Object> processed;
        if (op.equals("process")) {
            ProcessorSupplier<Object, Object, Object, Object> supplier = ProcessorShells.processor(processor, store);
            processed = named ? from.stream().process(supplier, Options.named(node), names)
                : from.stream().process(supplier, names);
        } else {
            FixedKeyProcessorSupplier<Object, Object, Object> supplier = ProcessorShells.fixed(fields, processor, store);
            processed = named ? from.stream().processValues(supplier, Options.named(node), names)
                : from.stream().processValues(supplier, names);
        }
        node.returns(new Handle.OfStream(processed, from.key(), result));
    }

    /**
     * Every branch has a function, so that its stream is at hand without knowing the key that Kafka's map gives it; one
     * that returns its argument changes nothing in the topology.
     */
    private static void split(Node node, Handle.OfStream from) {
        String name = node.fields().text("name", null);
        BranchedKStream<Object, Object> split =
            name == null ? from.stream().split() : from.stream().split(Options.named(node));
        for (JsonNode each : node.fields().list("branches")) {
            Fields branch = new Fields(node.fields().where() + ": branch", each);
            Predicate<Object, Object> predicate = Functions.predicate(branch);
            split = split.branch(predicate, branched(node, branch, from));
            branch.done();
        }
        JsonNode rest = node.fields().optional("default");
        if (rest == null || rest.isNull()) {
            split.noDefaultBranch();
        } else {
            Fields branch = new Fields(node.fields().where() + ": default", rest);
            split.defaultBranch(branched(node, branch, from));
            branch.done();
        }
    }

    private static Branched<Object, Object> branched(Node node, Fields branch, Handle.OfStream from) {
        String id = branch.text("id");
        String name = branch.text("name", null);
        String chain = branch.text("chain", null);
        Functions.Mapper mapper = chain == null ? null : Functions.valueMapper(branch, chain, from.value());
        Branched<Object, Object> branched = Branched.withFunction(stream -> {
            KStream<Object, Object> result = mapper == null ? stream
                : stream.mapValues((key, value) -> mapper.function().apply(key, value));
            node.returns(id, new Handle.OfStream(result, from.key(), mapper == null ? from.value() : mapper.result()));
            return result;
        });
        return name == null ? branched : branched.withName(name);
    }
}
