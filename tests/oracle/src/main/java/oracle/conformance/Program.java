package oracle.conformance;

import com.fasterxml.jackson.databind.JsonNode;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.TopologyConfig;

import java.util.HashMap;
import java.util.Map;
import java.util.Properties;

/** Interprets a case's topology: its nodes in order, each by the file that knows its operator. */
final class Program {
    private Program() {
    }

    /** @return the topology, built with the optimization that {@code properties} ask for */
    static Topology build(JsonNode topology, Properties properties, Observations observations) {
        StreamsBuilder builder = new StreamsBuilder(new TopologyConfig(new StreamsConfig(properties)));
        Fields fields = new Fields("topology", topology);
        fields.optional("config");
        for (JsonNode store : fields.list("stores")) {
            builder.addStateStore(StoreBuilders.of(store, observations));
        }
        Map<String, Handle> handles = new HashMap<>();
        for (JsonNode each : fields.list("nodes")) {
            Node node = Node.of(each, handles, observations);
            interpret(builder, node);
            node.fields().done();
        }
        fields.done();
        return builder.build(properties);
    }

    private static void interpret(StreamsBuilder builder, Node node) {
        String op = node.op();
        switch (op) {
            case "stream", "table", "global_table", "add_global_store" -> Sources.interpret(builder, op, node);
            case "filter", "filter_not", "map_values", "merge", "to_stream", "suppress", "transform_values" ->
                both(op, node);
            case "map", "flat_map", "flat_map_values", "select_key", "split", "repartition", "to_table", "process",
                "process_values" -> Streams.interpret(op, node);
            case "peek", "foreach", "print", "to" -> Sinks.interpret(op, node);
            case "group_by_key", "group_by", "windowed_by", "count", "reduce", "aggregate", "cogroup", "cogroup_with" ->
                Aggregations.interpret(op, node);
            case "stream_join", "stream_left_join", "stream_outer_join", "table_join", "table_left_join", "global_join",
                "global_left_join" -> StreamJoins.interpret(op, node);
            case "join", "left_join", "outer_join", "foreign_join", "foreign_left_join" -> TableJoins.interpret(op, node);
            default -> throw Functions.unknown(node.fields(), "operator", op);
        }
    }

    /** Operators that streams and tables have by the same name. */
    private static void both(String op, Node node) {
        if (node.handle("from") instanceof Handle.OfTable) {
            Tables.interpret(op, node);
        } else {
            Streams.interpret(op, node);
        }
    }
}
