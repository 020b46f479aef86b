// The browser SDK of Flagsmith, as published, in a page (jsdom) that reads flags and tracks events.
//
//     node tests/sdk/browser/count.mjs --edge URL --client-key K --seconds N --experiment FEATURE [--modules DIR] FEATURE…
//
// Prints, as one line of JSON, how often it read each feature and the events that it tracked.

import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { launch } from "./browsers.mjs";

const { values: options, positionals: features } = parseArgs({
  allowPositionals: true,
  options: {
    edge: { type: "string" },
    "client-key": { type: "string" },
    seconds: { type: "string" },
    experiment: { type: "string" },
    modules: { type: "string", default: fileURLToPath(new URL("../../../target/sdk/browser", import.meta.url)) },
  },
});
const browser = await launch("jsdom", options.modules);
const page = await browser.open("http://app.example");
await page("start", {
  environmentID: options["client-key"],
  identity: "javascript",
  api: `${options.edge}/api/v1/`,
  enableAnalytics: true,
  enableEvents: true,
  eventProcessorConfig: { eventsApiUrl: options.edge },
});
await pause(100);
// What the SDK's own timer sends while a request is under way, it sends twice.
await page("(() => (clearInterval(sdk.analyticsInterval), 'null'))");
const counts = {};
// The SDK records by itself that the flag was seen, if the identity is in the experiment.
await page("call", "getExperimentFlag", options.experiment);
const events = ["exposure"];
const until = Date.now() + 1_000 * options.seconds;
while (Date.now() < until) {
  for (let reads = 1 + Math.floor(Math.random() * 40); reads > 0; reads--) {
    const feature = features[Math.floor(Math.random() * features.length)];
    await page("ask", "getValue", feature);
    counts[feature] = (counts[feature] ?? 0) + 1;
  }
  const number = `${events.length}`;
  if (events.length % 2) {
    await page("call", "trackEvent", "javascript purchase", { value: number, metadata: { page: "cart" } });
  } else await page("call", "trackExposureEvent", features[0], { value: number });
  events.push(number);
  await page("call", "analyticsFlags");
  await page("call", "flushEvents");
  await pause(200);
}
console.log(JSON.stringify({ counts, events }));
process.exit(0);
