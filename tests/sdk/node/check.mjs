// The Node SDK of Flagsmith, as published, against an edge that serves `tests/fixtures/sdk.json`.
//
//     node tests/sdk/node/check.mjs --client-key K --server-key ser.S [--storing-key K] [--edge URL] [--modules DIR]
//
// Needs the packages of `package-lock.json`. They are looked for in DIR, the directory where `npm ci` was run
// (`target/sdk/node` if not said), since a module's own imports are looked for only beside and above its file.
// Uses the SDK's public interface alone; every request passes a tap.
// Prints every failure; the last line says how many checks passed and failed, and the exit code is 1 if any failed.

import { createRequire } from "node:module";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { CASES, DEFAULTS, DOCUMENT, SERVER_ONLY, population, possibleOutcomes, without } from "../javascript/cases.mjs";
import { Checks } from "../javascript/checks.mjs";
import { withTap } from "../javascript/tap.mjs";

const MODULES = fileURLToPath(new URL("../../../target/sdk/node", import.meta.url));
const FLAGS = "/api/v1/flags/";
const IDENTITIES = "/api/v1/identities/";
const ANALYTICS = "/api/v1/analytics/flags/";
const ENVIRONMENT_DOCUMENT = "/api/v1/environment-document/";
const WRONG_KEYS = ["no-such-environment", "ser.no-such-key"];

const options = readOptions();
const { Flagsmith, FlagsmithAPIError } = loadSdk(options.modules);

const checks = new Checks();
const clients = [];

await checks.run([
  environmentFlags,
  situationsEvaluatedRemotely,
  situationsEvaluatedLocally,
  remoteEqualsLocal,
  wrongKeys,
  analytics,
  traitsAreRemembered,
]);
// The timer of a client that evaluates locally would keep this process alive.
await Promise.all(clients.map((sdk) => sdk.close()));
process.exitCode = checks.finish();

async function environmentFlags() {
  const { edge, "client-key": clientKey, "server-key": serverKey } = options;
  const everything = Object.fromEntries(
    DOCUMENT.feature_states.map(({ feature, enabled, feature_state_value: value }) => [
      feature.name,
      [feature.id, enabled, value],
    ]),
  );
  for (const [key, expected] of [
    [clientKey, without(SERVER_ONLY, everything)],
    [serverKey, everything],
  ]) {
    await withTap({ edge }, async (tap) => {
      const flags = await client(tap, key).getEnvironmentFlags();
      const got = flags.allFlags().map((flag) => [flag.featureName, [flag.featureId, flag.enabled, plain(flag.value)]]);
      checks.equal(`environment flags with ${key}`, Object.fromEntries(got), expected);
      for (const name of SERVER_ONLY.filter((name) => !(name in expected))) {
        // The SDK's answer for a feature that is not there.
        const absent = { enabled: false, isDefault: true, value: undefined };
        checks.equal(`\`${name}\` with ${key}`, flags.getFlag(name), absent);
      }
      checks.equal(`requests for environment flags with ${key}`, tap.requests, [`GET ${FLAGS}`]);
    });
  }
}

async function situationsEvaluatedRemotely() {
  const { edge, "client-key": clientKey, "server-key": serverKey } = options;
  for (const key of [clientKey, serverKey]) {
    await withTap({ edge }, async (tap) => {
      const sdk = client(tap, key);
      for (const { situation, identifier, traits, transient, differs } of CASES.situations) {
        const flags = await sdk.getIdentityFlags(identifier, traits, transient);
        const expected = without(key === clientKey ? SERVER_ONLY : [], { ...DEFAULTS, ...differs });
        checks.equal(`${situation}, with ${key}`, outcomes(flags), expected);
      }
      const expected = CASES.situations.map(() => `POST ${IDENTITIES}`);
      checks.equal(`requests for identities with ${key}`, tap.requests, expected);
    });
  }
}

