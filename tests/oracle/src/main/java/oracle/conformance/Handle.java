package oracle.conformance;

import org.apache.kafka.streams.kstream.CogroupedKStream;
import org.apache.kafka.streams.kstream.GlobalKTable;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KGroupedTable;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.SessionWindowedCogroupedKStream;
import org.apache.kafka.streams.kstream.SessionWindowedKStream;
import org.apache.kafka.streams.kstream.TimeWindowedCogroupedKStream;
import org.apache.kafka.streams.kstream.TimeWindowedKStream;

/**
 * What a node of the case returns and later nodes name by its id: the object of Kafka's API and the types of its keys
 * and values. The key of a windowed one is still the plain key; {@code windowed} is the key of the table it becomes.
 */
sealed interface Handle {
    Type key();

    Type value();

    record OfStream(KStream<Object, Object> stream, Type key, Type value) implements Handle {
    }

    record OfTable(KTable<Object, Object> table, Type key, Type value) implements Handle {
    }

    record OfGlobal(GlobalKTable<Object, Object> table, Type key, Type value) implements Handle {
    }

    record OfGroupedStream(KGroupedStream<Object, Object> grouped, Type key, Type value) implements Handle {
    }

    record OfGroupedTable(KGroupedTable<Object, Object> grouped, Type key, Type value) implements Handle {
    }

    record OfWindowed(TimeWindowedKStream<Object, Object> grouped, Type key, Type value, Type windowed)
        implements Handle {
    }

    record OfSessions(SessionWindowedKStream<Object, Object> grouped, Type key, Type value) implements Handle {
    }

    record OfCogrouped(CogroupedKStream<Object, Object> grouped, Type key, Type value) implements Handle {
    }

    record OfWindowedCogrouped(TimeWindowedCogroupedKStream<Object, Object> grouped, Type key, Type value, Type windowed)
        implements Handle {
    }

    record OfSessionsCogrouped(SessionWindowedCogroupedKStream<Object, Object> grouped, Type key, Type value)
        implements Handle {
    }
}
