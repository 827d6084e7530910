package oracle;

import org.apache.kafka.common.utils.AppInfoParser;

/** Names the version of Kafka that the programs beside this one ask, for the headers of the files they write. */
public final class Version {
    private Version() {
    }

    /** @return the version of the kafka-clients jar on the class path, such as {@code 4.3.1} */
    public static String kafka() {
        return AppInfoParser.getVersion();
    }

    public static void main(String[] args) {
        System.out.println(kafka());
    }
}
