"""What is asked and expected: `cases.json`, and what follows from the published document, `fixtures/sdk.json`."""

import json
from hashlib import md5
from pathlib import Path
from typing import Any, Iterator

TESTS = Path(__file__).resolve().parents[2]
DOCUMENT = json.loads((TESTS / "fixtures/sdk.json").read_text())
CASES = json.loads((TESTS / "sdk/cases.json").read_text())
DEFAULTS = {
    state["feature"]["name"]: [state["enabled"], state["feature_state_value"]] for state in DOCUMENT["feature_states"]
}
"""What each feature is for nobody in particular: `[enabled, value]`."""
SERVER_ONLY = {
    state["feature"]["name"]
    for state in DOCUMENT["feature_states"]
    if state["feature"]["id"] in DOCUMENT["project"]["server_key_only_feature_ids"]
}
"""Features that a client-side key does not see."""


def population() -> Iterator[tuple[str, dict[str, Any]]]:
    """The identities of `cases.json`, the same at each run: what a trait is depends on the MD5 of its name and a number."""
    rules = CASES["population"]
    for n in range(rules["count"]):
        identifier = rules["identifiers"][n] if n < len(rules["identifiers"]) else f"user-{n}"
        picks = {key: choices[digest(f"{key}/{n}") % len(choices)] for key, choices in rules["traits"].items()}
        yield identifier, {key: value for key, value in picks.items() if value != "(absent)"}


def digest(text: str) -> int:
    return int(md5(text.encode()).hexdigest()[:8], 16)


def possible_outcomes() -> dict[str, set[str]]:
    """Everything that the document can give for each feature: its own state, overrides of segments and of identities."""
    states = list(DOCUMENT["feature_states"])
    for segment in DOCUMENT["project"]["segments"]:
        states += segment["feature_states"]
    for identity in DOCUMENT["identity_overrides"]:
        states += identity["identity_features"]
    possible: dict[str, set[str]] = {}
    for state in states:
        variants = state["multivariate_feature_state_values"]
        values = [variant["multivariate_feature_option"]["value"] for variant in variants]
        if sum(variant["percentage_allocation"] for variant in variants) < 100:
            values.append(state["feature_state_value"])
        possible.setdefault(state["feature"]["name"], set()).update(as_json([state["enabled"], v]) for v in values)
    return possible


def as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=repr)
