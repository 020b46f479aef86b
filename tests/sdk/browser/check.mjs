// The browser SDK of Flagsmith, as published, in pages of other origins than the edge, which serves
// `tests/fixtures/sdk.json`.
//
//     node tests/sdk/browser/check.mjs --browser jsdom|/usr/bin/chromium --client-key K [--hiding-key K] [--storing-key K]
//          [--edge URL] [--restricted-edge URL] [--modules DIR]
//
// Needs the packages of `package-lock.json`, looked for in DIR, the directory where `npm ci` was run. Pages do what
// `page.js` says; every request passes a tap. This SDK evaluates nothing locally.
// Prints every failure; the last line says how many checks passed and failed, and the exit code is 1 if any failed.

import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { CASES, SERVER_ONLY } from "../javascript/cases.mjs";
import { Checks } from "../javascript/checks.mjs";
import { withTap } from "../javascript/tap.mjs";
import { launch } from "./browsers.mjs";
import {
  ANALYTICS,
  EVENTS,
  FLAGS,
  IDENTITIES,
  IDS,
  PUBLIC,
  REFUSED,
  comparable,
  expectedIn,
  identified,
  identityRequests,
  loaded,
  withoutPreflights,
} from "./expected.mjs";

const MODULES = fileURLToPath(new URL("../../../target/sdk/browser", import.meta.url));
const OWN = "http://app.example";
const OTHER = "http://other.example";
const GOLDEN_ANNA = { identity: "anna", traits: { plan: "gold" } };

const options = readOptions();
const key = options["client-key"];

// A browser that hangs would hang forever. Leaving ends it too.
setTimeout(() => {
  console.log("FAIL not done within three minutes");
  process.exit(1);
}, 180_000).unref();

const checks = new Checks();
const browser = await launch(options.browser, options.modules).catch((error) => {
  const { modules } = options;
  console.error(`${error.message}\n\nPackages: copy package.json and package-lock.json to ${modules} and run \`npm ci\``);
  process.exit(2);
});
await checks.run([
  environmentFlags,
  situations,
  aVisit,
  visitorsWithoutIdentifier,
  disabledFlagsAreHidden,
  traitsAreRemembered,
  wrongKeys,
  analytics,
  events,
  withoutAnEdge,
  whatAPageMayRead,
  allowedOrigins,
]);
await browser.close();
console.log(`in ${browser.name}`);
process.exitCode = checks.finish();

async function environmentFlags() {
  await withTap(options, async (tap) => {
    const page = await browser.open(OWN);
    const revision = await fetch(`${options.edge}${FLAGS}`, { headers: { "x-environment-key": key } });
    checks.equal("environment flags", await page("start", init(tap)), {
      ...loaded(PUBLIC),
      // Only if the header is exposed: without it the SDK would fetch again with every change signal.
      timestamp: Number(revision.headers.get("x-flagsmith-document-updated-at")),
    });
    checks.equal("requests for environment flags", tap.requests, [`OPTIONS ${FLAGS}`, `GET ${FLAGS}`]);
    for (const name of SERVER_ONLY) {
      const got = [await page("ask", "hasFeature", name), await page("ask", "getValue", name)];
      checks.equal(`\`${name}\``, got, [false, null]);
    }
    checks.equal("a value as JSON", await page("ask", "getValue", "limits", { json: true }), {
      uploads: 3,
      kinds: ["png", "jpg"],
    });
  });
}

/** Each situation in a page of its own, and then all of them, one after the other, in one page. */
async function situations() {
  await withTap(options, async (tap) => {
    const page = await browser.open(OWN);
    const asked = [];
    for (const { situation, identifier, traits, transient = false, differs } of CASES.situations) {
      const identity = { identifier, traits, transient };
      const got = await page("start", { ...init(tap), evaluationContext: { environment: { apiKey: key }, identity } });
      checks.equal(`${situation}, at once`, comparable(got), identified({ ...PUBLIC, ...differs }, identifier, traits));
      asked.push(...identityRequests(identifier, traits, transient));
    }
    checks.equal("requests for identities, at once", withoutPreflights(tap), asked);
  });
  await withTap(options, async (tap) => {
    const page = await browser.open(OWN);
    await page("start", init(tap));
    const asked = [`GET ${FLAGS}`];
    for (const { situation, identifier, traits, transient = false, differs } of CASES.situations) {
      const got = await page("call", "identify", identifier, traits, transient);
      checks.equal(`${situation}, later`, comparable(got), identified({ ...PUBLIC, ...differs }, identifier, traits));
      asked.push(...identityRequests(identifier, traits, transient));
    }
    checks.equal("requests for identities, later", withoutPreflights(tap), asked);
    // Each is asked of an address of its own, identifiers in the query too. The edge allows ten minutes of remembering.
    const preflights = browser.rememberedPreflights ? new Set(asked).size : asked.length;
    checks.equal("preflights", tap.requests.length - asked.length, preflights);
  });
}

