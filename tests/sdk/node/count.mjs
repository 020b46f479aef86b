// The Node SDK of Flagsmith, as published, in an application that reads flags.
//
//     node tests/sdk/node/count.mjs --edge URL --client-key K --seconds N [--modules DIR] FEATURE…
//
// Prints, as one line of JSON, how often it read each feature. It tracks no events: this SDK cannot.

import { createRequire } from "node:module";
import { resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values: options, positionals: features } = parseArgs({
  allowPositionals: true,
  options: {
    edge: { type: "string" },
    "client-key": { type: "string" },
    seconds: { type: "string" },
    modules: { type: "string", default: fileURLToPath(new URL("../../../target/sdk/node", import.meta.url)) },
  },
});
const { Flagsmith } = createRequire(resolve(options.modules, "package.json"))("flagsmith-nodejs");

const sdk = new Flagsmith({
  environmentKey: options["client-key"],
  apiUrl: `${options.edge}/api/v1/`,
  enableAnalytics: true,
});
const counts = {};
const until = Date.now() + 1_000 * options.seconds;
while (Date.now() < until) {
  const flags = await sdk.getIdentityFlags("node", { plan: "gold" });
  for (let reads = 1 + Math.floor(Math.random() * 40); reads > 0; reads--) {
    const feature = features[Math.floor(Math.random() * features.length)];
    flags.getFlag(feature);
    counts[feature] = (counts[feature] ?? 0) + 1;
  }
  // What is read while a request is under way, this SDK forgets.
  await sdk.analyticsProcessor.flush();
  await pause(200);
}
console.log(JSON.stringify({ counts, events: [] }));
process.exit(0);
