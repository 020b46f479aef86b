"""Flags and identities of two answers. Knows nothing of what may differ."""

from typing import Any

from values import MISSING, Place, same

FLAG = {"id", "environment", "identity", "feature_segment"}
FEATURE = {"created_date", "description", "initial_value", "default_enabled"}
"""Members that only Flagsmith's core has, of flags and of their features; no SDK needs them."""

REASON = "reason"
"""A member of flags of Flagsmith's Edge API that its core 2.265 lacks. It is compared where both have it."""


def is_flag(body: Any) -> bool:
    return isinstance(body, dict) and "feature" in body and "feature_state_value" in body


def is_flags(body: Any) -> bool:
    return isinstance(body, list) and all(is_flag(item) for item in body)


def is_identity(body: Any) -> bool:
    return isinstance(body, dict) and is_flags(body.get("flags"))


def compare_flags(theirs: list[dict], ours: list[dict]) -> list[Place]:
    by_name = [{flag["feature"]["name"]: flag for flag in flags} for flags in (theirs, ours)]
    names = list(by_name[0] | by_name[1])
    pairs = [(f"flag {name}", *comparable(by_name[0].get(name, MISSING), by_name[1].get(name, MISSING))) for name in names]
    found = [pair for pair in pairs if not same(*pair[1:])]
    orders = [[name for name in flags if all(name in other for other in by_name)] for flags in by_name]
    return found + ([("order of flags", *orders)] if orders[0] != orders[1] else [])


def comparable(theirs: dict, ours: dict) -> tuple[dict, dict]:
    if theirs is MISSING or REASON in theirs:
        return theirs, ours
    return theirs, {name: value for name, value in ours.items() if name != REASON}


def compare_identities(theirs: dict, ours: dict) -> list[Place]:
    members = [name for name in theirs | ours if name != "flags"]
    pairs = [(name, theirs.get(name, MISSING), ours.get(name, MISSING)) for name in members]
    return [pair for pair in pairs if not same(*pair[1:])] + compare_flags(theirs["flags"], ours["flags"])


def slim(body: Any) -> Any:
    """Flagsmith's answer without what only its core has."""
    if is_flag(body):
        flag = {name: value for name, value in body.items() if name not in FLAG}
        return flag | {"feature": {name: value for name, value in body["feature"].items() if name not in FEATURE}}
    if is_flags(body):
        return [slim(flag) for flag in body]
    if is_identity(body):
        slimmed = body | {"flags": slim(body["flags"])}
        if isinstance(body.get("traits"), list):
            slimmed["traits"] = [slim_trait(trait) for trait in body["traits"]]
        return slimmed
    return body


def slim_trait(trait: dict) -> dict:
    default = {"transient": False}.items()
    return {name: value for name, value in trait.items() if name != "id" and (name, value) not in default}
