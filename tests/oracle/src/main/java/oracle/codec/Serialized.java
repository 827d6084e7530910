package oracle.codec;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.streams.kstream.SessionWindowedSerializer;
import org.apache.kafka.streams.kstream.TimeWindowedSerializer;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.kstream.internals.SessionWindow;
import org.apache.kafka.streams.kstream.internals.TimeWindow;

/**
 * Keys and values as Kafka's serdes write them to topics, and which partition a key has.
 *
 * <pre>
 * {"format":"Long","value":"5","bytes":HEX}
 * {"format":"TimeWindowed","key":"ab","start":"1","end":"11","bytes":HEX}
 * {"format":"murmur2","bytes":HEX,"hash":-1,"partitions":[[3,2],[7,0]]}
 * </pre>
 *
 * Values are texts: Java's {@code toString}, bytes in hex, floating point numbers as their bits in hex, lists as arrays;
 * null is null. {@code partitions} are pairs of a number of partitions and the one of the key.
 */
final class Serialized {
    private static final String TOPIC = "topic";
    private static final int[] PARTITION_COUNTS = {1, 2, 3, 7, 12, 50, 1000};
    private static final int RANDOM_KEYS = 200;

    private final Lines lines = new Lines();

    static void write(Path directory) throws IOException {
        Serialized serialized = new Serialized();
        serialized.scalars();
        serialized.lists();
        serialized.windowed();
        serialized.partitions();
        serialized.lines.write(directory, "serdes", "built-in serdes, windowed keys in topics, hashes of keys");
    }

    private void scalars() {
        for (String value : new String[] {"", "a", "aé→😀", "\u0000", "x".repeat(300)}) {
            add("String", value, Serdes.String(), value);
        }
        for (long value : new long[] {0, 1, -1, 258, Long.MIN_VALUE, Long.MAX_VALUE}) {
            add("Long", Long.toString(value), Serdes.Long(), value);
        }
        for (int value : new int[] {0, 1, -1, 258, Integer.MIN_VALUE, Integer.MAX_VALUE}) {
            add("Integer", Integer.toString(value), Serdes.Integer(), value);
        }
        for (short value : new short[] {0, 1, -1, 258, Short.MIN_VALUE, Short.MAX_VALUE}) {
            add("Short", Short.toString(value), Serdes.Short(), value);
        }
        float[] floats = {0, -0.0f, 1.5f, -2, Float.MIN_VALUE, Float.MAX_VALUE, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, Float.NaN};
        for (float value : floats) {
            add("Float", Integer.toHexString(Float.floatToIntBits(value)), Serdes.Float(), value);
        }
        double[] doubles = {0, -0.0, 1.5, -2, Double.MIN_VALUE, Double.MAX_VALUE, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, Double.NaN};
        for (double value : doubles) {
            add("Double", Long.toHexString(Double.doubleToLongBits(value)), Serdes.Double(), value);
        }
        for (boolean value : new boolean[] {true, false}) {
            add("Boolean", Boolean.toString(value), Serdes.Boolean(), value);
        }
        for (byte[] value : new byte[][] {{}, {0}, {(byte) 0xff, 0, 1}}) {
            add("ByteArray", Lines.hex(value), Serdes.ByteArray(), value);
            add("Bytes", Lines.hex(value), Serdes.Bytes(), Bytes.wrap(value));
            add("ByteBuffer", Lines.hex(value), Serdes.ByteBuffer(), ByteBuffer.wrap(value));
        }
        for (UUID value : new UUID[] {new UUID(0, 0), new UUID(0xa1a2a3a4b1b2c1c2L, 0xd1d2d3d4d5d6d7d8L), new UUID(-1, -1)}) {
            add("UUID", value.toString(), Serdes.UUID(), value);
        }
        add("Void", null, Serdes.Void(), null);
        add("String", null, Serdes.String(), null);
        add("Long", null, Serdes.Long(), null);
        add("ByteBuffer", null, Serdes.ByteBuffer(), null);
        add("UUID", null, Serdes.UUID(), null);
    }

