package oracle.codec;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.function.LongPredicate;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.message.KRaftVersionRecord;
import org.apache.kafka.common.message.LeaderChangeMessage;
import org.apache.kafka.common.message.SnapshotFooterRecord;
import org.apache.kafka.common.message.SnapshotHeaderRecord;
import org.apache.kafka.common.message.VotersRecord;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.DefaultRecordBatch;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.record.internal.SimpleRecord;
import org.apache.kafka.common.utils.BufferSupplier;

/**
 * Record batches as producers, brokers and the log cleaner write them.
 *
 * <pre>
 * {"name":"..","magic":2,"bytes":HEX,"batches":[{"baseOffset":0,..,"records":[{"offset":0,"timestamp":1,"key":HEX,"value":HEX,
 *   "headers":[["name",HEX]]}]}]}
 * </pre>
 *
 * {@code batches} is what Kafka reads from {@code bytes}. A long value that repeats is {@code {"repeat":HEX,"times":N}}.
 * {@code dirty} is what the log cleaner made {@code bytes} from; {@code createTimes} what the records' own times were.
 */
final class Batches {
    private static final long TIME = 1_700_000_000_000L;
    private static final long DELETE_HORIZON = TIME + 3_600_000;
    private static final long PRODUCER_ID = 4_000_000_000L;
    private static final short PRODUCER_EPOCH = 7;
    private static final int LEADER_EPOCH = 12;
    /** Longer than the blocks of snappy and lz4. */
    private static final int REPEATED = 20_000;
    private static final byte[] PATTERN = utf8("0123456789");

    private final Lines lines = new Lines();

    static void write(Path directory) throws IOException {
        Batches batches = new Batches();
        batches.everyCodec();
        batches.producers();
        batches.timestamps();
        batches.control();
        batches.compacted();
        batches.old();
        batches.lines.write(directory, "batches", "record batches: bytes, and what Kafka reads from them");
    }

    private void everyCodec() {
        for (CompressionType type : CompressionType.values()) {
            Compression codec = Compression.of(type).build();
            add(type.name + ", one record", MemoryRecords.withRecords(codec, record(0, "k", "v")));
            add(type.name + ", nulls, empty and repeated headers", MemoryRecords.withRecords(codec,
                new SimpleRecord(TIME, (byte[]) null, null),
                new SimpleRecord(TIME + 1, new byte[0], new byte[0]),
                new SimpleRecord(TIME - 5, utf8("k"), null, new Header[] {header("b", "1"), header("a", null), header("b", "2"), header("", "")}),
                new SimpleRecord(TIME + 1, null, utf8("é😀"), new Header[] {header("é", "x"), header("é", "x")})));
            if (type != CompressionType.NONE) {
                add(type.name + ", larger than a block", MemoryRecords.withRecords(codec, record(0, "before", "1"),
                    new SimpleRecord(TIME, utf8("large"), repeated()), record(1, "after", "2")));
            }
        }
        MemoryRecords two = MemoryRecords.withRecords(5L, Compression.NONE, record(0, "a", "1"), record(1, "b", "2"));
        MemoryRecords three = MemoryRecords.withRecords(7L, Compression.gzip().build(), record(2, "c", "3"));
        ByteBuffer both = ByteBuffer.allocate(two.sizeInBytes() + three.sizeInBytes()).put(two.buffer()).put(three.buffer());
        add("two batches in a row", MemoryRecords.readableRecords(both.flip()));
    }

    private void producers() {
        SimpleRecord[] records = {record(0, "a", "1"), record(1, "b", "2"), record(2, "c", "3")};
        add("idempotent", MemoryRecords.withIdempotentRecords(Compression.NONE, PRODUCER_ID, PRODUCER_EPOCH, 0, records));
        add("idempotent, the last sequence is the largest",
            MemoryRecords.withIdempotentRecords(Compression.NONE, PRODUCER_ID, PRODUCER_EPOCH, Integer.MAX_VALUE - 2, records));
        add("idempotent, sequences wrap",
            MemoryRecords.withIdempotentRecords(Compression.NONE, PRODUCER_ID, PRODUCER_EPOCH, Integer.MAX_VALUE - 1, records));
        add("idempotent, sequences wrap after the first",
            MemoryRecords.withIdempotentRecords(Compression.NONE, PRODUCER_ID, PRODUCER_EPOCH, Integer.MAX_VALUE, records));
        add("idempotent, largest id and epoch",
            MemoryRecords.withIdempotentRecords(Compression.NONE, Long.MAX_VALUE, Short.MAX_VALUE, 5, records));
        for (CompressionType type : CompressionType.values()) {
            add("transactional, " + type.name,
                MemoryRecords.withTransactionalRecords(Compression.of(type).build(), PRODUCER_ID, PRODUCER_EPOCH, 10, records));
        }
        add("transactional, appended by a leader", MemoryRecords.withTransactionalRecords(
            1L << 40, Compression.NONE, PRODUCER_ID, PRODUCER_EPOCH, 10, LEADER_EPOCH, records));
    }