async function aVisit() {
  await withTap(options, async (tap) => {
    const page = await browser.open(OWN);
    const nobody = expectedIn("an identity without traits");
    const gold = expectedIn("a plan that a segment asks for");
    checks.equal("a visitor comes", comparable(await page("start", init(tap))), loaded(PUBLIC));
    checks.equal(
      "and is known",
      comparable(await page("call", "identify", "nobody-in-particular")),
      identified(nobody, "nobody-in-particular", {}),
    );
    checks.equal(
      "another one",
      comparable(await page("call", "identify", "anna")),
      identified({ ...PUBLIC, ...(await evaluated("anna", {})) }, "anna", {}),
    );
    checks.equal(
      "with a trait",
      comparable(await page("call", "setTrait", "plan", "gold")),
      identified(gold, "anna", { plan: "gold" }),
    );
    const spaced = { plan: "gold", "Favourite Colour": "red", visits: 3, ratio: 0.5, new: false };
    checks.equal(
      "with traits of every type",
      comparable(await page("call", "setTraits", spaced)),
      // The SDK writes `_` for a space in what comes back.
      identified(gold, "anna", { plan: "gold", Favourite_Colour: "red", visits: 3, ratio: 0.5, new: false }),
    );
    const kept = { Favourite_Colour: "red", visits: 3, ratio: 0.5, new: false };
    checks.equal(
      "with one trait less",
      comparable(await page("call", "setTrait", "plan", null)),
      // The earlier spelling is gone from the SDK, since the answer took the place of what it had.
      identified({ ...PUBLIC, ...(await evaluated("anna", kept)) }, "anna", kept),
    );
    checks.equal("and leaves", comparable(await page("call", "logout")), loaded(PUBLIC));
  });
}

/** The edge gives such visitors an identifier that follows from their traits, and the SDK goes on with it. */
async function visitorsWithoutIdentifier() {
  await withTap(options, async (tap) => {
    const identifiers = [];
    for (const plan of ["gold", "gold", "free"]) {
      const page = await browser.open(OWN);
      const got = await page("start", { ...init(tap), traits: { plan } });
      identifiers.push(got.identity);
      checks.equal(`a visitor with plan ${plan}`, [got.traits, got.rejected], [{ plan }, null]);
      checks.equal(`a visitor with plan ${plan}: discount`, got.flags.discount[2], plan === "gold" ? 20 : 0);
    }
    const [first, second, third] = identifiers;
    checks.equal("identifiers", [/^[0-9a-f]{64}$/.test(first), second === first, third === first], [true, true, false]);
  });
}

async function disabledFlagsAreHidden() {
  const hidingKey = options["hiding-key"];
  if (!hidingKey) return;
  const enabled = (flags) => Object.fromEntries(Object.entries(flags).filter(([, [enabled]]) => enabled));
  await withTap(options, async (tap) => {
    const page = await browser.open(OWN);
    const got = await page("start", { ...init(tap), environmentID: hidingKey });
    checks.equal("environment flags, disabled ones hidden", comparable(got), loaded(enabled(PUBLIC)));
    // Who was assigned a variant depends on the key; who is in a segment does not.
    const blocked = await page("call", "identify", "blocked-user", { country: "AT" });
    const names = Object.keys(blocked.flags);
    checks.equal("a flag that an override switches off", names.includes("plain_on"), false);
    const { flags } = await page("call", "identify", "bert", { plan: "silver", newsletter: true });
    checks.equal("a flag that a segment switches on", flags.plain_off, [IDS.plain_off, true, null]);
  });
}

/** Where traits are stored, a page that knows a visitor's name alone has them; the edge writes them after its answer. */
async function traitsAreRemembered() {
  const storingKey = options["storing-key"];
  if (!storingKey) return;
  await withTap(options, async (tap) => {
    const storing = { ...init(tap), environmentID: storingKey, identity: "page-remembered" };
    const first = await (await browser.open(OWN))("start", { ...storing, traits: { plan: "gold" } });
    checks.equal("a visitor with a trait", [first.traits, first.rejected], [{ plan: "gold" }, null]);
    const deadline = Date.now() + 10_000;
    const later = await browser.open(OWN);
    let again = await later("start", storing);
    while (again.traits.plan !== "gold" && Date.now() < deadline) again = await later("start", storing);
    checks.equal("a page that does not know it", [again.traits, again.flags], [{ plan: "gold" }, first.flags]);
    const set = await later("call", "setTrait", "country", "AT");
    checks.equal("one more trait", set.traits, { plan: "gold", country: "AT" });
  });
}

