// OpenFeature's OFREP provider for Java, as published, against an edge that serves `tests/fixtures/sdk.json`.
//
//     java -cp 'target/sdk/openfeature-java/*' tests/sdk/openfeature/java/Check.java TESTS --edge URL --client-key K
//          --server-key ser.S [--removed-key K]
//
// TESTS is this repository's folder of this name. Needs the packages of `pom.xml`. Prints every failure; the last line says how
// many checks passed and failed, and the exit code is 1 if any failed.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import dev.openfeature.contrib.providers.ofrep.OfrepProvider;
import dev.openfeature.contrib.providers.ofrep.OfrepProviderOptions;
import dev.openfeature.sdk.Client;
import dev.openfeature.sdk.EvaluationContext;
import dev.openfeature.sdk.FlagEvaluationDetails;
import dev.openfeature.sdk.ImmutableContext;
import dev.openfeature.sdk.MutableContext;
import dev.openfeature.sdk.OpenFeatureAPI;
import dev.openfeature.sdk.Value;
import java.io.File;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;

public class Check {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Value CODE = Value.objectToValue(Map.of("of", "the code"));
  private static int passed;
  private static int failed;
  private static int domains;

  public static void main(String[] arguments) throws Exception {
    Map<String, String> options = new HashMap<>();
    for (int place = 1; place + 1 < arguments.length; place += 2) {
      options.put(arguments[place], arguments[place + 1]);
    }
    JsonNode document = JSON.readTree(new File(arguments[0], "fixtures/sdk.json"));
    JsonNode cases = JSON.readTree(new File(arguments[0], "sdk/cases.json"));
    part("every_situation", () -> everySituation(options, document, cases));
    part("getters_of_other_types", () -> gettersOfOtherTypes(options, document));
    part("keys", () -> keys(options));
    System.out.println(passed + " passed, " + failed + " failed");
    // Threads of the SDK would keep this process alive.
    System.exit(failed > 0 ? 1 : 0);
  }

  private static void everySituation(Map<String, String> options, JsonNode document, JsonNode cases) throws Exception {
    Client client = client(options.get("--edge"), options.get("--client-key"));
    for (JsonNode situation : cases.get("situations")) {
      Map<String, Value> attributes = new HashMap<>();
      situation.get("traits").fields().forEachRemaining(field -> {
        JsonNode value = field.getValue().has("value") ? field.getValue().get("value") : field.getValue();
        // The provider fails over a null before it asks.
        if (!value.isNull()) {
          attributes.put(field.getKey(), Value.objectToValue(JSON.convertValue(value, Object.class)));
        }
      });
      EvaluationContext context = new ImmutableContext(situation.get("identifier").asText(), attributes);
      Map<String, JsonNode> flags = flags(document);
      situation.get("differs").fields().forEachRemaining(field -> flags.put(field.getKey(), field.getValue()));
      for (Map.Entry<String, JsonNode> flag : flags.entrySet()) {
        gives(client, situation.get("situation").asText(), flag, context);
      }
    }
    for (Map.Entry<String, JsonNode> flag : flags(document).entrySet()) {
      gives(client, "nobody", flag, new MutableContext());
      gives(client, "nobody with a trait", flag, new MutableContext().add("plan", "gold"));
    }
  }

  private static void gives(Client client, String who, Map.Entry<String, JsonNode> flag, EvaluationContext context) {
    String type = type(flag.getValue());
    JsonNode value = flag.getValue().get(1);
    Object expected = switch (type) {
      case "boolean" -> value.isBoolean() ? value.asBoolean() : flag.getValue().get(0).asBoolean();
      case "integer" -> value.asInt();
      case "object" -> read(value.asText());
      default -> value.asText();
    };
    boolean isOff = !flag.getValue().get(0).asBoolean() && !isWithout(value);
    equal(who + ": " + flag.getKey(), ask(client, type, flag.getKey(), context).getValue(), isOff ? code(type) : expected);
  }

  private static void gettersOfOtherTypes(Map<String, String> options, JsonNode document) {
    Client client = client(options.get("--edge"), options.get("--client-key"));
    for (Map.Entry<String, JsonNode> flag : flags(document).entrySet()) {
      for (String other : List.of("boolean", "string", "integer", "object")) {
        boolean isOff = !flag.getValue().get(0).asBoolean() && !isWithout(flag.getValue().get(1));
        // The getter of objects takes every value.
        if (!other.equals(type(flag.getValue())) && (isOff || !other.equals("object"))) {
          FlagEvaluationDetails<?> got = ask(client, other, flag.getKey(), new MutableContext());
          equal(flag.getKey() + " as " + other, got.getValue(), code(other));
          // It takes an answer without a value for a flag that is not there.
          String why = isOff ? "ERROR FLAG_NOT_FOUND" : "ERROR TYPE_MISMATCH";
          equal(flag.getKey() + " as " + other + ", why", got.getReason() + " " + got.getErrorCode(), why);
        }
      }
    }
  }

