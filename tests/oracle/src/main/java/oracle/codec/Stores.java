package oracle.codec;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Supplier;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.kstream.internals.Change;
import org.apache.kafka.streams.kstream.internals.ChangedSerializer;
import org.apache.kafka.streams.kstream.internals.SessionWindow;
import org.apache.kafka.streams.kstream.internals.foreignkeyjoin.CombinedKeySchema;
import org.apache.kafka.streams.kstream.internals.foreignkeyjoin.SubscriptionResponseWrapper;
import org.apache.kafka.streams.kstream.internals.foreignkeyjoin.SubscriptionResponseWrapperSerde;
import org.apache.kafka.streams.kstream.internals.foreignkeyjoin.SubscriptionWrapper;
import org.apache.kafka.streams.kstream.internals.foreignkeyjoin.SubscriptionWrapperSerde;
import org.apache.kafka.streams.processor.internals.ProcessorMetadata;
import org.apache.kafka.streams.processor.internals.ProcessorRecordContext;
import org.apache.kafka.streams.processor.internals.TopicPartitionMetadata;
import org.apache.kafka.streams.query.Position;
import org.apache.kafka.streams.state.AggregationWithHeaders;
import org.apache.kafka.streams.state.ValueAndTimestamp;
import org.apache.kafka.streams.state.ValueTimestampHeaders;
import org.apache.kafka.streams.state.internals.AggregationWithHeadersSerde;
import org.apache.kafka.streams.state.internals.LeftOrRightValue;
import org.apache.kafka.streams.state.internals.LeftOrRightValueSerde;
import org.apache.kafka.streams.state.internals.Murmur3;
import org.apache.kafka.streams.state.internals.PositionSerde;
import org.apache.kafka.streams.state.internals.PrefixedSessionKeySchemas;
import org.apache.kafka.streams.state.internals.PrefixedWindowKeySchemas;
import org.apache.kafka.streams.state.internals.SessionKeySchema;
import org.apache.kafka.streams.state.internals.TimestampedKeyAndJoinSide;
import org.apache.kafka.streams.state.internals.TimestampedKeyAndJoinSideSerde;
import org.apache.kafka.streams.state.internals.ValueAndTimestampSerde;
import org.apache.kafka.streams.state.internals.ValueTimestampHeadersSerde;
import org.apache.kafka.streams.state.internals.WindowKeySchema;

/**
 * What Kafka Streams writes to stores, changelogs, internal topics and beside committed offsets.
 *
 * <pre>
 * {"format":"windowKey","key":"ab","timestamp":"1","seq":0,"bytes":HEX}
 * </pre>
 *
 * Keys and values are strings in UTF-8; numbers of 64 bits are texts. {@code bytes} comes last.
 */
final class Stores {
    private static final String STATE = "org.apache.kafka.streams.state.internals.";
    private static final String TOPIC = "topic";
    private static final String[] KEYS = {"", "ab", "é→😀"};
    private static final long[] TIMES = {0, 258, 1_700_000_000_000L, Long.MAX_VALUE};
    private static final Serde<String> STRINGS = Serdes.String();

    private final Lines lines = new Lines();

    static void write(Path directory) throws IOException, ReflectiveOperationException {
        Stores stores = new Stores();
        stores.keys();
        stores.values();
        stores.versioned();
        stores.changes();
        stores.buffered();
        stores.joins();
        stores.foreignKeys();
        stores.commits();
        stores.lines.write(directory, "stores", "rows of stores and changelogs, internal topics, metadata of committed offsets");
    }

    private ObjectNode line(String format) {
        return lines.line().put("format", format);
    }

    private void keys() {
        for (String key : KEYS) {
            for (long time : TIMES) {
                for (int seq : new int[] {0, 3, Integer.MAX_VALUE}) {
                    windowKey("windowKey", key, time, seq, WindowKeySchema.toStoreKeyBinary(bytes(key), time, seq));
                    windowKey("timeFirstWindowKey", key, time, seq,
                        PrefixedWindowKeySchemas.TimeFirstWindowKeySchema.toStoreKeyBinary(bytes(key), time, seq));
                    windowKey("keyFirstWindowKey", key, time, seq,
                        PrefixedWindowKeySchemas.KeyFirstWindowKeySchema.toStoreKeyBinary(bytes(key), time, seq));
                }
                long start = Math.max(0, time - 5);
                Windowed<Bytes> session = new Windowed<>(bytes(key), new SessionWindow(start, time));
                sessionKey("sessionKey", key, start, time, SessionKeySchema.toBinary(session));
                sessionKey("timeFirstSessionKey", key, start, time, PrefixedSessionKeySchemas.TimeFirstSessionKeySchema.toBinary(session));
                sessionKey("keyFirstSessionKey", key, start, time, PrefixedSessionKeySchemas.KeyFirstSessionKeySchema.toBinary(session));
            }
        }
    }

    private void windowKey(String format, String key, long time, int seq, Bytes bytes) {
        line(format).put("key", key).put("timestamp", Long.toString(time)).put("seq", seq).put("bytes", Lines.hex(bytes.get()));
    }

