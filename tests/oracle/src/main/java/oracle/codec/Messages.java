package oracle.codec;

import java.io.IOException;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.nio.file.Path;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.message.RequestHeaderData;
import org.apache.kafka.common.message.ResponseHeaderData;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;

/**
 * Every API that a broker offers its clients, in every version, as request and response, in every {@link Filler.Filling}.
 *
 * <pre>
 * {"key":1,"api":"Fetch","version":4,"kind":"request","filling":"full","headerVersion":1,"header":HEX,
 *  "body":HEX,"json":{..}}
 * </pre>
 *
 * {@code header} and {@code body} together are a frame without its size. {@code json} is what Kafka's own converter says; it names the size of record
 * batches instead of the batches. A version that Kafka calls unstable has {@code "unstable":true}.
 */
final class Messages {
    private static final String WHAT = "APIs of brokers, every version: bytes and fields of requests and responses";

    private static final int CORRELATION_ID = 7;
    private static final String CLIENT_ID = "fixture";

    private Messages() {
    }

    static void write(Path directory) throws IOException, ReflectiveOperationException {
        Lines lines = new Lines();
        for (ApiMessageType api : ApiMessageType.values()) {
            if (api.listeners().contains(ApiMessageType.ListenerType.BROKER)) {
                api(lines, api);
            }
        }
        lines.write(directory, "messages", WHAT);
    }

    private static void api(Lines lines, ApiMessageType api) throws ReflectiveOperationException {
        short last = api.highestSupportedVersion(true);
        for (short version = api.lowestSupportedVersion(); version <= last; version++) {
            for (boolean request : new boolean[] {true, false}) {
                for (Filler.Filling filling : Filler.Filling.values()) {
                    Message message = Filler.fill(request ? api.newRequest() : api.newResponse(), version, filling);
                    ObjectNode line = lines.line().put("key", api.apiKey()).put("api", api.name).put("version", version);
                    line.put("kind", request ? "request" : "response").put("filling", name(filling));
                    header(line, api, version, request);
                    if (version == last && api.latestVersionUnstable()) {
                        line.put("unstable", true);
                    }
                    body(line, message, version);
                }
            }
        }
    }

    /** The header as a client or a broker would write it. */
    private static void header(ObjectNode line, ApiMessageType api, short version, boolean request) {
        short headerVersion = request ? api.requestHeaderVersion(version) : api.responseHeaderVersion(version);
        Message header = request
            ? new RequestHeaderData().setRequestApiKey(api.apiKey()).setRequestApiVersion(version)
                .setCorrelationId(CORRELATION_ID).setClientId(CLIENT_ID)
            : new ResponseHeaderData().setCorrelationId(CORRELATION_ID);
        line.put("headerVersion", headerVersion);
        line.put("header", Lines.hex(MessageUtil.toByteBufferAccessor(header, headerVersion).buffer()));
    }

    /** Puts bytes and fields on a line, and makes sure that Kafka reads the bytes as the fields. */
    static void body(ObjectNode line, Message message, short version) throws ReflectiveOperationException {
        ByteBuffer body = MessageUtil.toByteBufferAccessor(message, version).buffer();
        JsonNode json = json(message, version);
        line.put("body", Lines.hex(body)).set("json", json);
        Message again = message.getClass().getConstructor().newInstance();
        again.read(new ByteBufferAccessor(body.duplicate()), version);
        if (!json(again, version).equals(json)) {
            throw new IllegalStateException("Kafka reads its own bytes differently: " + line);
        }
    }

    private static JsonNode json(Message message, short version) throws ReflectiveOperationException {
        Class<?> type = message.getClass();
        Method write = Class.forName(type.getName() + "JsonConverter").getMethod("write", type, short.class, boolean.class);
        return (JsonNode) write.invoke(null, message, version, false);
    }

    static String name(Filler.Filling filling) {
        return filling.name().toLowerCase(java.util.Locale.ROOT);
    }
}
