// What is asked and expected: `cases.json`, and what follows from the published document, `fixtures/sdk.json`.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

const read = (path) => JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8"));

export const DOCUMENT = read("../../fixtures/sdk.json");
export const CASES = read("../cases.json");
/** What each feature is for nobody in particular: `[enabled, value]`. */
export const DEFAULTS = Object.fromEntries(
  DOCUMENT.feature_states.map((state) => [state.feature.name, [state.enabled, state.feature_state_value]]),
);
/** Features that a client-side key does not see. */
export const SERVER_ONLY = DOCUMENT.feature_states
  .filter((state) => DOCUMENT.project.server_key_only_feature_ids.includes(state.feature.id))
  .map((state) => state.feature.name);
const OVERRIDDEN = DOCUMENT.identity_overrides.map((identity) => identity.identifier);

/**
 * The identities of `cases.json`, the same at each run: what a trait is depends on the MD5 of its name and a number.
 *
 * Evaluating locally, the Node SDK forgets the traits of an identity with overrides that are false, 0 or "" (8.1.2,
 * `IdentityModel.updateTraits`). It is at odds with its own remote answers there, so such identities have none of these.
 */
export function* population() {
  const { count, identifiers, traits } = CASES.population;
  for (let n = 0; n < count; n += 1) {
    const picks = Object.entries(traits).map(([key, choices]) => [key, choices[digest(`${key}/${n}`) % choices.length]]);
    const identifier = identifiers[n] ?? `user-${n}`;
    const kept = ([, value]) => value !== "(absent)" && (value || !OVERRIDDEN.includes(identifier));
    yield [identifier, Object.fromEntries(picks.filter(kept))];
  }
}

function digest(text) {
  return createHash("md5").update(text).digest().readUInt32BE(0);
}

/** Everything that the document can give for each feature: its own state, overrides of segments and of identities. */
export function possibleOutcomes() {
  const possible = {};
  for (const state of [
    ...DOCUMENT.feature_states,
    ...DOCUMENT.project.segments.flatMap((segment) => segment.feature_states),
    ...DOCUMENT.identity_overrides.flatMap((identity) => identity.identity_features),
  ]) {
    const variants = state.multivariate_feature_state_values;
    const values = variants.map((variant) => variant.multivariate_feature_option.value);
    const weight = variants.reduce((sum, variant) => sum + variant.percentage_allocation, 0);
    if (weight < 100) values.push(state.feature_state_value);
    const outcomes = (possible[state.feature.name] ??= new Set());
    for (const value of values) outcomes.add(JSON.stringify([state.enabled, value]));
  }
  return possible;
}

export function without(names, flags) {
  return Object.fromEntries(Object.entries(flags).filter(([name]) => !names.includes(name)));
}