async function wrongKeys() {
  await withTap(options, async (tap) => {
    const page = await browser.open(OWN);
    for (const [name, identity] of [["environment flags", {}], ["an identity", GOLDEN_ANNA]]) {
      const got = await page("start", { ...init(tap), environmentID: "no-such-environment", ...identity });
      // This SDK (12.4.0) makes its message of the answer's body as a whole, which is an object.
      const message = "[object Object]";
      checks.equal(`${name} with a wrong key`, [got.flags, got.rejected, got.reported], [{}, message, [message]]);
    }
    const url = `${tap.url}${FLAGS}`;
    const { status, body } = await page("read", "GET", url, { "x-environment-key": "no-such-environment" });
    checks.equal("the page may read why", [status, Object.keys(JSON.parse(body))], [403, ["detail"]]);
  });
}

/** The SDK sends what it counted, and goes on. */
async function analytics() {
  await withTap(options, async (tap) => {
    const page = await browser.open(OWN);
    await page("start", { ...init(tap), enableAnalytics: true });
    const got = [await page("ask", "hasFeature", "plain_on"), await page("ask", "getValue", "page_size")];
    checks.equal("flags, counted", got, [true, 25]);
    // What the SDK does every ten seconds.
    checks.equal("counts", comparable(await page("call", "analyticsFlags")), loaded(PUBLIC));
    checks.equal("flags, afterwards", comparable(await page("call", "getFlags")), loaded(PUBLIC));
    const asked = withoutPreflights(tap).filter((request) => !request.endsWith(ANALYTICS));
    checks.equal("requests beside analytics", asked, [`GET ${FLAGS}`, `GET ${FLAGS}`]);
    checks.equal("analytics were sent", tap.requests.some((request) => request === `POST ${ANALYTICS}`), true);
    checks.equal("and accepted", tap.statuses.every((status) => status === 200), true);
  });
}

/** Events go to the edge, after a preflight; what the edge accepts is not sent again. */
async function events() {
  await withTap(options, async (tap) => {
    const page = await browser.open(OWN);
    const eventProcessorConfig = { eventsApiUrl: tap.url };
    await page("start", { ...init(tap), identity: "events", enableEvents: true, eventProcessorConfig });
    await page("call", "trackEvent", "purchase", { value: 3, metadata: { page: "cart" } });
    await page("call", "trackExposureEvent", "page_size", { value: "control" });
    await page("call", "flushEvents");
    await page("call", "flushEvents");
    const asked = tap.requests.filter((request) => request.endsWith(EVENTS));
    checks.equal("requests for events", asked, [`OPTIONS ${EVENTS}`, `POST ${EVENTS}`]);
  });
}

async function withoutAnEdge() {
  const page = await browser.open(OWN);
  const { gone, before } = await withTap(options, async (tap) => {
    const gone = { ...init(tap), cacheFlags: true };
    return { gone, before: await page("start", gone) };
  });
  checks.equal("flags, kept by the browser", comparable(before), loaded(PUBLIC));
  const cached = await page("start", gone);
  checks.equal("flags without an edge", [cached.flags, cached.source, cached.rejected], [before.flags, "CACHE", null]);
  const defaultFlags = { plain_on: { id: 1, enabled: false, value: "own" } };
  const other = { ...gone, cacheFlags: false, environmentID: "another", defaultFlags };
  const { flags, rejected } = await page("start", other);
  checks.equal("a page's own flags without an edge", flags, { plain_on: [1, false, "own"] });
  checks.equal("and the page gets the error", typeof rejected, "string");
}

async function whatAPageMayRead() {
  await withTap(options, async (tap) => {
    const page = await browser.open(OWN);
    const [url, headers] = [`${tap.url}${FLAGS}`, { "x-environment-key": key }];
    const answer = await page("read", "GET", url, headers);
    const labels = ["age", "jackstaff-revision", "jackstaff-source", "x-flagsmith-document-updated-at"];
    checks.equal("headers that a page may read", labels.filter((name) => !answer.headers.includes(name)), []);
    // Tracing libraries add headers of their own to every request.
    const traced = { ...headers, traceparent: "00-1-2-01", baggage: "a=b", "x-of-a-library": "1" };
    checks.equal("with a tracing library's headers", (await page("read", "GET", url, traced)).body, answer.body);
    // Keys are no secrets of the browser's: no page ever needs to send cookies, and the edge never agrees to any.
    checks.equal("with cookies", await page("read", "GET", url, headers, true), REFUSED);
    const document = await page("read", "GET", `${tap.url}/api/v1/environment-document/`, headers);
    checks.equal("the environment document", document.status, 403);
  });
}

