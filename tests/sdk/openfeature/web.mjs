// OpenFeature's OFREP web provider, as published, in pages of another origin than the edge, which serves
// `tests/fixtures/sdk.json`.
//
//     node tests/sdk/openfeature/web.mjs --browser jsdom|/usr/bin/chromium --client-key K --server-key ser.S
//          [--removed-key K] [--edge URL] [--modules DIR] [--browser-modules DIR]
//
// Needs the packages of `package-lock.json`, looked for in DIR, the directory where `npm ci` was run, and the browsers of
// `tests/sdk/browser`. Every request passes a tap. Prints every failure; the last line says how many checks passed and
// failed, and the exit code is 1 if any failed.

import { Checks } from "../javascript/checks.mjs";
import { withTap } from "../javascript/tap.mjs";
import { CODE_DEFAULTS, PUBLIC, situations, values } from "./expected.mjs";
import { packages, readOptions } from "./options.mjs";
import { launch } from "./pages.mjs";

const FLAGS = "/ofrep/v1/evaluate/flags";
const options = readOptions();
const key = options["client-key"];
const STREAM = `/ofrep/v1/environments/${key}/stream`;
// Nothing that an earlier page kept counts, and nothing is asked for by itself, unless a check asks for it.
const QUIET = { changeDetection: "none" };
const NETWORK = { ...QUIET, cacheMode: "disabled" };
const POLLING = { ...NETWORK, changeDetection: "polling", pollInterval: 50 };
const STREAMING = { ...NETWORK, changeDetection: "sse" };
const ANNA = { targetingKey: "anna" };
const READY = ["READY", null];

setTimeout(() => {
  console.log("FAIL not done within two minutes");
  process.exit(1);
}, 120_000).unref();

const checks = new Checks();
const browser = await launch(options.browser, packages(options.modules), packages(options["browser-modules"]));
await checks.run([
  everySituation,
  oneVisitAfterTheOther,
  gettersOfOtherTypes,
  reasonsVariantsAndMetadata,
  anotherContextOfOneTargetingKey,
  polling,
  flagsThatAPageKept,
  keys,
  contextsThatAreRefused,
  anEdgeThatWasAway,
  theEndsOfStreams,
  aPageThatKeptItsStream,
  anEdgeThatWasAwayFromItsStreams,
]);
await browser.close();
console.log(`in ${browser.name}`);
process.exit(checks.finish());

/** Each in a page of its own. */
async function everySituation() {
  await withTap(options, async (tap) => {
    for (const { situation, context, flags } of situations()) {
      const page = await browser.open();
      checks.equal(`${situation}: starts`, await page("start", tap.url, key, context, NETWORK), READY);
      await compare(page, situation, flags);
    }
    const page = await browser.open();
    checks.equal("nobody: starts", await page("start", tap.url, key, {}, NETWORK), READY);
    await compare(page, "nobody", values(PUBLIC));
    checks.equal("requests", posts(tap).length, situations().length + 1);
  });
}

/** All in one page. */
async function oneVisitAfterTheOther() {
  await withTap(options, async (tap) => {
    const page = await browser.open();
    await page("start", tap.url, key, {}, NETWORK);
    for (const { situation, context, flags } of situations()) {
      checks.equal(`${situation}: changes`, await page("change", context), "READY");
      await compare(page, `${situation}, later`, flags);
    }
    checks.equal("requests", posts(tap).length, situations().length + 1);
  });
}

async function gettersOfOtherTypes() {
  await withTap(options, async (tap) => {
    const page = await browser.open();
    await page("start", tap.url, key, {}, NETWORK);
    for (const [name, { type, isOff }] of Object.entries(values(PUBLIC))) {
      for (const other of Object.keys(CODE_DEFAULTS)) {
        if (other === type) continue;
        const { value, reason, errorCode } = await page("ask", other, name, CODE_DEFAULTS[other]);
        const why = isOff ? ["DISABLED", null] : ["ERROR", "TYPE_MISMATCH"];
        checks.equal(`${name} as ${other}`, [value, reason, errorCode], [CODE_DEFAULTS[other], ...why]);
      }
    }
    for (const name of ["unknown", "fraud_rules"]) {
      const { value, errorCode } = await page("ask", "string", name, "of the code");
      checks.equal(`\`${name}\``, [value, errorCode], ["of the code", "FLAG_NOT_FOUND"]);
    }
  });
}

