package oracle.conformance;

import com.fasterxml.jackson.databind.JsonNode;

import java.util.Iterator;
import java.util.Map;

/**
 * Writes a file of cases so that a difference between two of them reads well: objects one field a line, lists one element
 * a line, and every element (a record, a row, a node) on one line. What fits in a line stays in one, but for lists of
 * objects. Fields keep their order, so that the same cases give the same bytes.
 */
final class Layout {
    private static final int LINE = 120;

    private Layout() {
    }

    static String of(JsonNode file) {
        StringBuilder text = new StringBuilder("{\n  \"kafka\": ").append(file.get("kafka")).append(",\n  \"cases\": [");
        String separator = "\n    ";
        for (JsonNode each : file.get("cases")) {
            text.append(separator);
            object(text, each, 4);
            separator = ",\n    ";
        }
        return text.append("\n  ]\n}\n").toString();
    }

    private static void value(StringBuilder text, JsonNode node, int indent) {
        boolean rows = node.isArray() && node.size() > 0 && node.get(0).isContainerNode();
        String line = node.isContainerNode() && !rows && !nested(node) ? inline(node) : null;
        if (!node.isContainerNode() || node.isEmpty()) {
            text.append(node);
        } else if (line != null && indent + line.length() <= LINE) {
            text.append(line);
        } else if (node.isArray()) {
            list(text, node, indent);
        } else {
            object(text, node, indent);
        }
    }

    /** @return whether an object holds lists or objects that hold something: such a one is never a single line */
    private static boolean nested(JsonNode node) {
        if (node.isObject()) {
            for (JsonNode each : node) {
                if (each.isContainerNode() && !each.isEmpty()) {
                    return true;
                }
            }
        }
        return false;
    }

    private static void object(StringBuilder text, JsonNode node, int indent) {
        String separator = "{\n" + " ".repeat(indent + 2);
        for (Iterator<Map.Entry<String, JsonNode>> fields = node.fields(); fields.hasNext(); ) {
            Map.Entry<String, JsonNode> field = fields.next();
            text.append(separator).append(quoted(field.getKey())).append(": ");
            value(text, field.getValue(), indent + 2);
            separator = ",\n" + " ".repeat(indent + 2);
        }
        text.append('\n').append(" ".repeat(indent)).append('}');
    }

    private static void list(StringBuilder text, JsonNode node, int indent) {
        String separator = "[\n" + " ".repeat(indent + 2);
        for (JsonNode each : node) {
            text.append(separator).append(inline(each));
            separator = ",\n" + " ".repeat(indent + 2);
        }
        text.append('\n').append(" ".repeat(indent)).append(']');
    }

    /** @return the node on one line, with a space after each comma and colon */
    private static String inline(JsonNode node) {
        StringBuilder text = new StringBuilder();
        if (node.isArray()) {
            String separator = "";
            for (JsonNode each : node) {
                text.append(separator).append(inline(each));
                separator = ", ";
            }
            return "[" + text + "]";
        }
        if (node.isObject()) {
            String separator = "";
            for (Iterator<Map.Entry<String, JsonNode>> fields = node.fields(); fields.hasNext(); ) {
                Map.Entry<String, JsonNode> field = fields.next();
                text.append(separator).append(quoted(field.getKey())).append(": ").append(inline(field.getValue()));
                separator = ", ";
            }
            return "{" + text + "}";
        }
        return node.toString();
    }

    private static String quoted(String name) {
        return com.fasterxml.jackson.databind.node.TextNode.valueOf(name).toString();
    }
}
