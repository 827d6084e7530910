package oracle.codec;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.zip.Deflater;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

import oracle.Version;

/** A file of fixtures: a header that names Kafka's version, then one JSON object a line. */
final class Lines {
    static final ObjectMapper JSON = new ObjectMapper();

    /** Larger files are stored as gzip. */
    private static final int PLAIN_BYTES_MAX = 1 << 20;

    private final List<ObjectNode> lines = new ArrayList<>();

    /** Starts a line; it is written as it is when the file is. */
    ObjectNode line() {
        ObjectNode line = JSON.createObjectNode();
        lines.add(line);
        return line;
    }

    int size() {
        return lines.size();
    }

    /**
     * Writes {@code NAME.jsonl}, or {@code NAME.jsonl.gz} when it is large. A file with the same lines stays untouched,
     * because two builds of zlib need not compress alike.
     */
    void write(Path directory, String name, String what) throws IOException {
        ObjectNode header = JSON.createObjectNode();
        header.put("kafka", Version.kafka()).put("what", what).put("lines", lines.size());
        StringBuilder text = new StringBuilder().append(header).append('\n');
        for (ObjectNode line : lines) {
            text.append(line).append('\n');
        }
        byte[] plain = text.toString().getBytes(StandardCharsets.UTF_8);
        boolean large = plain.length > PLAIN_BYTES_MAX;
        Path path = directory.resolve(name + (large ? ".jsonl.gz" : ".jsonl"));
        Files.createDirectories(directory);
        Files.deleteIfExists(directory.resolve(name + (large ? ".jsonl" : ".jsonl.gz")));
        if (Files.exists(path) && java.util.Arrays.equals(large ? unpack(Files.readAllBytes(path)) : Files.readAllBytes(path), plain)) {
            System.out.printf("%s: %d lines, as before%n", path, lines.size());
            return;
        }
        Files.write(path, large ? pack(plain) : plain);
        System.out.printf("%s: %d lines, written%n", path, lines.size());
    }

    private static byte[] pack(byte[] plain) throws IOException {
        ByteArrayOutputStream packed = new ByteArrayOutputStream();
        try (GZIPOutputStream gzip = new GZIPOutputStream(packed) {
            {
                def.setLevel(Deflater.BEST_COMPRESSION);
            }
        }) {
            gzip.write(plain);
        }
        return packed.toByteArray();
    }

    private static byte[] unpack(byte[] packed) {
        try (GZIPInputStream gzip = new GZIPInputStream(new ByteArrayInputStream(packed))) {
            return gzip.readAllBytes();
        } catch (IOException damaged) {
            return new byte[0];
        }
    }

    static String hex(byte[] bytes) {
        return bytes == null ? null : HexFormat.of().formatHex(bytes);
    }

    static String hex(ByteBuffer buffer) {
        if (buffer == null) {
            return null;
        }
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        return hex(bytes);
    }
}