async function reasonsVariantsAndMetadata() {
  await withTap(options, async (tap) => {
    const page = await browser.open();
    for (const [name, type, context, reason, hasVariant, enabled] of [
      ["compact_lists", "boolean", {}, "STATIC", false, true],
      ["discount", "number", {}, "UNKNOWN", false, true],
      ["discount", "number", { ...ANNA, plan: "gold" }, "TARGETING_MATCH", false, true],
      ["button_colour", "string", { targetingKey: "carla", age: 18 }, "SPLIT", true, true],
      ["lottery", "string", ANNA, "DISABLED", false, false],
      ["plain_off", "boolean", ANNA, "UNKNOWN", false, false],
    ]) {
      await page("start", tap.url, key, context, NETWORK);
      const got = await page("ask", type, name, CODE_DEFAULTS[type]);
      const expected = [reason, hasVariant, enabled];
      checks.equal(`${name} of ${context.targetingKey}`, [got.reason, got.variant !== "", got.flagMetadata.enabled], expected);
    }
  });
}

/** The provider forgets its tag only when the targeting key is another one: the edge must not answer 304 to other traits. */
async function anotherContextOfOneTargetingKey() {
  for (const cacheMode of ["disabled", "local-cache-first", "network-first"]) {
    await withTap(options, async (tap) => {
      const page = await browser.open();
      checks.equal(`${cacheMode}: starts`, await page("start", tap.url, key, { ...ANNA, plan: "gold" }, { ...QUIET, cacheMode }), READY);
      checks.equal(`${cacheMode}: gold`, await page("values", [["number", "discount", -1]]), [20]);
      await page("change", { ...ANNA, plan: "free" });
      await eventually(`${cacheMode}: free`, () => page("values", [["number", "discount", -1]]), [0]);
      await page("change", { ...ANNA, plan: "free" });
      await eventually(`${cacheMode}: statuses`, () => statuses(tap), [200, 200, 304]);
    });
  }
}

async function polling() {
  await withTap(options, async (tap) => {
    const page = await browser.open();
    await page("start", tap.url, key, { ...ANNA, plan: "gold" }, POLLING);
    await page("events");
    await eventually("polls", async () => statuses(tap).length > 5, true);
    checks.equal("all but the first", [...new Set(statuses(tap).slice(1))], [304]);
    checks.equal("no event of a poll", await page("events"), []);
    checks.equal("the flag stays", await page("values", [["number", "discount", -1]]), [20]);
    await page("close");
  });
}

/** A page that finds flags of an earlier start uses them, and asks with their tag. */
async function flagsThatAPageKept() {
  await withTap(options, async (tap) => {
    const page = await browser.open();
    const context = { ...ANNA, plan: "gold" };
    await page("start", tap.url, key, context, QUIET);
    await page("close");
    checks.equal("starts again", await page("start", tap.url, key, context, QUIET), READY);
    const kept = await page("ask", "number", "discount", -1);
    checks.equal("a flag that was kept", [kept.value, kept.reason], [20, "CACHED"]);
    await eventually("statuses", () => statuses(tap), [200, 304]);
  });
}

async function keys() {
  await withTap(options, async (tap) => {
    for (const [what, key, status] of [
      ["a wrong key", "unknown-key", 401],
      ["no key", "", 401],
      ["a removed environment", options["removed-key"], 403],
    ]) {
      if (key === undefined) continue;
      const page = await browser.open();
      const [became] = await page("start", tap.url, key, ANNA, NETWORK);
      const { value } = await page("ask", "string", "welcome_text", "of the code");
      checks.equal(what, [became, value, statuses(tap).at(-1)], ["FATAL", "of the code", status]);
    }
  });
}

async function contextsThatAreRefused() {
  await withTap(options, async (tap) => {
    const page = await browser.open();
    const further = { nested: { a: [1, { b: null }] }, list: ["x"], none: null, yes: true, ratio: 0.5 };
    checks.equal("of every kind", await page("start", tap.url, key, { ...ANNA, plan: "gold", ...further }, NETWORK), READY);
    checks.equal("its flag", await page("values", [["number", "discount", -1]]), [20]);
    await page("events");
    await page("change", { ...ANNA, plan: "x".repeat(2_001) });
    // The provider goes on with the flags of the context before, as after any error.
    checks.equal("too long", (await page("events")).some(([event]) => event === "PROVIDER_ERROR"), true);
    checks.equal("good again", await page("change", { ...ANNA, plan: "free" }), "READY");
    checks.equal("its statuses", statuses(tap), [200, 400, 200]);
    checks.equal("its flag", await page("values", [["number", "discount", -1]]), [0]);
  });
}

