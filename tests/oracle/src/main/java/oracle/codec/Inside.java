package oracle.codec;

import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;

/** Reaches classes and methods that Kafka keeps to its own packages. */
final class Inside {
    private Inside() {
    }

    static Object make(String type, Object... arguments) throws ReflectiveOperationException {
        for (Constructor<?> constructor : Class.forName(type).getDeclaredConstructors()) {
            if (takes(constructor, arguments)) {
                constructor.setAccessible(true);
                return constructor.newInstance(arguments);
            }
        }
        throw new NoSuchMethodException(type + " has no constructor for these arguments");
    }

    static Object callStatic(String type, String name, Object... arguments) throws ReflectiveOperationException {
        return invoke(Class.forName(type), null, name, arguments);
    }

    static Object call(Object target, String name, Object... arguments) throws ReflectiveOperationException {
        for (Class<?> type = target.getClass(); type != null; type = type.getSuperclass()) {
            try {
                return invoke(type, target, name, arguments);
            } catch (NoSuchMethodException e) {
                // The superclass may have it.
            }
        }
        throw new NoSuchMethodException(target.getClass() + " has no " + name + " for these arguments");
    }

    private static Object invoke(Class<?> type, Object target, String name, Object[] arguments) throws ReflectiveOperationException {
        for (Method method : type.getDeclaredMethods()) {
            if (method.getName().equals(name) && takes(method, arguments)) {
                method.setAccessible(true);
                try {
                    return method.invoke(target, arguments);
                } catch (InvocationTargetException e) {
                    throw new IllegalStateException(name + " failed", e.getCause());
                }
            }
        }
        throw new NoSuchMethodException(type + " has no " + name + " for these arguments");
    }

    private static boolean takes(Executable executable, Object[] arguments) {
        Class<?>[] types = executable.getParameterTypes();
        if (types.length != arguments.length) {
            return false;
        }
        for (int i = 0; i < types.length; i++) {
            boolean fits = arguments[i] == null ? !types[i].isPrimitive() : boxed(types[i]).isInstance(arguments[i]);
            if (!fits) {
                return false;
            }
        }
        return true;
    }

    private static Class<?> boxed(Class<?> type) {
        return java.lang.invoke.MethodType.methodType(type).wrap().returnType();
    }
}