  private static void keys(Map<String, String> options) {
    String edge = options.get("--edge");
    MutableContext anna = new MutableContext("anna").add("plan", "gold");
    for (List<String> one : List.of(
        List.of("client-side", options.get("--client-key"), "button_colour", "gold null TARGETING_MATCH"),
        List.of("for servers", options.get("--server-key"), "fraud_rules", "strict null STATIC"),
        List.of("not for clients", options.get("--client-key"), "fraud_rules", "of the code FLAG_NOT_FOUND ERROR"),
        List.of("an unknown flag", options.get("--client-key"), "unknown", "of the code FLAG_NOT_FOUND ERROR"),
        List.of("a wrong key", "unknown-key", "button_colour", "of the code GENERAL ERROR"),
        List.of("a removed environment", options.getOrDefault("--removed-key", "unknown"), "button_colour",
            "of the code GENERAL ERROR"))) {
      FlagEvaluationDetails<?> got = ask(client(edge, one.get(1)), "string", one.get(2), anna);
      equal(one.get(0), got.getValue() + " " + got.getErrorCode() + " " + got.getReason(), one.get(3));
    }
    FlagEvaluationDetails<?> got = ask(client(edge, options.get("--client-key")), "string", "button_colour", anna);
    equal("metadata", got.getFlagMetadata().getBoolean("enabled"), true);
    anna.add("plan", "x".repeat(2_001));
    got = ask(client(edge, options.get("--client-key")), "string", "button_colour", anna);
    equal("a trait that is too long", got.getValue() + " " + got.getErrorCode(), "of the code INVALID_CONTEXT");
    FlagEvaluationDetails<?> away = ask(client("http://127.0.0.1:1", "k"), "string", "button_colour", anna);
    equal("an edge that is away", away.getValue() + " " + away.getErrorCode(), "of the code GENERAL");
  }

  private static FlagEvaluationDetails<?> ask(Client client, String type, String name, EvaluationContext context) {
    return switch (type) {
      case "boolean" -> client.getBooleanDetails(name, true, context);
      case "integer" -> client.getIntegerDetails(name, -1, context);
      case "object" -> client.getObjectDetails(name, CODE, context);
      default -> client.getStringDetails(name, "of the code", context);
    };
  }

  private static Object code(String type) {
    return switch (type) {
      case "boolean" -> true;
      case "integer" -> -1;
      case "object" -> CODE;
      default -> "of the code";
    };
  }

  /** `[enabled, value]` of each flag of a client-side key. */
  private static Map<String, JsonNode> flags(JsonNode document) {
    Set<Integer> hidden = new TreeSet<>();
    document.get("project").get("server_key_only_feature_ids").forEach(id -> hidden.add(id.asInt()));
    Map<String, JsonNode> flags = new LinkedHashMap<>();
    for (JsonNode state : document.get("feature_states")) {
      if (!hidden.contains(state.get("feature").get("id").asInt())) {
        JsonNode flag = JSON.createArrayNode().add(state.get("enabled")).add(state.get("feature_state_value"));
        flags.put(state.get("feature").get("name").asText(), flag);
      }
    }
    return flags;
  }

  private static String type(JsonNode flag) {
    JsonNode value = flag.get(1);
    if (isWithout(value) || value.isBoolean()) {
      return "boolean";
    }
    return value.isNumber() ? "integer" : value.asText().startsWith("{") ? "object" : "string";
  }

  private static boolean isWithout(JsonNode value) {
    return value.isNull() || value.isTextual() && value.asText().isEmpty();
  }

  private static Value read(String json) {
    try {
      return Value.objectToValue(JSON.readValue(json, Map.class));
    } catch (Exception error) {
      throw new IllegalStateException(error);
    }
  }

  private static Client client(String edge, String key) {
    OfrepProviderOptions options = OfrepProviderOptions.builder()
        .baseUrl(edge)
        .headers(ImmutableMap.of("X-API-Key", ImmutableList.of(key)))
        .build();
    String domain = "check-" + domains++;
    OpenFeatureAPI.getInstance().setProviderAndWait(domain, OfrepProvider.constructProvider(options));
    return OpenFeatureAPI.getInstance().getClient(domain);
  }

  private interface Part {
    void run() throws Exception;
  }

  private static void part(String name, Part part) {
    int passedBefore = passed;
    int failedBefore = failed;
    try {
      part.run();
    } catch (Throwable error) {
      failed += 1;
      System.out.println("FAIL " + name + ": broken off: " + error);
    }
    System.out.println("PART " + name + ": " + (passed - passedBefore) + " passed, " + (failed - failedBefore) + " failed");
  }

  private static void equal(String what, Object got, Object expected) {
    if (Objects.equals(got, expected)) {
      passed += 1;
      return;
    }
    failed += 1;
    System.out.println("FAIL " + what + "\n     got " + got + "\n     expected " + expected);
  }
}
