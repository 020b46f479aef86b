// One version of the Java SDK reads every document of the matrix, and answers the matrix's questions about it.
//
//     java -cp 'target/sdk/versions/java/VERSION/*' tests/sdk/matrix/java/Read.java QUESTIONS EDGE DOCUMENTS
//
// QUESTIONS: a JSON file that lists the documents with their server-side keys, and the identities. EDGE: the base URL of
// the API. DOCUMENTS: a base URL that answers nothing but the environment document. Prints one line of JSON for each
// document.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.flagsmith.FlagsmithClient;
import com.flagsmith.config.FlagsmithConfig;
import com.flagsmith.models.BaseFlag;
import com.flagsmith.models.Flags;
import java.io.File;
import java.util.HashMap;
import java.util.Map;

public class Read {
  private static final ObjectMapper JSON = new ObjectMapper();

  public static void main(String[] arguments) throws Exception {
    JsonNode questions = JSON.readTree(new File(arguments[0]));
    for (JsonNode document : questions.get("documents")) {
      String key = document.get("server_key").asText();
      ObjectNode line = JSON.createObjectNode();
      line.set("document", document.get("name"));
      line.set("local", answers(questions.get("identities"), key, arguments[2], true));
      line.set("remote", answers(questions.get("identities"), key, arguments[1], false));
      System.out.println(JSON.writeValueAsString(line));
    }
    // Threads of the SDK would keep this process alive.
    System.exit(0);
  }

  private static JsonNode answers(JsonNode identities, String key, String url, boolean local) {
    FlagsmithClient sdk = null;
    try {
      FlagsmithConfig config = FlagsmithConfig.newBuilder()
          .baseUri(url)
          .withLocalEvaluation(local)
          .withEnvironmentRefreshIntervalSeconds(3600)
          .build();
      sdk = FlagsmithClient.newBuilder().setApiKey(key).withConfiguration(config).build();
      if (local) {
        // Else a thread fetches the document later.
        sdk.updateEnvironment();
      }
      ArrayNode all = JSON.createArrayNode();
      all.add(flags(sdk.getEnvironmentFlags()));
      for (JsonNode identity : identities) {
        Map<String, Object> traits = new HashMap<>();
        identity.get("traits").fields().forEachRemaining(
            trait -> traits.put(trait.getKey(), JSON.convertValue(trait.getValue(), Object.class)));
        all.add(flags(sdk.getIdentityFlags(identity.get("identifier").asText(), traits)));
      }
      return all;
    } catch (Throwable error) {
      return JSON.createObjectNode().put("error", String.valueOf(error));
    } finally {
      if (sdk != null) {
        sdk.close();
      }
    }
  }

  private static ObjectNode flags(Flags answer) {
    ObjectNode all = JSON.createObjectNode();
    for (BaseFlag flag : answer.getAllFlags()) {
      all.putArray(flag.getFeatureName()).add(flag.getEnabled()).addPOJO(flag.getValue());
    }
    return all;
  }
}
