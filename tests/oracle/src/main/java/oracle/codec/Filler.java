package oracle.codec;

import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.protocol.types.Type;
import org.apache.kafka.common.record.internal.BaseRecords;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.SimpleRecord;

/**
 * Fills Kafka's generated messages with values, as the schema of a version says which fields it has. Values come from a
 * counter: every one of a message is different, and the same on every run.
 */
final class Filler {
    /** What goes into the fields. */
    enum Filling {
        /** What a new object holds. */
        DEFAULTS,
        /** Arrays of two, no nulls, tagged fields set, small positive numbers, text beyond ASCII. */
        FULL,
        /** Null where it is allowed, empty arrays and text, numbers at both ends of their range, no tagged fields. */
        BARE,
        /** Arrays of one whose elements have nulls where they are allowed, long text, negative numbers, tagged fields. */
        SPARSE
    }

    /** More than 127 bytes: a compact length of two bytes. */
    private static final String LONG_TEXT = "x".repeat(140);

    private final Filling filling;
    private long counter;

    private Filler(Filling filling) {
        this.filling = filling;
    }

    /** A message of this class, filled for the version. */
    static <T extends Message> T fill(T message, short version, Filling filling) throws ReflectiveOperationException {
        if (filling != Filling.DEFAULTS) {
            Schema[] schemas = (Schema[]) message.getClass().getField("SCHEMAS").get(null);
            new Filler(filling).fillStruct(message, schemas[version], 0);
        }
        return message;
    }

    private void fillStruct(Object struct, Schema schema, int depth) throws ReflectiveOperationException {
        Map<String, Field> fields = fieldsOf(struct.getClass());
        for (BoundField bound : schema.fields()) {
            if (bound.def.type instanceof TaggedFields tagged) {
                if (filling != Filling.BARE) {
                    for (org.apache.kafka.common.protocol.types.Field field : tagged.fields().values()) {
                        set(struct, fields, field.name, field.type, depth);
                    }
                }
            } else {
                set(struct, fields, bound.def.name, bound.def.type, depth);
            }
        }
    }

    private void set(Object struct, Map<String, Field> fields, String name, Type type, int depth)
            throws ReflectiveOperationException {
        Field field = fields.get(plain(name));
        if (field == null) {
            throw new NoSuchFieldException(struct.getClass().getName() + " has no field for " + name);
        }
        field.set(struct, value(field, type, depth));
    }

    private Object value(Field field, Type type, int depth) throws ReflectiveOperationException {
        boolean nulls = filling == Filling.BARE || (filling == Filling.SPARSE && depth > 0);
        if (nulls && type.isNullable()) {
            return null;
        }
        if (type.isArray()) {
            return array(field, type.arrayElementType().orElseThrow(), depth);
        }
        return single(field.getType(), type, depth);
    }

    private Object array(Field field, Type elementType, int depth) throws ReflectiveOperationException {
        int length = switch (filling) {
            case FULL -> 2;
            case SPARSE -> 1;
            default -> 0;
        };
        if (List.class.equals(field.getType())) {
            Class<?> element = (Class<?>) ((ParameterizedType) field.getGenericType()).getActualTypeArguments()[0];
            List<Object> list = new ArrayList<>();
            for (int i = 0; i < length; i++) {
                list.add(single(element, elementType, depth + 1));
            }
            return list;
        }
        // A collection with an index of its own; its elements are of the class its supertype names.
        Object collection = field.getType().getConstructor().newInstance();
        ParameterizedType supertype = (ParameterizedType) field.getType().getGenericSuperclass();
        Class<?> element = (Class<?>) supertype.getActualTypeArguments()[0];
        Method add = java.util.Collection.class.getMethod("add", Object.class);
        for (int i = 0; i < length; i++) {
            if (!(boolean) add.invoke(collection, single(element, elementType, depth + 1))) {
                throw new IllegalStateException("two equal elements in " + field);
            }
        }
        return collection;
    }

    private Object single(Class<?> java, Type type, int depth) throws ReflectiveOperationException {
        if (type instanceof Schema schema) {
            Constructor<?> constructor = java.getDeclaredConstructor();
            constructor.setAccessible(true);
            Object struct = constructor.newInstance();
            fillStruct(struct, schema, depth + 1);
            return struct;
        }
        long n = ++counter;
        if (java == String.class) {
            return text(n);
        } else if (java == boolean.class || java == Boolean.class) {
            return filling != Filling.BARE;
        } else if (java == double.class || java == Double.class) {
            return filling == Filling.SPARSE ? -n - 0.5 : n + 0.5;
        } else if (java == Uuid.class) {
            return filling == Filling.BARE ? Uuid.ZERO_UUID : new Uuid(0x1122_3344_5566_7788L, n);
        } else if (java == byte[].class) {
            return bytes(n);
        } else if (java == ByteBuffer.class) {
            return ByteBuffer.wrap(bytes(n));
        } else if (BaseRecords.class.isAssignableFrom(java)) {
            SimpleRecord record = new SimpleRecord(1_700_000_000_000L + n, new byte[] {'k', (byte) n}, new byte[] {'v', (byte) n});
            return MemoryRecords.withRecords(Compression.NONE, record);
        }
        return number(java, type, n);
    }

    private String text(long n) {
        return switch (filling) {
            case BARE -> "";
            case SPARSE -> "s" + n + LONG_TEXT;
            default -> "s" + n + (n % 5 == 0 ? "é→😀" : "");
        };
    }

    private byte[] bytes(long n) {
        return filling == Filling.BARE ? new byte[0] : new byte[] {(byte) n, (byte) 0xff, 0, 'b'};
    }

    private Object number(Class<?> java, Type type, long n) {
        boolean low = n % 2 == 0;
        boolean bare = filling == Filling.BARE;
        long signed = filling == Filling.SPARSE ? -n : n;
        if (type == Type.UINT16) {
            return bare ? (low ? 0 : 0xffff) : (int) (60_000 + n);
        } else if (type == Type.UNSIGNED_INT32) {
            return bare ? (low ? 0 : 0xffff_ffffL) : 4_000_000_000L + n;
        } else if (java == byte.class || java == Byte.class) {
            return bare ? (low ? Byte.MIN_VALUE : Byte.MAX_VALUE) : (byte) (signed % 100);
        } else if (java == short.class || java == Short.class) {
            return bare ? (low ? Short.MIN_VALUE : Short.MAX_VALUE) : (short) (signed * 7);
        } else if (java == int.class || java == Integer.class) {
            return bare ? (low ? Integer.MIN_VALUE : Integer.MAX_VALUE) : (int) (signed * 100_003);
        } else if (java == long.class || java == Long.class) {
            return bare ? (low ? Long.MIN_VALUE : Long.MAX_VALUE) : signed * 10_000_000_019L;
        }
        throw new IllegalStateException("no value for a " + java + " of type " + type);
    }

    private static Map<String, Field> fieldsOf(Class<?> struct) {
        Map<String, Field> fields = new LinkedHashMap<>();
        for (Field field : struct.getDeclaredFields()) {
            if (!Modifier.isStatic(field.getModifiers()) && !field.getName().startsWith("_")) {
                field.setAccessible(true);
                fields.put(plain(field.getName()), field);
            }
        }
        return fields;
    }

    /** {@code throttle_time_ms} and {@code throttleTimeMs} alike. */
    private static String plain(String name) {
        return name.replace("_", "").toLowerCase(Locale.ROOT);
    }
}
