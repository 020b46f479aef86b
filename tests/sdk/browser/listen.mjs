// The browser SDK of Flagsmith, as published, listening for changes in a page of another origin than the edge.
//
//     node tests/sdk/browser/listen.mjs --browser jsdom|/usr/bin/chromium --client-key K --feature F
//          [--edge URL] [--modules DIR]
//
// Prints the feature's value, as a line of JSON, whenever it is another. What the page's console has to complain of goes
// to standard error. Ends when its input does.

import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { launch } from "./browsers.mjs";

const OFTEN = 50;

const { values: options } = parseArgs({
  options: {
    browser: { type: "string" },
    edge: { type: "string", default: "http://127.0.0.1:7676" },
    "client-key": { type: "string" },
    feature: { type: "string" },
    modules: { type: "string", default: fileURLToPath(new URL("../../../target/sdk/browser", import.meta.url)) },
  },
});

let ended = false;
process.stdin.resume().on("end", () => (ended = true));

const browser = await launch(options.browser, options.modules);
const page = await browser.open("http://app.example");
const { rejected } = await page("start", {
  environmentID: options["client-key"],
  api: `${options.edge}/api/v1/`,
  realtime: true,
  // The SDK puts its path right behind it.
  eventSourceUrl: `${options.edge}/`,
});
if (rejected) console.error(rejected);
for (let last; !ended; await pause(OFTEN)) {
  const value = await page("ask", "getValue", options.feature);
  if (value !== last) console.log(JSON.stringify(value));
  last = value;
}
await browser.close();
process.exit(0);
