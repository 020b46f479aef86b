// The Node SDK of Flagsmith, as published, reads the environment document in pages.
//
//     node tests/sdk/node/pages.mjs EDGE SERVER-KEY IDENTIFIER MODULES
//
// Prints a line of JSON for each request, `{"asked": path, "status": n}`, and waits for a line of its input before the SDK
// gets the answer. After each fetch of all pages, `{"flags": {name: value}}` of the identity, or `{"failed": why}`; then it
// fetches again, three times in all.

import { createRequire } from "node:module";
import { resolve } from "node:path";
import { createInterface } from "node:readline";

const [edge, environmentKey, identifier, modules] = process.argv.slice(2);
const { Flagsmith } = createRequire(resolve(modules, "package.json"))("flagsmith-nodejs");
const input = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const print = (what) => console.log(JSON.stringify(what));
const silent = Object.fromEntries(["error", "warn", "info", "debug", "trace", "fatal"].map((name) => [name, () => {}]));

let failure = null;
const sdk = new Flagsmith({
  environmentKey,
  apiUrl: `${edge}/api/v1/`,
  enableLocalEvaluation: true,
  environmentRefreshIntervalSeconds: 3600,
  // The environment is published anew before the SDK gets an answer.
  requestTimeoutSeconds: 60,
  customHeaders: { "jackstaff-pages": "yes" },
  logger: { ...silent, child: () => silent },
  onEnvironmentChange: (error) => (failure = error ?? null),
  async fetch(url, init) {
    const answer = await fetch(url, init);
    const { pathname, search } = new URL(url);
    print({ asked: `${pathname}${search}`, status: answer.status });
    await input.next();
    return answer;
  },
});
for (let round = 0; round < 3; round += 1) {
  failure = null;
  // The first fetch began with the SDK.
  await sdk.updateEnvironment();
  if (failure) {
    print({ failed: String(failure) });
    continue;
  }
  const flags = await sdk.getIdentityFlags(identifier);
  print({ flags: Object.fromEntries(flags.allFlags().map((flag) => [flag.featureName, flag.value ?? null])) });
}
await sdk.close();
process.exit(0);
