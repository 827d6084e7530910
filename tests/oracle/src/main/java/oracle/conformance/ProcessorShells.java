package oracle.conformance;

import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.kstream.ValueTransformerWithKey;
import org.apache.kafka.streams.kstream.ValueTransformerWithKeySupplier;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.processor.api.ContextualFixedKeyProcessor;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorContext;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorSupplier;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.processor.api.ProcessingContext;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

import java.time.Duration;

/** The three APIs through which Kafka calls a processor, each around {@link Processors}. */
final class ProcessorShells {
    private static final Duration PUNCTUATION = Duration.ofMillis(10);

    private ProcessorShells() {
    }

    static ProcessorSupplier<Object, Object, Object, Object> processor(String name, String store) {
        return () -> new Free(name, store);
    }

    static FixedKeyProcessorSupplier<Object, Object, Object> fixed(Fields fields, String name, String store) {
        if (name.startsWith("punctuate_")) {
            throw fields.mistake("a fixed-key processor has no record to forward when it punctuates");
        }
        return () -> new Fixed(name, store);
    }

    static ValueTransformerWithKeySupplier<Object, Object, Object> transformer(Fields fields, String name, String store) {
        switch (name) {
            case "forward", "count_in_store", "last_value", "metadata" -> {
                return () -> new Transformer(name, store);
            }
            default -> throw fields.mistake("a value transformer cannot be `" + name + "`");
        }
    }

    /** Puts what it reads into the store of a global topic. */
    static ProcessorSupplier<Object, Object, Void, Void> global(String store) {
        return () -> new ContextualProcessor<>() {
            @Override
            public void process(Record<Object, Object> record) {
                KeyValueStore<Object, Object> rows = context().getStateStore(store);
                if (record.key() != null) {
                    rows.put(record.key(), record.value());
                }
            }
        };
    }

    private static String place(ProcessingContext context) {
        return context.recordMetadata().map(at -> at.topic() + "/" + at.partition() + "/" + at.offset()).orElse("none");
    }

    private static final class Free extends ContextualProcessor<Object, Object, Object, Object> {
        private final String name;
        private final String storeName;
        private StateStore store;

        Free(String name, String storeName) {
            this.name = name;
            this.storeName = storeName;
        }

        @Override
        public void init(ProcessorContext<Object, Object> context) {
            super.init(context);
            store = storeName == null ? null : context.getStateStore(storeName);
            if (name.startsWith("punctuate_")) {
                context.schedule(PUNCTUATION, name.equals("punctuate_wall")
                    ? PunctuationType.WALL_CLOCK_TIME : PunctuationType.STREAM_TIME, this::punctuate);
            }
        }

        private void punctuate(long time) {
            for (KeyValue<Object, Object> row : Processors.rows(store)) {
                context().forward(new Record<>(row.key, row.value, time));
            }
        }

        @Override
        public void process(Record<Object, Object> record) {
            Processors.process(name, store,
                new Processors.In(record.key(), record.value(), record.timestamp(), record.headers(), place(context())),
                (value, time, headers) -> context().forward(
                    record.withValue(value).withTimestamp(time).withHeaders(headers)));
        }
    }

    private static final class Fixed extends ContextualFixedKeyProcessor<Object, Object, Object> {
        private final String name;
        private final String storeName;
        private StateStore store;

        Fixed(String name, String storeName) {
            this.name = name;
            this.storeName = storeName;
        }

        @Override
        public void init(FixedKeyProcessorContext<Object, Object> context) {
            super.init(context);
            store = storeName == null ? null : context.getStateStore(storeName);
        }

        @Override
        public void process(FixedKeyRecord<Object, Object> record) {
            Processors.process(name, store,
                new Processors.In(record.key(), record.value(), record.timestamp(), record.headers(), place(context())),
                (value, time, headers) -> context().forward(
                    record.withValue(value).withTimestamp(time).withHeaders(headers)));
        }
    }

    private static final class Transformer implements ValueTransformerWithKey<Object, Object, Object> {
        private final String name;
        private final String storeName;
        private org.apache.kafka.streams.processor.ProcessorContext context;
        private StateStore store;

        Transformer(String name, String storeName) {
            this.name = name;
            this.storeName = storeName;
        }

        @Override
        public void init(org.apache.kafka.streams.processor.ProcessorContext context) {
            this.context = context;
            store = storeName == null ? null : context.getStateStore(storeName);
        }

        @Override
        public Object transform(Object key, Object value) {
            String place = context.topic() + "/" + context.partition() + "/" + context.offset();
            Object[] result = {null};
            Processors.process(name, store, new Processors.In(key, value, context.timestamp(), context.headers(), place),
                (forwarded, time, headers) -> result[0] = forwarded);
            return result[0];
        }

        @Override
        public void close() {
        }
    }
}
