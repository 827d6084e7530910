package oracle.conformance;

import com.fasterxml.jackson.databind.JsonNode;

import java.util.Map;

/** One node of a case while it is interpreted: its fields, what nodes before it returned, what a run will leave. */
record Node(Fields fields, Map<String, Handle> handles, Observations observations) {
    static Node of(JsonNode node, Map<String, Handle> handles, Observations observations) {
        String op = node.path("op").asText("?");
        String id = node.path("id").asText("");
        return new Node(new Fields("node " + op + (id.isEmpty() ? "" : " `" + id + "`"), node), handles, observations);
    }

    String op() {
        return fields.text("op");
    }

    /** @return whether serdes are left to Kafka */
    boolean defaultSerdes() {
        String serdes = fields.text("serdes", "explicit");
        if (!serdes.equals("explicit") && !serdes.equals("default")) {
            throw fields.mistake("`serdes` is \"default\" or not there");
        }
        return serdes.equals("default");
    }

    /** @return the handle a field names, which is of the kind that the operator works on */
    <H extends Handle> H handle(String field, Class<H> kind) {
        Handle handle = handle(field);
        if (!kind.isInstance(handle)) {
            throw fields.mistake("`" + field + "` is " + handle.getClass().getSimpleName()
                + ", not " + kind.getSimpleName());
        }
        return kind.cast(handle);
    }

    Handle handle(String field) {
        String id = fields.text(field);
        Handle handle = handles.get(id);
        if (handle == null) {
            throw fields.mistake("no node before it has the id `" + id + "`");
        }
        return handle;
    }

    void returns(Handle handle) {
        returns(fields.text("id"), handle);
    }

    void returns(String id, Handle handle) {
        if (handles.put(id, handle) != null) {
            throw fields.mistake("the id `" + id + "` is taken");
        }
    }
}