    private void timestamps() {
        long spread = Integer.MAX_VALUE;
        add("24.9 days forward, delta of 32 bits", MemoryRecords.withRecords(Compression.NONE, record(0, "a", "1"), record(spread, "b", "2")));
        add("more than 24.9 days forward", MemoryRecords.withRecords(Compression.NONE, record(0, "a", "1"), record(spread + 1, "b", "2")));
        add("more than 24.9 days backward", MemoryRecords.withRecords(Compression.NONE, record(0, "a", "1"), record(-spread - 2, "b", "2")));
        add("49.7 days and more", MemoryRecords.withRecords(Compression.NONE, record(0, "a", "1"), record(1L << 33, "b", "2"), record(-(1L << 33), "c", "3")));
        add("no timestamp", MemoryRecords.withRecords(Compression.NONE, new SimpleRecord(RecordBatch.NO_TIMESTAMP, utf8("a"), utf8("1"))));
        add("the epoch and far in the future", MemoryRecords.withRecords(Compression.NONE, new SimpleRecord(0, utf8("a"), utf8("1")),
            new SimpleRecord(Long.MAX_VALUE, utf8("b"), utf8("2"))));
        for (CompressionType type : new CompressionType[] {CompressionType.NONE, CompressionType.LZ4}) {
            ByteBuffer buffer = ByteBuffer.allocate(1024);
            try (MemoryRecordsBuilder builder = MemoryRecords.builder(buffer, RecordBatch.CURRENT_MAGIC_VALUE,
                    Compression.of(type).build(), TimestampType.LOG_APPEND_TIME, 100, TIME + 77)) {
                builder.append(record(0, "a", "1"));
                builder.append(record(-50, "b", "2"));
                add("log append time, " + type.name, builder.build()).putArray("createTimes").add(TIME).add(TIME - 50);
            }
        }
    }

    private void control() {
        for (ControlRecordType type : new ControlRecordType[] {ControlRecordType.ABORT, ControlRecordType.COMMIT}) {
            EndTransactionMarker marker = new EndTransactionMarker(type, 31);
            add("marker " + type, MemoryRecords.withEndTransactionMarker(0, TIME, -1, PRODUCER_ID, PRODUCER_EPOCH, marker));
            add("marker " + type + ", appended by a leader",
                MemoryRecords.withEndTransactionMarker(900, TIME, LEADER_EPOCH, PRODUCER_ID, PRODUCER_EPOCH, marker));
        }
        LeaderChangeMessage change = new LeaderChangeMessage().setLeaderId(3)
            .setVoters(List.of(new LeaderChangeMessage.Voter().setVoterId(3), new LeaderChangeMessage.Voter().setVoterId(4)))
            .setGrantingVoters(List.of(new LeaderChangeMessage.Voter().setVoterId(3)));
        add("leader change", MemoryRecords.withLeaderChangeMessage(11, TIME, LEADER_EPOCH, ByteBuffer.allocate(512), change));
        add("snapshot header", MemoryRecords.withSnapshotHeaderRecord(0, TIME, LEADER_EPOCH, ByteBuffer.allocate(512),
            new SnapshotHeaderRecord().setLastContainedLogTimestamp(TIME)));
        add("snapshot footer", MemoryRecords.withSnapshotFooterRecord(0, TIME, LEADER_EPOCH, ByteBuffer.allocate(512), new SnapshotFooterRecord()));
        add("kraft version", MemoryRecords.withKRaftVersionRecord(0, TIME, LEADER_EPOCH, ByteBuffer.allocate(512),
            new KRaftVersionRecord().setKRaftVersion((short) 1)));
        add("voters", MemoryRecords.withVotersRecord(0, TIME, LEADER_EPOCH, ByteBuffer.allocate(512), new VotersRecord()));
    }

    private void compacted() {
        SimpleRecord[] records = new SimpleRecord[6];
        for (int i = 0; i < records.length; i++) {
            records[i] = record(i, "k" + i, i == 3 ? null : "v" + i);
        }
        for (CompressionType type : CompressionType.values()) {
            MemoryRecords dirty = MemoryRecords.withIdempotentRecords(
                2_000, Compression.of(type).build(), PRODUCER_ID, PRODUCER_EPOCH, 40, LEADER_EPOCH, records);
            compacted("the first and last are gone, " + type.name, dirty, offset -> offset > 2_000 && offset < 2_005, false);
        }
        MemoryRecords dirty = MemoryRecords.withTransactionalRecords(
            3_000, Compression.NONE, PRODUCER_ID, PRODUCER_EPOCH, 40, LEADER_EPOCH, records);
        compacted("holes and a tombstone", dirty, offset -> offset % 2 == 1, false);
        compacted("holes, no tombstone", dirty, offset -> offset % 2 == 0, false);
        compacted("all stay, the tombstone gets its horizon", dirty, offset -> true, false);
        compacted("nothing is left but the header", dirty, offset -> false, false);
        compacted("nothing is left, no producer",
            MemoryRecords.withRecords(4_000, Compression.NONE, LEADER_EPOCH, records), offset -> false, false);
        MemoryRecords marker = MemoryRecords.withEndTransactionMarker(
            3_006, TIME, LEADER_EPOCH, PRODUCER_ID, PRODUCER_EPOCH, new EndTransactionMarker(ControlRecordType.COMMIT, 31));
        compacted("a marker", marker, offset -> true, false);
        compacted("a marker of an empty transaction gets a horizon", marker, offset -> true, true);
    }

