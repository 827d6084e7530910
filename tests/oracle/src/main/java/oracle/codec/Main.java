package oracle.codec;

import java.io.IOException;
import java.nio.file.Path;

import oracle.Version;

/**
 * Writes what Kafka's own classes put on the wire and on disk, one JSON object a line, under {@code OUTDIR/kafka-VERSION}.
 *
 * <p>Run as {@code scripts/oracle.sh oracle.codec.Main OUTDIR}. Nothing here depends on a clock, a hash of an address or
 * the machine: run twice, no file changes.
 */
public final class Main {
    private Main() {
    }

    public static void main(String[] args) throws IOException, ReflectiveOperationException {
        if (args.length != 1) {
            System.err.println("usage: scripts/oracle.sh oracle.codec.Main OUTDIR");
            System.exit(2);
        }
        Path directory = Path.of(args[0], "kafka-" + Version.kafka());
        Messages.write(directory);
        Batches.write(directory);
        Serialized.write(directory);
        Stores.write(directory);
        Groups.write(directory);
    }
}
