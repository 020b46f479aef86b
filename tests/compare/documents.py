"""Two environment documents, member by member. Knows nothing of what may differ."""

from typing import Any, Callable

from values import MISSING, Place, same

Labelled = dict[Any, dict]


def by_feature(states: list[dict]) -> Labelled:
    return {state["feature"]["name"]: state for state in states}


def by_name(segments: list[dict]) -> Labelled:
    return {segment["name"]: segment for segment in segments}


def by_identifier(identities: list[dict]) -> Labelled:
    return {identity["identifier"]: identity for identity in identities}


def by_rank(variants: list[dict]) -> Labelled:
    """1 is the one with the least id: SDKs order variants by their ids."""
    ranks = sorted(variant["id"] for variant in variants)
    return {ranks.index(variant["id"]) + 1: variant for variant in variants}


LABELS: dict[str, Callable[[list[dict]], Labelled]] = {
    "feature_states": by_feature,
    "identity_features": by_feature,
    "segments": by_name,
    "identity_overrides": by_identifier,
    "multivariate_feature_state_values": by_rank,
}
"""Lists whose items are known by something else than by their place."""


def is_document(body: Any) -> bool:
    return isinstance(body, dict) and "api_key" in body and "feature_states" in body


def compare_documents(theirs: Any, ours: Any, path: str = "") -> list[Place]:
    if isinstance(theirs, dict) and isinstance(ours, dict):
        return compare_members(theirs, ours, lambda name: f"{path}.{name}" if path else name)
    if isinstance(theirs, list) and isinstance(ours, list):
        labelled = LABELS.get(path.rpartition(".")[2])
        if labelled:
            return compare_labelled(labelled(theirs), labelled(ours), path)
        if len(theirs) == len(ours) and all(isinstance(item, dict) for item in theirs + ours):
            return compare_members(dict(enumerate(theirs)), dict(enumerate(ours)), lambda place: f"{path}[{place}]")
    return [] if same(theirs, ours) else [(path, theirs, ours)]


def compare_members(theirs: dict, ours: dict, inner: Callable[[Any], str]) -> list[Place]:
    found = []
    for name in theirs | ours:
        if name in theirs and name in ours:
            found += compare_documents(theirs[name], ours[name], inner(name))
        else:
            found.append((inner(name), theirs.get(name, MISSING), ours.get(name, MISSING)))
    return found


def compare_labelled(theirs: Labelled, ours: Labelled, path: str) -> list[Place]:
    found = compare_members(theirs, ours, lambda name: f"{path}[{name}]")
    orders = [name for name in theirs if name in ours], [name for name in ours if name in theirs]
    return found + ([(f"order of {path}", *orders)] if orders[0] != orders[1] else [])
