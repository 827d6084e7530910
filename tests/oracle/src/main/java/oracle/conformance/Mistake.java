package oracle.conformance;

/** Says that a case is not one: an unknown field or name, or a function that does not fit the types it meets. */
final class Mistake extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Mistake(String message) {
        super(message);
    }
}
