// One version of the Node SDK reads every document of the matrix, and answers the matrix's questions about it.
//
//     node tests/sdk/matrix/node/read.mjs MODULES PACKAGE QUESTIONS EDGE DOCUMENTS
//
// MODULES: the directory where `npm ci` was run. PACKAGE: the SDK's name there. QUESTIONS: a JSON file that lists the
// documents with their server-side keys, and the identities. EDGE: the base URL of the API. DOCUMENTS: a base URL that
// answers nothing but the environment document. Prints one line of JSON for each document.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

const [modules, name, file, edge, documents] = process.argv.slice(2);
const loaded = createRequire(resolve(modules, "package.json"))(name);
const Flagsmith = loaded.Flagsmith ?? loaded;
const questions = JSON.parse(readFileSync(file, "utf8"));
const print = console.log.bind(console);
// Versions log what they refuse in different ways; only the lines printed here are wanted.
for (const level of ["log", "info", "warn", "error"]) console[level] = () => {};
const silent = Object.fromEntries(["trace", "debug", "info", "warn", "error", "fatal"].map((level) => [level, () => {}]));
// Some versions reject a promise of their own that nobody awaits; the answer shows the same error.
process.on("unhandledRejection", () => {});

for (const document of questions.documents) {
  const local = await answers(document.server_key, documents, true);
  const remote = await answers(document.server_key, edge, false);
  print(JSON.stringify({ document: document.name, local, remote }));
}
process.exit(0);

async function answers(environmentKey, apiUrl, enableLocalEvaluation) {
  let sdk;
  try {
    sdk = new Flagsmith({
      environmentKey,
      apiUrl,
      enableLocalEvaluation,
      environmentRefreshIntervalSeconds: 3600,
      requestTimeoutSeconds: 5,
      retries: 0,
      logger: silent,
    });
    const all = [await limited(sdk.getEnvironmentFlags())];
    for (const { identifier, traits } of questions.identities) {
      all.push(await limited(sdk.getIdentityFlags(identifier, traits)));
    }
    return all.map(flags);
  } catch (error) {
    return { error: `${error?.name}: ${error?.message} ${error?.cause?.message ?? ""}`.slice(0, 300) };
  } finally {
    await sdk?.close?.();
  }
}

/** A version that could not read a document may wait for it for ever. */
function limited(promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("no answer in 8 seconds")), 8000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** The SDK gives a remote null as `undefined`, a local one as `null`. */
function flags(answer) {
  return Object.fromEntries(answer.allFlags().map((flag) => [flag.featureName, [flag.enabled, flag.value ?? null]]));
}
