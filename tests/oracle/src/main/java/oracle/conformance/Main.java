package oracle.conformance;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import oracle.Version;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Asks Kafka Streams about conformance cases: {@code golden DIR} fills in {@code expected} in every file of a directory,
 * {@code run} answers cases on standard input line by line. The format is tests/conformance/FORMAT.md.
 */
public final class Main {
    private static final ObjectMapper JSON = new ObjectMapper()
        .enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION)
        .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

    private Main() {
    }

    public static void main(String[] arguments) throws IOException {
        if (arguments.length == 2 && arguments[0].equals("golden")) {
            System.exit(golden(Path.of(arguments[1])) ? 0 : 1);
        } else if (arguments.length == 1 && arguments[0].equals("run")) {
            run();
        } else {
            System.err.println("usage: oracle.conformance.Main golden DIR | run");
            System.exit(2);
        }
    }

    /** Rewrites the files; a file with a mistake stays as it is, and all mistakes are named. */
    private static boolean golden(Path directory) throws IOException {
        List<Path> files;
        try (Stream<Path> all = Files.list(directory)) {
            files = all.filter(file -> file.toString().endsWith(".json")).sorted().toList();
        }
        Map<String, Path> names = new HashMap<>();
        int cases = 0;
        int mistakes = 0;
        for (Path file : files) {
            JsonNode before = JSON.readTree(file.toFile());
            ObjectNode after = JsonNodeFactory.instance.objectNode().put("kafka", Version.kafka());
            int mistakesBefore = mistakes;
            for (JsonNode each : before.path("cases")) {
                try {
                    String name = each.path("name").asText();
                    if (names.putIfAbsent(name, file) != null) {
                        throw new Mistake("case `" + name + "`: the name is taken in " + names.get(name).getFileName());
                    }
                    after.withArray("cases").add(answered(each));
                    cases++;
                } catch (Mistake mistake) {
                    System.err.println(file.getFileName() + ": " + mistake.getMessage());
                    mistakes++;
                } catch (RuntimeException failure) {
                    System.err.println(file.getFileName() + ": " + each.path("name") + ": the oracle fails:");
                    failure.printStackTrace();
                    mistakes++;
                }
            }
            if (mistakes == mistakesBefore) {
                after.withArray("cases");
                replace(file, Layout.of(after));
            }
        }
        System.err.println(cases + " cases of " + files.size() + " families answered by Kafka Streams " + Version.kafka()
            + ", " + mistakes + " mistakes");
        return mistakes == 0;
    }

    private static ObjectNode answered(JsonNode before) {
        ObjectNode expected = Oracle.expected(before);
        ObjectNode after = before.deepCopy();
        after.remove("expected");
        after.set("expected", expected);
        return after;
    }

    private static void replace(Path file, String text) throws IOException {
        Path fresh = file.resolveSibling(file.getFileName() + ".new");
        Files.writeString(fresh, text);
        Files.move(fresh, file, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
    }

    private static void run() throws IOException {
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream output = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            if (!line.isBlank()) {
                output.println(answer(line));
            }
        }
    }

    /** @return one line of JSON whatever the line says; what the program itself gets wrong is said as well */
    private static JsonNode answer(String line) {
        try {
            return Oracle.expected(JSON.readTree(line));
        } catch (Mistake | IOException mistake) {
            return JsonNodeFactory.instance.objectNode().put("mistake", mistake.getMessage());
        } catch (RuntimeException failure) {
            return JsonNodeFactory.instance.objectNode().put("mistake", "the oracle fails: " + failure);
        }
    }
}