async function situationsEvaluatedLocally() {
  const { sdk, requests } = await withTap({ edge: options.edge, only: ENVIRONMENT_DOCUMENT }, async (tap) => {
    const sdk = client(tap, options["server-key"], { enableLocalEvaluation: true });
    checks.equal("environment flags, locally", outcomes(await sdk.getEnvironmentFlags()), DEFAULTS);
    for (const { situation, identifier, traits, differs } of CASES.situations) {
      const flags = await sdk.getIdentityFlags(identifier, traits);
      checks.equal(`${situation}, locally`, outcomes(flags), { ...DEFAULTS, ...differs });
    }
    return { sdk, requests: tap.requests };
  });
  checks.equal("local evaluation asks for the document alone", requests, [`GET ${ENVIRONMENT_DOCUMENT}`]);

  const [{ identifier, traits, differs }] = CASES.situations;
  const flags = await sdk.getIdentityFlags(identifier, traits);
  checks.equal("local evaluation goes on without an edge", outcomes(flags), { ...DEFAULTS, ...differs });
}

async function remoteEqualsLocal() {
  const { edge, "client-key": clientKey, "server-key": serverKey } = options;
  const seen = Object.fromEntries(Object.keys(DEFAULTS).map((name) => [name, new Set()]));
  const members = Object.fromEntries(DOCUMENT.project.segments.map((segment) => [segment.name, 0]));
  const identities = [...population()];
  await withTap({ edge }, (line) =>
    withTap({ edge, only: ENVIRONMENT_DOCUMENT }, async (localLine) => {
      const local = client(localLine, serverKey, { enableLocalEvaluation: true });
      const withServerKey = client(line, serverKey);
      const withClientKey = client(line, clientKey);
      for (const [identifier, traits] of identities) {
        const expected = outcomes(await local.getIdentityFlags(identifier, traits));
        const who = `${identifier} ${JSON.stringify(traits)}`;
        let got = outcomes(await withServerKey.getIdentityFlags(identifier, traits));
        checks.equal(`remote equals local, server key: ${who}`, got, expected);
        got = outcomes(await withClientKey.getIdentityFlags(identifier, traits));
        checks.equal(`remote equals local, client key: ${who}`, got, without(SERVER_ONLY, expected));
        for (const segment of await local.getIdentitySegments(identifier, traits)) members[segment.name] += 1;
        for (const [name, outcome] of Object.entries(expected)) seen[name].add(JSON.stringify(outcome));
      }
      const expected = Array(2 * identities.length).fill(`POST ${IDENTITIES}`);
      checks.equal("requests of the remote half", line.requests, expected);
      checks.equal("requests of the local half", localLine.requests, [`GET ${ENVIRONMENT_DOCUMENT}`]);
    }),
  );

  // Else the comparison would be of nothing much: all that the document can give has been given to somebody.
  for (const [name, possible] of Object.entries(possibleOutcomes())) {
    checks.equal(`outcomes of \`${name}\` among the identities`, [...seen[name]].sort(), [...possible].sort());
  }
  const shares = Object.entries(members).map(([name, count]) => [name, Math.round((100 * count) / identities.length)]);
  for (const [name, share] of shares) {
    checks.equal(`segment \`${name}\` has ${share}% of the identities: from 5% to 80%`, share >= 5 && share <= 80, true);
  }
  const different = Object.values(seen).reduce((sum, outcomes) => sum + outcomes.size, 0);
  const listed = shares.map(([name, share]) => `${name} ${share}%`).join(", ");
  console.log(`${identities.length} identities; ${different} outcomes; segments: ${listed}`);
}

async function wrongKeys() {
  await withTap({ edge: options.edge }, async (tap) => {
    for (const [key, local] of [
      [WRONG_KEYS[0], false],
      [WRONG_KEYS[1], false],
      [WRONG_KEYS[1], true],
    ]) {
      const sdk = client(tap, key, { enableLocalEvaluation: local });
      for (const [call, ask] of [
        ["getEnvironmentFlags", () => sdk.getEnvironmentFlags()],
        ["getIdentityFlags", () => sdk.getIdentityFlags("anna", { plan: "gold" })],
      ]) {
        const error = await ask().then(() => undefined, (error) => error);
        const got = [error?.message, error?.cause instanceof FlagsmithAPIError, error?.cause?.message];
        checks.equal(`${call} with ${key}${local ? ", locally" : ""}`, got, [
          `${call} failed and no default flag handler was provided`,
          true,
          "Invalid request made to Flagsmith API. Response status code: 403",
        ]);
      }
    }
  });
}

