// What pages and taps are expected to see.

import { CASES, DEFAULTS, DOCUMENT, SERVER_ONLY, without } from "../javascript/cases.mjs";

export const FLAGS = "/api/v1/flags/";
export const IDENTITIES = "/api/v1/identities/";
export const ANALYTICS = "/api/v1/analytics/flags/";
export const EVENTS = "/v1/events";

/** The id of each feature. */
export const IDS = Object.fromEntries(DOCUMENT.feature_states.map((state) => [state.feature.name, state.feature.id]));
/** What each feature is for nobody in particular, as a client-side key sees it: `[enabled, value]`. */
export const PUBLIC = without(SERVER_ONLY, DEFAULTS);

/** What a page may read of an answer that its browser keeps from it. */
export const REFUSED = { status: 0, body: "", headers: [] };

/** What a page sees once these flags came from the edge, to nobody in particular. */
export function loaded(flags) {
  const listed = Object.entries(flags).map(([name, [enabled, value]]) => [name, [IDS[name], enabled, value]]);
  const nobody = { identity: null, traits: {} };
  return { ...nobody, flags: Object.fromEntries(listed), source: "SERVER", rejected: null, reported: [] };
}

/** The same for an identity. A trait that is null is not there. */
export function identified(flags, identity, traits) {
  const plain = Object.entries(traits).map(([name, value]) => [name, value?.value ?? value]);
  return { ...loaded(flags), identity, traits: Object.fromEntries(plain.filter(([, value]) => value !== null)) };
}

/** Without what only one check compares. */
export function comparable({ timestamp: _, ...seen }) {
  return seen;
}

export function expectedIn(situation) {
  return { ...PUBLIC, ...CASES.situations.find((one) => one.situation === situation).differs };
}

export function identityRequests(identifier, traits, transient) {
  if (Object.keys(traits).length) return [`POST ${IDENTITIES}`];
  return [`GET ${IDENTITIES}?identifier=${encodeURIComponent(identifier)}${transient ? "&transient=true" : ""}`];
}

export function withoutPreflights(tap) {
  return tap.requests.filter((request) => !request.startsWith("OPTIONS "));
}
