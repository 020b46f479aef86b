// OpenFeature's OFREP provider for Node, as published, against an edge that serves `tests/fixtures/sdk.json`.
//
//     node tests/sdk/openfeature/server.mjs --client-key K --server-key ser.S [--removed-key K] [--edge URL] [--modules DIR]
//
// Needs the packages of `package-lock.json`, looked for in DIR, the directory where `npm ci` was run. Every request passes a
// tap. Prints every failure; the last line says how many checks passed and failed, and the exit code is 1 if any failed.

import { Checks } from "../javascript/checks.mjs";
import { withTap } from "../javascript/tap.mjs";
import { CODE_DEFAULTS, PUBLIC, situations, values } from "./expected.mjs";
import { packages, readOptions } from "./options.mjs";

const FLAGS = "/ofrep/v1/evaluate/flags";
const options = readOptions();
const require = packages(options.modules);
const { OpenFeature } = require("@openfeature/server-sdk");
const { OFREPProvider } = require("@openfeature/ofrep-provider");

const checks = new Checks();
const ANNA = { targetingKey: "anna", plan: "gold" };
let domains = 0;

await checks.run([
  everySituation,
  nobody,
  gettersOfOtherTypes,
  reasonsVariantsAndMetadata,
  keys,
  whereAKeyMayStand,
  names,
  contextsOfEveryKind,
  anEdgeThatWasAway,
]);
await OpenFeature.close();
process.exitCode = checks.finish();

async function everySituation() {
  await withTap(options, async (tap) => {
    const client = await provided(tap, options["client-key"]);
    let asked = 0;
    for (const { situation, context, flags } of situations()) {
      for (const [name, { type, value }] of Object.entries(flags)) {
        checks.equal(`${situation}: ${name}`, (await ask(client, type, name, context)).value, value);
        asked += 1;
      }
    }
    checks.equal("requests", tap.requests.length, asked);
    checks.equal("statuses", [...new Set(tap.statuses)], [200]);
  });
}

/** Without a targeting key: what `/flags/` answers. */
async function nobody() {
  await withTap(options, async (tap) => {
    const client = await provided(tap, options["client-key"]);
    for (const [name, { type, value }] of Object.entries(values(PUBLIC))) {
      checks.equal(`nobody: ${name}`, (await ask(client, type, name, undefined)).value, value);
      checks.equal(`nobody with a trait: ${name}`, (await ask(client, type, name, { plan: "gold" })).value, value);
    }
  });
}

/** A getter of another type gives the default of the code, and says why. */
async function gettersOfOtherTypes() {
  await withTap(options, async (tap) => {
    const client = await provided(tap, options["client-key"]);
    for (const [name, { type, isOff }] of Object.entries(values(PUBLIC))) {
      for (const other of Object.keys(CODE_DEFAULTS)) {
        if (other === type) continue;
        const { value, errorCode } = await ask(client, other, name, undefined);
        // This version takes every answer without a value for an unknown one.
        const code = isOff ? "GENERAL" : "TYPE_MISMATCH";
        checks.equal(`${name} as ${other}`, [value, errorCode], [CODE_DEFAULTS[other], code]);
      }
    }
    const { value, errorCode } = await ask(client, "string", "unknown", ANNA);
    checks.equal("an unknown flag", [value, errorCode], [CODE_DEFAULTS.string, "FLAG_NOT_FOUND"]);
  });
}

async function reasonsVariantsAndMetadata() {
  await withTap(options, async (tap) => {
    const client = await provided(tap, options["client-key"]);
    for (const [name, type, context, reason, variant, enabled] of [
      ["compact_lists", "boolean", undefined, "STATIC", "", true],
      ["discount", "number", undefined, "UNKNOWN", "", true],
      ["discount", "number", ANNA, "TARGETING_MATCH", "", true],
      ["discount", "number", { targetingKey: "vip-1" }, "TARGETING_MATCH", "", true],
      ["plain_off", "boolean", undefined, "UNKNOWN", "", false],
    ]) {
      const got = await ask(client, type, name, context);
      checks.equal(`${name} of ${context?.targetingKey}`, [got.reason, got.variant, got.flagMetadata.enabled], [
        reason,
        variant,
        enabled,
      ]);
    }
    const split = await ask(client, "string", "button_colour", { targetingKey: "carla", age: 18 });
    checks.equal("a variant", [split.value, split.reason, split.variant !== ""], ["green", "SPLIT", true]);
  });
}