    private <T> void add(String format, String text, Serde<T> serde, T value) {
        lines.line().put("format", format).put("value", text).put("bytes", Lines.hex(serde.serializer().serialize(TOPIC, value)));
    }

    private void lists() {
        list("List<String>", Serdes.String(), List.of());
        list("List<String>", Serdes.String(), Arrays.asList("a", null, "", "aé"));
        list("List<Long>", Serdes.Long(), List.of());
        list("List<Long>", Serdes.Long(), List.of(1L, -1L, Long.MAX_VALUE));
        list("List<Long>", Serdes.Long(), Arrays.asList(null, 5L, null));
        list("List<Integer>", Serdes.Integer(), Arrays.asList(1, null, -1));
        list("List<Short>", Serdes.Short(), Arrays.asList((short) 1, null));
        list("List<UUID>", Serdes.UUID(), Arrays.asList(new UUID(1, 2), null));
    }

    private <T> void list(String format, Serde<T> inner, List<T> values) {
        ObjectNode line = lines.line().put("format", format);
        ArrayNode array = line.putArray("value");
        for (T value : values) {
            array.add(value == null ? null : value.toString());
        }
        Serde<List<T>> serde = Serdes.ListSerde(ArrayList.class, inner);
        line.put("bytes", Lines.hex(serde.serializer().serialize(TOPIC, values)));
    }

    private void windowed() {
        for (String key : new String[] {"", "ab", "é"}) {
            for (long[] window : new long[][] {{0, 10}, {258, 268}, {1_700_000_000_000L, 1_700_000_300_000L}, {Long.MAX_VALUE - 1, Long.MAX_VALUE}}) {
                Windowed<String> time = new Windowed<>(key, new TimeWindow(window[0], window[1]));
                byte[] bytes = new TimeWindowedSerializer<>(Serdes.String().serializer()).serialize(TOPIC, time);
                window("TimeWindowed", key, window, bytes);
                Windowed<String> session = new Windowed<>(key, new SessionWindow(window[0], window[1]));
                bytes = new SessionWindowedSerializer<>(Serdes.String().serializer()).serialize(TOPIC, session);
                window("SessionWindowed", key, window, bytes);
            }
        }
        long[] instant = {7, 7};
        Windowed<String> session = new Windowed<>("ab", new SessionWindow(7, 7));
        window("SessionWindowed", "ab", instant, new SessionWindowedSerializer<>(Serdes.String().serializer()).serialize(TOPIC, session));
    }

    private void window(String format, String key, long[] window, byte[] bytes) {
        ObjectNode line = lines.line().put("format", format).put("key", key);
        line.put("start", Long.toString(window[0])).put("end", Long.toString(window[1])).put("bytes", Lines.hex(bytes));
    }

    private void partitions() {
        for (String key : new String[] {"", "a", "ab", "abc", "abcd", "abcde", "key-1", "aé→😀", "store-17/product-4711"}) {
            partition(key.getBytes(StandardCharsets.UTF_8));
        }
        for (long key : new long[] {0, 1, -1, Long.MIN_VALUE, Long.MAX_VALUE}) {
            partition(Serdes.Long().serializer().serialize(TOPIC, key));
        }
        // Knuth's multiplier: enough to fill keys of every length with every byte.
        long state = 42;
        for (int i = 0; i < RANDOM_KEYS; i++) {
            byte[] key = new byte[i % 41];
            for (int at = 0; at < key.length; at++) {
                state = state * 6364136223846793005L + 1442695040888963407L;
                key[at] = (byte) (state >>> 56);
            }
            partition(key);
        }
    }

    private void partition(byte[] key) {
        ObjectNode line = lines.line().put("format", "murmur2").put("bytes", Lines.hex(key)).put("hash", Utils.murmur2(key));
        ArrayNode partitions = line.putArray("partitions");
        for (int count : PARTITION_COUNTS) {
            partitions.addArray().add(count).add(BuiltInPartitioner.partitionForKey(key, count));
        }
    }
}
