package oracle.conformance;

import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.SlidingWindows;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.UnlimitedWindows;
import org.apache.kafka.streams.kstream.Windows;

import java.time.Duration;
import java.time.Instant;

/** The windows of a node's {@code window} field, one kind each. */
sealed interface Windowing {
    /** Windows by size, and the size by which a reader of a windowed key knows the end. */
    record Time(Windows<?> windows, long size) implements Windowing {
    }

    record Sliding(SlidingWindows windows) implements Windowing {
    }

    record Session(SessionWindows windows) implements Windowing {
    }

    record Join(JoinWindows windows) implements Windowing {
    }

    static Windowing of(Node node) {
        Fields fields = new Fields(node.fields().where() + ": window", node.fields().node("window"));
        Duration grace = fields.has("grace") ? fields.millis("grace") : null;
        String kind = fields.text("kind");
        Windowing windowing = switch (kind) {
            case "tumbling" -> new Time(time(fields, grace), fields.number("size"));
            case "hopping" -> new Time(time(fields, grace).advanceBy(fields.millis("advance")), fields.number("size"));
            case "sliding" -> new Sliding(grace == null
                ? SlidingWindows.ofTimeDifferenceWithNoGrace(fields.millis("difference"))
                : SlidingWindows.ofTimeDifferenceAndGrace(fields.millis("difference"), grace));
            case "session" -> new Session(grace == null
                ? SessionWindows.ofInactivityGapWithNoGrace(fields.millis("gap"))
                : SessionWindows.ofInactivityGapAndGrace(fields.millis("gap"), grace));
            case "unlimited" -> new Time(fields.has("start")
                ? UnlimitedWindows.of().startOn(Instant.ofEpochMilli(fields.number("start")))
                : UnlimitedWindows.of(), Long.MAX_VALUE);
            case "join" -> new Join(join(fields, grace));
            default -> throw Functions.unknown(fields, "window", kind);
        };
        fields.done();
        return windowing;
    }

    private static TimeWindows time(Fields fields, Duration grace) {
        Duration size = fields.millis("size");
        return grace == null ? TimeWindows.ofSizeWithNoGrace(size) : TimeWindows.ofSizeAndGrace(size, grace);
    }

    /** Starts from the larger of the two bounds, because one of them may be negative and Kafka checks every step. */
    private static JoinWindows join(Fields fields, Duration grace) {
        Duration before = fields.millis("before");
        Duration after = fields.millis("after");
        Duration larger = before.compareTo(after) < 0 ? after : before;
        JoinWindows windows = grace == null ? JoinWindows.ofTimeDifferenceWithNoGrace(larger)
            : JoinWindows.ofTimeDifferenceAndGrace(larger, grace);
        return windows.before(before).after(after);
    }
}