async function keys() {
  await withTap(options, async (tap) => {
    const trusted = await provided(tap, options["server-key"]);
    checks.equal("for servers", (await ask(trusted, "string", "fraud_rules", ANNA)).value, "strict");
    const client = await provided(tap, options["client-key"]);
    const hidden = await ask(client, "string", "fraud_rules", ANNA);
    checks.equal("not for clients", [hidden.value, hidden.errorCode], [CODE_DEFAULTS.string, "FLAG_NOT_FOUND"]);
    for (const [what, key, status] of [
      ["a wrong key", "unknown-key", 401],
      ["a wrong server-side key", "ser.unknown", 401],
      ["no key", "", 401],
      ["a removed environment", options["removed-key"], 403],
    ]) {
      if (key === undefined) continue;
      const refused = await provided(tap, key);
      const got = await ask(refused, "string", "welcome_text", ANNA);
      checks.equal(what, [got.value, got.errorCode, tap.statuses.at(-1)], [CODE_DEFAULTS.string, "GENERAL", status]);
    }
  });
}

async function whereAKeyMayStand() {
  await withTap(options, async (tap) => {
    const key = options["client-key"];
    for (const header of [["Authorization", `Bearer ${key}`], ["X-Environment-Key", key], ["x-api-key", key]]) {
      const client = await clientOf(new OFREPProvider({ baseUrl: tap.url, headers: [header] }));
      checks.equal(header[0], (await ask(client, "number", "discount", ANNA)).value, 20);
    }
    const slash = await clientOf(new OFREPProvider({ baseUrl: `${tap.url}/`, headers: [["x-api-key", key]] }));
    checks.equal("an address with a slash", (await ask(slash, "number", "discount", ANNA)).value, 20);
  });
}

/** This version puts names into the path as they are. */
async function names() {
  await withTap(options, async (tap) => {
    const client = await provided(tap, options["client-key"]);
    for (const name of ["no/such flag", "é", "a//b", "100%"]) {
      checks.equal(name, (await ask(client, "string", name, ANNA)).errorCode, "FLAG_NOT_FOUND");
    }
  });
}

/** Whatever a context holds, it is evaluated, or refused in so many words. */
async function contextsOfEveryKind() {
  await withTap(options, async (tap) => {
    const client = await provided(tap, options["client-key"]);
    const further = { nested: { a: [1, { b: null }] }, list: ["x"], when: new Date(0), ratio: 0.5, none: null, yes: true };
    checks.equal("nested", (await ask(client, "number", "discount", { ...ANNA, ...further })).value, 20);
    const long = await ask(client, "number", "discount", { ...ANNA, plan: "x".repeat(2_001) });
    checks.equal("a trait that is too long", [long.value, long.errorCode], [-1, "INVALID_CONTEXT"]);
    checks.equal("its message", /plan/.test(long.errorMessage), true);
  });
}

async function anEdgeThatWasAway() {
  const { client, url } = await withTap(options, async (tap) => {
    const client = await provided(tap, options["client-key"]);
    checks.equal("before", (await ask(client, "number", "discount", ANNA)).value, 20);
    return { client, url: tap.url };
  });
  const away = await ask(client, "number", "discount", ANNA);
  checks.equal("away", [away.value, away.errorCode], [-1, "GENERAL"]);
  await withTap({ ...options, port: Number(new URL(url).port) }, async () => {
    checks.equal("back", (await ask(client, "number", "discount", ANNA)).value, 20);
  });
}

function ask(client, type, name, context) {
  const getter = `get${type[0].toUpperCase()}${type.slice(1)}Details`;
  return client[getter](name, CODE_DEFAULTS[type], context);
}

async function provided(tap, key) {
  return clientOf(new OFREPProvider({ baseUrl: tap.url, headers: [["X-API-Key", key]] }));
}

async function clientOf(provider) {
  const domain = `check-${(domains += 1)}`;
  await OpenFeature.setProviderAndWait(domain, provider);
  return OpenFeature.getClient(domain);
}
