// OpenFeature's OFREP web provider, as published, listening for changes in a page of another origin than the edge.
//
//     node tests/sdk/openfeature/listen.mjs --browser jsdom|/usr/bin/chromium --client-key K --feature F
//          [--edge URL] [--modules DIR] [--browser-modules DIR]
//
// Prints the feature's value, a text, as a line of JSON, whenever it is another. Ends when its input does.

import { setTimeout as pause } from "node:timers/promises";
import { packages, readOptions } from "./options.mjs";
import { launch } from "./pages.mjs";

const OFTEN = 50;
const options = readOptions(["client-key", "feature"]);

let ended = false;
process.stdin.resume().on("end", () => (ended = true));

const browser = await launch(options.browser, packages(options.modules), packages(options["browser-modules"]));
const page = await browser.open();
const [, failed] = await page("start", options.edge, options["client-key"], { targetingKey: "anna" });
if (failed) console.error(failed);
for (let last; !ended; await pause(OFTEN)) {
  const [value] = await page("values", [["string", options.feature, "of the code"]]);
  if (value !== last) console.log(JSON.stringify(value));
  last = value;
}
await page("close");
await browser.close();
process.exit(0);