async function analytics() {
  await withTap(options, async (tap) => {
    const sdk = client(tap, options["client-key"], { enableAnalytics: true });
    const flags = await sdk.getEnvironmentFlags();
    checks.equal("a flag, counted", flags.getFeatureValue("page_size"), 25);
    // What the SDK does by itself when ten seconds have passed.
    await sdk.analyticsProcessor.flush();
    checks.equal("requests with analytics", tap.requests, [`GET ${FLAGS}`, `POST ${ANALYTICS}`]);
    checks.equal("their statuses", tap.statuses, [200, 200]);
  });
}

/** Where traits are stored, an identity needs them once; the edge writes them after its answer. */
async function traitsAreRemembered() {
  const key = options["storing-key"];
  if (!key) return;
  await withTap(options, async (tap) => {
    const sdk = client(tap, key);
    const flags = async (traits) => outcomes(await sdk.getIdentityFlags("node-remembered", traits));
    const before = await flags({});
    const first = await flags({ plan: "gold", country: "AT" });
    const deadline = Date.now() + 10_000;
    let again = await flags({});
    while (JSON.stringify(again) !== JSON.stringify(first) && Date.now() < deadline) again = await flags({});
    checks.equal("flags by traits of an earlier request", again, first);
    checks.equal("traits matter", JSON.stringify(first) === JSON.stringify(before), false);
    checks.equal("flags by traits that are deleted", await flags({ plan: null, country: null }), before);
  });
}

/** One that evaluates locally keeps the traits of identities with overrides from call to call: ask it once about each. */
function client(tap, environmentKey, further = {}) {
  // One hour: a check is over before the document is asked for again.
  const environmentRefreshIntervalSeconds = 3600;
  const apiUrl = `${tap.url}/api/v1/`;
  const sdk = new Flagsmith({ environmentKey, apiUrl, environmentRefreshIntervalSeconds, ...further });
  clients.push(sdk);
  return sdk;
}

function outcomes(flags) {
  return Object.fromEntries(flags.allFlags().map((flag) => [flag.featureName, [flag.enabled, plain(flag.value)]]));
}

/** The SDK hands out a remote null as `undefined`, a local one as `null`. */
function plain(value) {
  return value ?? null;
}

function loadSdk(directory) {
  try {
    return createRequire(resolve(directory, "package.json"))("flagsmith-nodejs");
  } catch (error) {
    if (error.code !== "MODULE_NOT_FOUND") throw error;
    console.error(`no flagsmith-nodejs in ${directory}: copy package.json and package-lock.json there and run \`npm ci\``);
    process.exit(2);
  }
}

function readOptions() {
  const help = `usage: check.mjs --client-key K --server-key ser.S [--storing-key K] [--edge URL] [--modules DIR]

Check an edge that serves tests/fixtures/sdk.json with the Node SDK.

  --edge URL        where the edge answers (http://127.0.0.1:7676)
  --client-key K    the environment's client-side key
  --server-key S    a server-side key of it, ser.…
  --storing-key K   the client-side key of a copy whose traits are stored
  --modules DIR     where \`npm ci\` was run (target/sdk/node)`;
  const leave = (code, ...lines) => {
    (code ? console.error : console.log)([...lines, help].join("\n"));
    process.exit(code);
  };
  try {
    const { values } = parseArgs({
      options: {
        edge: { type: "string", default: "http://127.0.0.1:7676" },
        "client-key": { type: "string" },
        "server-key": { type: "string" },
        "storing-key": { type: "string" },
        modules: { type: "string", default: MODULES },
        help: { type: "boolean", short: "h" },
      },
    });
    if (values.help) leave(0);
    for (const name of ["client-key", "server-key"]) if (!values[name]) leave(2, `--${name} is missing`);
    return values;
  } catch (error) {
    return leave(2, error.message);
  }
}