async function anEdgeThatWasAway() {
  const page = await browser.open();
  const gold = { ...ANNA, plan: "gold" };
  const url = await withTap(options, async (tap) => {
    await page("start", tap.url, key, gold, POLLING);
    await page("events");
    return tap.url;
  });
  await eventually("stale", () => page("status"), "STALE");
  checks.equal("the flag stays", await page("values", [["number", "discount", -1]]), [20]);
  await withTap({ ...options, port: Number(new URL(url).port) }, async (tap) => {
    await eventually("asks again, with its tag", async () => statuses(tap)[0], 304);
    await page("change", { ...ANNA, plan: "free" });
    checks.equal("another context", await page("values", [["number", "discount", -1]]), [0]);
    await page("close");
  });
}

/** Without a change, a page asks at its start and at the first event of its first stream, and never again. */
async function theEndsOfStreams() {
  await withTap(options, async (tap) => {
    const page = await browser.open();
    const started = Date.now();
    await page("start", tap.url, key, { ...ANNA, plan: "gold" }, STREAMING);
    await page("events");
    const seen = [];
    while (streams(tap).length < 4 && Date.now() < started + 60_000) {
      const status = await page("status");
      if (seen.at(-1)?.[1] !== status) seen.push([`${((Date.now() - started) / 1_000).toFixed(1)} s`, status]);
      await new Promise((passed) => setTimeout(passed, 50));
    }
    const events = (await page("events")).map(([event]) => event);
    console.log(`across the ends of ${streams(tap).length - 1} streams: ${seen.map((at) => at.join(" ")).join(", ")}; ${events.length} events`);
    checks.equal("connects again", streams(tap).length >= 4, true);
    checks.equal("asks twice in all", statuses(tap), [200, 304]);
    // At each end the provider says that it is stale. The SDK goes back to READY with another context alone.
    checks.equal("its events", [...new Set(events)], ["PROVIDER_STALE"]);
    checks.equal("the flag stays", await page("values", [["number", "discount", -1]]), [20]);
    const before = streams(tap).length;
    checks.equal("another context", await page("change", { ...ANNA, plan: "free" }), "READY");
    checks.equal("its flag", await page("values", [["number", "discount", -1]]), [0]);
    checks.equal("asks once more", statuses(tap), [200, 304, 200]);
    checks.equal("and keeps its stream", streams(tap).length - before <= 1, true);
    await page("close");
  });
}

/** A page that starts with flags of an earlier start listens, though it gets a 304, which names no stream. */
async function aPageThatKeptItsStream() {
  await withTap(options, async (tap) => {
    const page = await browser.open();
    const context = { ...ANNA, plan: "gold" };
    await page("start", tap.url, key, context, { changeDetection: "sse" });
    await eventually("a stream", async () => [statuses(tap), streams(tap).length], [[200, 304], 1]);
    await page("close");
    await page("start", tap.url, key, context, { changeDetection: "sse" });
    await eventually("a second stream", async () => [statuses(tap), streams(tap).length], [[200, 304, 304, 304], 2]);
    await page("close");
  });
}

async function anEdgeThatWasAwayFromItsStreams() {
  const page = await browser.open();
  const url = await withTap(options, async (tap) => {
    await page("start", tap.url, key, { ...ANNA, plan: "gold" }, STREAMING);
    await eventually("listens", async () => [statuses(tap), streams(tap).length], [[200, 304], 1]);
    return tap.url;
  });
  await eventually("stale", () => page("status"), "STALE");
  checks.equal("the flag stays", await page("values", [["number", "discount", -1]]), [20]);
  await withTap({ ...options, port: Number(new URL(url).port) }, async (tap) => {
    await eventually("listens again", async () => streams(tap).length >= 1, true);
    // It heard of the revision before.
    checks.equal("and asks for nothing", statuses(tap), []);
    await page("close");
  });
}

function streams(tap) {
  return tap.requests.filter((request) => request === `GET ${STREAM}`);
}

async function compare(page, what, flags) {
  const asked = Object.entries(flags).map(([name, { type }]) => [type, name, CODE_DEFAULTS[type]]);
  const got = await page("values", asked);
  Object.entries(flags).forEach(([name, { value }], place) => checks.equal(`${what}: ${name}`, got[place], value));
}

function posts(tap) {
  return tap.requests.filter((request) => request.split("?")[0] === `POST ${FLAGS}`);
}

/** Of all answers but those to preflights. */
function statuses(tap) {
  return tap.answers.filter((answer) => answer.startsWith("POST ")).map((answer) => Number(answer.slice(5)));
}

async function eventually(what, ask, expected) {
  const deadline = Date.now() + 15_000;
  let got = await ask();
  while (JSON.stringify(got) !== JSON.stringify(expected) && Date.now() < deadline) {
    await new Promise((passed) => setTimeout(passed, 20));
    got = await ask();
  }
  checks.equal(what, got, expected);
}
