package oracle.conformance;

import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;

/** Private members of one object of Kafka's, by reflection; a version that renames one fails with its name. */
final class Members {
    private final Class<?> type;
    private final Object object;

    Members(Class<?> type, Object object) {
        this.type = type;
        this.object = object;
    }

    @SuppressWarnings("unchecked")
    <T> T get(String name) {
        try {
            return (T) field(name).get(object);
        } catch (IllegalAccessException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    void set(String name, Object value) {
        try {
            field(name).set(object, value);
        } catch (IllegalAccessException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /** Calls a method; what it throws comes out as it is. */
    @SuppressWarnings("unchecked")
    <T> T call(String name, Class<?>[] types, Object... arguments) {
        try {
            Method method = type.getDeclaredMethod(name, types);
            method.setAccessible(true);
            return (T) method.invoke(object, arguments);
        } catch (NoSuchMethodException | IllegalAccessException renamed) {
            throw new IllegalStateException("this version's " + type.getSimpleName() + " has no method " + name, renamed);
        } catch (InvocationTargetException failed) {
            if (failed.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
            throw new IllegalStateException(failed.getCause());
        }
    }

    static Class<?>[] types(Class<?>... types) {
        return types;
    }

    private Field field(String name) {
        try {
            Field field = type.getDeclaredField(name);
            field.setAccessible(true);
            return field;
        } catch (NoSuchFieldException renamed) {
            throw new IllegalStateException("this version's " + type.getSimpleName() + " has no field " + name, renamed);
        }
    }
}