    private void sessionKey(String format, String key, long start, long end, Bytes bytes) {
        line(format).put("key", key).put("start", Long.toString(start)).put("end", Long.toString(end)).put("bytes", Lines.hex(bytes.get()));
    }

    private void values() {
        for (String value : KEYS) {
            for (long time : new long[] {-1, 0, 1_700_000_000_000L, Long.MAX_VALUE}) {
                byte[] timestamped = new ValueAndTimestampSerde<>(STRINGS).serializer().serialize(TOPIC, new RecordHeaders(), ValueAndTimestamp.make(value, time));
                line("valueAndTimestamp").put("value", value).put("timestamp", Long.toString(time)).put("bytes", Lines.hex(timestamped));
            }
            for (RecordHeaders headers : headers()) {
                byte[] bytes = new ValueTimestampHeadersSerde<>(STRINGS).serializer().serialize(TOPIC, new RecordHeaders(), ValueTimestampHeaders.make(value, 258, headers));
                ObjectNode line = line("valueTimestampHeaders").put("value", value).put("timestamp", "258");
                putHeaders(line, headers).put("bytes", Lines.hex(bytes));
                bytes = new AggregationWithHeadersSerde<>(STRINGS).serializer().serialize(TOPIC, new RecordHeaders(), AggregationWithHeaders.make(value, headers));
                putHeaders(line("aggregationWithHeaders").put("value", value), headers).put("bytes", Lines.hex(bytes));
            }
        }
        Position position = Position.emptyPosition();
        line("position").put("of", "").put("bytes", Lines.hex(PositionSerde.serialize(position)));
        position.withComponent("t1", 0, 5).withComponent("t1", 3, 1L << 40);
        line("position").put("of", "t1-0@5 t1-3@1099511627776").put("bytes", Lines.hex(PositionSerde.serialize(position)));
    }

    private static RecordHeaders[] headers() {
        RecordHeaders two = new RecordHeaders();
        two.add(new RecordHeader("b", utf8("1"))).add(new RecordHeader("a", null)).add(new RecordHeader("b", utf8("")));
        return new RecordHeaders[] {new RecordHeaders(), two};
    }

    private static ObjectNode putHeaders(ObjectNode line, RecordHeaders headers) {
        ArrayNode array = line.putArray("headers");
        headers.forEach(header -> array.addArray().add(header.key()).add(Lines.hex(header.value())));
        return line;
    }

    private void versioned() throws ReflectiveOperationException {
        for (String value : KEYS) {
            byte[] bytes = (byte[]) Inside.callStatic(STATE + "RocksDBVersionedStore$LatestValueFormatter", "from", utf8(value), 258L);
            line("versionedLatest").put("value", value).put("timestamp", "258").put("bytes", Lines.hex(bytes));
        }
        Object segment = segment("v1", 10, 20);
        addSegment("10-20=v1", segment);
        addSegment("10-20=null", segment(null, 10, 20));
        Inside.call(segment, "insertAsLatest", 20L, 30L, utf8("value two"));
        addSegment("10-20=v1 20-30=value two", segment);
        Inside.call(segment, "insertAsLatest", 30L, 45L, null);
        addSegment("10-20=v1 20-30=value two 30-45=null", segment);
        Inside.call(segment, "insertAsEarliest", 5L, utf8(""));
        addSegment("5-10= 10-20=v1 20-30=value two 30-45=null", segment);
        Object gap = segment("v1", 10, 20);
        Inside.call(gap, "insertAsLatest", 25L, 30L, utf8("v3"));
        addSegment("10-20=v1 20-25=null 25-30=v3", gap);
    }

    private static Object segment(String value, long from, long to) throws ReflectiveOperationException {
        return Inside.callStatic(STATE + "RocksDBVersionedStoreSegmentValueFormatter", "newSegmentValueWithRecord", utf8(value), from, to);
    }

    /** {@code rows} are validFrom-validTo=value, the earliest first. */
    private void addSegment(String rows, Object segment) throws ReflectiveOperationException {
        line("versionedSegment").put("rows", rows).put("bytes", Lines.hex((byte[]) Inside.call(segment, "serialize")));
    }

    private void changes() {
        String[][] sides = {{"new", null}, {null, "old"}, {"new", "old"}, {"", ""}, {"é", ""}, {"x".repeat(300), "old"}};
        for (String[] change : sides) {
            for (boolean latest : new boolean[] {true, false}) {
                byte[] bytes = new ChangedSerializer<>(STRINGS.serializer()).serialize(TOPIC, new RecordHeaders(), new Change<>(change[0], change[1], latest));
                line("change").put("new", change[0]).put("old", change[1]).put("latest", latest).put("bytes", Lines.hex(bytes));
            }
        }
    }