    /** Adds what the log cleaner leaves of the records. Tombstones that stay get {@link #DELETE_HORIZON}. */
    private void compacted(String name, MemoryRecords dirty, LongPredicate keeps, boolean emptyTransaction) {
        MemoryRecords.RecordFilter filter = new MemoryRecords.RecordFilter(TIME + 1_000, DELETE_HORIZON - TIME - 1_000) {
            @Override
            protected BatchRetentionResult checkBatchRetention(RecordBatch batch) {
                return new BatchRetentionResult(BatchRetention.RETAIN_EMPTY, emptyTransaction);
            }

            @Override
            protected boolean shouldRetainRecord(RecordBatch batch, Record record) {
                return keeps.test(record.offset());
            }
        };
        ByteBuffer kept = dirty.filterTo(filter, ByteBuffer.allocate(4096), BufferSupplier.NO_CACHING).outputBuffer();
        ObjectNode line = add("compacted, " + name, MemoryRecords.readableRecords(kept.flip()));
        line.put("dirty", Lines.hex(dirty.buffer())).put("newDeleteHorizonMs", DELETE_HORIZON);
    }

    /** Formats that only old clients write: our codec refuses them and says so. */
    private void old() {
        for (byte magic : new byte[] {RecordBatch.MAGIC_VALUE_V0, RecordBatch.MAGIC_VALUE_V1}) {
            add("magic " + magic + ", plain", MemoryRecords.withRecords(magic, Compression.NONE, record(0, "a", "1"), record(1, null, null)));
            add("magic " + magic + ", gzip", MemoryRecords.withRecords(magic, Compression.gzip().build(), record(0, "a", "1"), record(1, "b", "2")));
        }
    }

    private ObjectNode add(String name, MemoryRecords records) {
        byte magic = records.batches().iterator().next().magic();
        ObjectNode line = lines.line().put("name", name).put("magic", magic).put("bytes", Lines.hex(records.buffer()));
        ArrayNode batches = line.putArray("batches");
        for (RecordBatch batch : records.batches()) {
            batch.ensureValid();
            if (batch instanceof DefaultRecordBatch current) {
                describe(batches.addObject(), current);
            }
        }
        return line;
    }

    private static void describe(ObjectNode node, DefaultRecordBatch batch) {
        node.put("baseOffset", batch.baseOffset()).put("lastOffset", batch.lastOffset()).put("nextOffset", batch.nextOffset());
        node.put("partitionLeaderEpoch", batch.partitionLeaderEpoch()).put("compression", batch.compressionType().name);
        node.put("timestampType", batch.timestampType().name).put("transactional", batch.isTransactional());
        node.put("control", batch.isControlBatch()).put("crc", batch.checksum());
        node.put("deleteHorizonMs", batch.deleteHorizonMs().isPresent() ? batch.deleteHorizonMs().getAsLong() : null);
        node.put("baseTimestamp", batch.baseTimestamp()).put("maxTimestamp", batch.maxTimestamp());
        node.put("producerId", batch.producerId()).put("producerEpoch", batch.producerEpoch());
        node.put("baseSequence", batch.baseSequence()).put("lastSequence", batch.lastSequence()).put("count", batch.countOrNull());
        ArrayNode records = node.putArray("records");
        for (Record record : batch) {
            ObjectNode line = records.addObject().put("offset", record.offset()).put("timestamp", record.timestamp());
            line.put("key", Lines.hex(record.key()));
            if (record.valueSize() == PATTERN.length * REPEATED) {
                line.putObject("value").put("repeat", Lines.hex(PATTERN)).put("times", REPEATED);
            } else {
                line.put("value", Lines.hex(record.value()));
            }
            ArrayNode headers = line.putArray("headers");
            for (Header header : record.headers()) {
                headers.addArray().add(header.key()).add(Lines.hex(header.value()));
            }
        }
    }

    private static SimpleRecord record(long later, String key, String value) {
        return new SimpleRecord(TIME + later, utf8(key), utf8(value));
    }

    private static Header header(String key, String value) {
        return new RecordHeader(key, utf8(value));
    }

    private static byte[] repeated() {
        ByteBuffer bytes = ByteBuffer.allocate(PATTERN.length * REPEATED);
        for (int i = 0; i < REPEATED; i++) {
            bytes.put(PATTERN);
        }
        return bytes.array();
    }

    private static byte[] utf8(String text) {
        return text == null ? null : text.getBytes(StandardCharsets.UTF_8);
    }
}
