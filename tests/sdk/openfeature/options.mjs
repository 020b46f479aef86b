// The command line of the checks, and the packages that they run.

import { createRequire } from "node:module";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const MODULES = fileURLToPath(new URL("../../../target/sdk/openfeature", import.meta.url));
const BROWSER_MODULES = fileURLToPath(new URL("../../../target/sdk/browser", import.meta.url));

/** `require` in the directory where `npm ci` was run. */
export function packages(modules) {
  return createRequire(resolve(modules, "package.json"));
}

/** `needed`: the options that must be given. */
export function readOptions(needed = ["client-key", "server-key"]) {
  const { values } = parseArgs({
    options: {
      edge: { type: "string", default: "http://127.0.0.1:7676" },
      "client-key": { type: "string" },
      "server-key": { type: "string" },
      "removed-key": { type: "string" },
      feature: { type: "string" },
      browser: { type: "string", default: "jsdom" },
      modules: { type: "string", default: MODULES },
      "browser-modules": { type: "string", default: BROWSER_MODULES },
    },
  });
  for (const name of needed) {
    if (!values[name]) {
      console.error(`--${name} is missing`);
      process.exit(2);
    }
  }
  return values;
}