    private void buffered() throws ReflectiveOperationException {
        String[][] values = {{null, null, "new"}, {"prior", "old", "new"}, {"same", "same", null}, {null, "old", ""}};
        for (String[] value : values) {
            for (RecordHeaders headers : headers()) {
                ProcessorRecordContext context = new ProcessorRecordContext(258, 5, 3, "topic", headers);
                Object row = Inside.make(STATE + "BufferValue", utf8(value[0]), utf8(value[1]), utf8(value[2]), context);
                ByteBuffer bytes = (ByteBuffer) Inside.call(row, "serialize", Long.BYTES);
                bytes.putLong(1_000);
                ObjectNode line = line("suppressChangelog").put("prior", value[0]).put("old", value[1]).put("new", value[2]);
                line.put("timestamp", "258").put("offset", "5").put("partition", 3).put("topic", "topic").put("bufferTime", "1000");
                putHeaders(line, headers).put("bytes", Lines.hex(bytes.array()));
            }
        }
    }

    private void joins() {
        for (String text : KEYS) {
            for (boolean left : new boolean[] {true, false}) {
                LeftOrRightValue<String, String> value = left ? LeftOrRightValue.makeLeftValue(text) : LeftOrRightValue.makeRightValue(text);
                byte[] bytes = new LeftOrRightValueSerde<>(STRINGS, STRINGS).serializer().serialize(TOPIC, new RecordHeaders(), value);
                line("leftOrRightValue").put("left", left).put("value", text).put("bytes", Lines.hex(bytes));
                TimestampedKeyAndJoinSide<String> key =
                    left ? TimestampedKeyAndJoinSide.makeLeft(text, 258) : TimestampedKeyAndJoinSide.makeRight(text, 258);
                bytes = new TimestampedKeyAndJoinSideSerde<>(STRINGS).serializer().serialize(TOPIC, new RecordHeaders(), key);
                line("timestampedKeyAndJoinSide").put("left", left).put("key", text).put("timestamp", "258").put("bytes", Lines.hex(bytes));
            }
        }
    }

    private void foreignKeys() throws ReflectiveOperationException {
        Supplier<String> topic = () -> TOPIC;
        for (String text : new String[] {"", "a", "value", "0123456789abcdef", "0123456789abcdef0", "é→😀", "x".repeat(300)}) {
            putHash(line("murmur3").put("value", text), "hash", Murmur3.hash128(utf8(text)));
        }
        SubscriptionWrapperSerde<String> subscriptions = new SubscriptionWrapperSerde<>(topic, STRINGS);
        for (long[] hash : new long[][] {null, Murmur3.hash128(utf8("value"))}) {
            for (SubscriptionWrapper.Instruction instruction : SubscriptionWrapper.Instruction.values()) {
                for (byte version = 0; version <= 1; version++) {
                    Integer partition = version == 0 ? null : Integer.valueOf(7);
                    byte[] bytes = subscriptions.serializer().serialize(TOPIC, new RecordHeaders(), new SubscriptionWrapper<>(hash, instruction, "pk", version, partition));
                    ObjectNode line = line("fkSubscription").put("version", version).put("instruction", instruction.name());
                    putHash(line, "hash", hash).put("key", "pk").put("partition", partition).put("bytes", Lines.hex(bytes));
                }
            }
            for (String value : new String[] {null, "", "foreign"}) {
                SubscriptionResponseWrapper<String> response = new SubscriptionResponseWrapper<>(hash, value, 7);
                byte[] bytes = new SubscriptionResponseWrapperSerde<>(STRINGS).serializer().serialize(TOPIC, new RecordHeaders(), response);
                putHash(line("fkResponse"), "hash", hash).put("value", value).put("bytes", Lines.hex(bytes));
            }
        }
        CombinedKeySchema<String, String> schema = new CombinedKeySchema<>(topic, STRINGS, topic, STRINGS);
        schema.init(null);
        for (String foreign : KEYS) {
            Bytes combined = (Bytes) Inside.call(schema, "toBytes", foreign, "pk", new RecordHeaders());
            Bytes prefix = (Bytes) Inside.call(schema, "prefixBytes", foreign, new RecordHeaders());
            line("combinedKey").put("foreign", foreign).put("primary", "pk").put("bytes", Lines.hex(combined.get()));
            line("combinedKeyPrefix").put("foreign", foreign).put("bytes", Lines.hex(prefix.get()));
        }
    }

    private static ObjectNode putHash(ObjectNode line, String name, long[] hash) {
        if (hash == null) {
            return line.putNull(name);
        }
        line.putArray(name).add(Long.toString(hash[0])).add(Long.toString(hash[1]));
        return line;
    }

    private void commits() {
        for (long time : new long[] {-1, 0, 1_700_000_000_123L, Long.MAX_VALUE}) {
            line("commitMetadata").put("partitionTime", Long.toString(time)).putNull("processors")
                .put("text", new TopicPartitionMetadata(time, new ProcessorMetadata()).encode());
            Map<String, Long> processors = new TreeMap<>(Map.of("store-a", 5L, "é", -1L));
            ObjectNode line = line("commitMetadata").put("partitionTime", Long.toString(time));
            line.putObject("processors").put("store-a", "5").put("é", "-1");
            line.put("text", new TopicPartitionMetadata(time, new ProcessorMetadata(processors)).encode());
        }
    }

    private static Bytes bytes(String text) {
        return Bytes.wrap(utf8(text));
    }

    private static byte[] utf8(String text) {
        return text == null ? null : text.getBytes(StandardCharsets.UTF_8);
    }
}
