// What OpenFeature's getters give for the flags of `fixtures/sdk.json`: what `cases.json` says, by the mapping of
// `src/api/ofrep/README.md`.

import { CASES, DEFAULTS, SERVER_ONLY, without } from "../javascript/cases.mjs";

/** What a getter gives where the edge has no value. */
export const CODE_DEFAULTS = { boolean: true, string: "of the code", number: -1, object: { of: "the code" } };

/** Flags of a client-side key: `[enabled, value]`. */
export const PUBLIC = without(SERVER_ONLY, DEFAULTS);

/** For each situation: its context, and what each flag gives. */
export function situations() {
  return CASES.situations.map(({ situation, identifier, traits, differs }) => ({
    situation,
    context: { targetingKey: identifier, ...Object.fromEntries(Object.entries(traits).map(plain)) },
    flags: values({ ...PUBLIC, ...differs }),
  }));
}

/** What each flag gives: the value, and the type of the getter that is to be asked. */
export function values(flags) {
  return Object.fromEntries(Object.entries(flags).map(([name, [enabled, value]]) => [name, valueOf(enabled, value)]));
}

function valueOf(enabled, value) {
  if (value === null || value === "") return { type: "boolean", value: enabled };
  const type = typeof value === "string" && value.startsWith("{") ? "object" : typeof value;
  if (!enabled) return { type, value: CODE_DEFAULTS[type], isOff: true };
  return { type, value: type === "object" ? JSON.parse(value) : value };
}

/** A context has no transient traits: none of it is stored. */
function plain([name, value]) {
  return [name, value instanceof Object ? value.value : value];
}
