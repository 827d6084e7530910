package oracle.conformance;

import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Printed;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.processor.StreamPartitioner;

/** Operators by which records are seen: to, peek, foreach, print. */
final class Sinks {
    private Sinks() {
    }

    static void interpret(String op, Node node) {
        Observations observations = node.observations();
        Handle.OfStream from = node.handle("from", Handle.OfStream.class);
        if (op.equals("to")) {
            to(node, from, observations);
            return;
        }
        String id = node.fields().text("id");
        switch (op) {
            case "peek" -> {
                observations.watch(id);
                KStream<Object, Object> peeked =
                    from.stream().peek((key, value) -> observations.saw(id, key, value), Options.named(node));
                node.returns(new Handle.OfStream(peeked, from.key(), from.value()));
            }
            case "foreach" -> {
                observations.watch(id);
                from.stream().foreach((key, value) -> observations.saw(id, key, value), Options.named(node));
            }
            case "print" -> {
                Printed<Object, Object> printed = Printed.toFile(observations.print(id).toString());
                String label = node.fields().text("label", null);
                String name = node.fields().text("name", null);
                printed = label == null ? printed : printed.withLabel(label);
                from.stream().print(name == null ? printed : printed.withName(name));
            }
            default -> throw new IllegalStateException(op);
        }
    }

    private static void to(Node node, Handle.OfStream from, Observations observations) {
        Fields fields = node.fields();
        Produced<Object, Object> produced =
            Produced.with(Options.serde(node, from.key()), Options.serde(node, from.value()));
        String name = fields.text("name", null);
        StreamPartitioner<Object, Object> partitioner = Functions.partitioner(fields);
        produced = name == null ? produced : produced.withName(name);
        produced = partitioner == null ? produced : produced.withStreamPartitioner(partitioner);
        if (fields.has("chooser")) {
            observations.sink(fields, Observations.CHOSEN, from.key(), from.value());
            from.stream().to(Functions.chooser(fields), produced);
        } else {
            String topic = fields.text("topic");
            observations.sink(fields, topic, from.key(), from.value());
            from.stream().to(topic, produced);
        }
    }
}