/** `allowed_origins` of this edge names the origin `http://app.example` alone. */
async function allowedOrigins() {
  const edge = options["restricted-edge"];
  if (!edge) return;
  await withTap({ edge }, async (tap) => {
    const page = await browser.open(OWN);
    checks.equal("a page of an allowed origin", comparable(await page("start", init(tap))), loaded(PUBLIC));
    const [{ identifier, traits, differs }] = CASES.situations.filter(({ traits }) => Object.keys(traits).length);
    const got = await page("call", "identify", identifier, traits);
    checks.equal("and its visitor", comparable(got), identified({ ...PUBLIC, ...differs }, identifier, traits));
    const withCookies = await page("read", "GET", `${tap.url}${FLAGS}`, { "x-environment-key": key }, true);
    checks.equal("with cookies", withCookies, REFUSED);
  });
  await withTap({ edge }, async (tap) => {
    const page = await browser.open(OTHER);
    for (const [name, identity] of [["a page", {}], ["a visitor", GOLDEN_ANNA]]) {
      const got = await page("start", { ...init(tap), ...identity });
      const seen = [got.flags, got.timestamp, typeof got.rejected, got.reported.length];
      checks.equal(`${name} of another origin`, seen, [{}, null, "string", 1]);
    }
    checks.equal("nothing but preflights came of it", tap.requests, [`OPTIONS ${FLAGS}`, `OPTIONS ${IDENTITIES}`]);
    // No preflight comes before these; the answers come, and the browser keeps them from the page.
    for (const path of [FLAGS, "/health", "/nowhere"]) {
      checks.equal(`${path}, plainly`, await page("read", "GET", `${tap.url}${path}`, {}), REFUSED);
    }
    const form = await page("read", "POST", `${tap.url}${IDENTITIES}`, { "content-type": "text/plain" });
    checks.equal("a form, plainly", form, REFUSED);
  });
}

function init(tap) {
  return { environmentID: key, api: `${tap.url}/api/v1/` };
}

/** What the edge says without an SDK in between. */
async function evaluated(identifier, traits) {
  const list = Object.entries(traits).map(([trait_key, trait_value]) => ({ trait_key, trait_value }));
  const answer = await fetch(`${options.edge}${IDENTITIES}`, {
    method: "POST",
    headers: { "x-environment-key": key, "content-type": "application/json" },
    body: JSON.stringify({ identifier, traits: list }),
  });
  const { flags } = await answer.json();
  return Object.fromEntries(flags.map((flag) => [flag.feature.name, [flag.enabled, flag.feature_state_value]]));
}

function readOptions() {
  const help = `usage: check.mjs --browser jsdom|FILE --client-key K [--hiding-key K] [--storing-key K] [--edge URL] [--restricted-edge URL]

Check an edge that serves tests/fixtures/sdk.json with the browser SDK.

  --browser B            jsdom, or the path of a Chromium
  --edge URL             where the edge answers (http://127.0.0.1:7676)
  --client-key K         the environment's client-side key
  --storing-key K        that of a copy of the environment whose traits are stored
  --hiding-key K         that of a copy of the environment that hides disabled flags
  --restricted-edge URL  an edge that allows the origin ${OWN} alone
  --modules DIR          where \`npm ci\` was run (target/sdk/browser)`;
  const leave = (code, ...lines) => {
    (code ? console.error : console.log)([...lines, help].join("\n"));
    process.exit(code);
  };
  try {
    const { values } = parseArgs({
      options: {
        browser: { type: "string" },
        edge: { type: "string", default: "http://127.0.0.1:7676" },
        "restricted-edge": { type: "string" },
        "client-key": { type: "string" },
        "hiding-key": { type: "string" },
        "storing-key": { type: "string" },
        modules: { type: "string", default: MODULES },
        help: { type: "boolean", short: "h" },
      },
    });
    if (values.help) leave(0);
    for (const name of ["browser", "client-key"]) if (!values[name]) leave(2, `--${name} is missing`);
    return values;
  } catch (error) {
    return leave(2, error.message);
  }
}
