"""Conditions that look at what a context has, with values chosen for what they will meet."""

import json
from random import Random
from typing import Any, Callable, Iterator

import jsonpath_rfc9535 as jsonpath
from flag_engine.utils.hashing import get_hashed_percentage_for_object_ids as percentage

from patterns import pattern
from values import SOUND_VERSIONS, TEXTS, VERSIONS, near, spelled, text, value

TRAITS = ["t", "a", "b", "T", "", " ", "tamaño", "日本", "my-trait", "a.b", "it's", "😀", "1", "$", "$['a']", "$.", "$.x y"]
TRAITS += ["$.identity", "$.environment.name", "$.identity.identifier", "$.identity.traits.t", "$.flags.f0.enabled"]
PATHS = ["$.identity.identifier", "$.identity.key", "$.environment.name", "$.environment.key"] * 20
PATHS += ["$.identity", "$.environment", "$.identity.traits", "$.identity.traits['t']", "$.identity['traits'][\"a\"]"]
PATHS += ["$.identity.traits['it\\'s']", '$.identity.traits["it\'s"]', "$.identity.traits.tamaño", "$.identity.traits.日本"]
PATHS += ["$.identity.traits.😀", "$.identity.traits['😀']", r"$.identity.traits['\ud83d\ude00']", r"$.identity.traits['\u0074']"]
PATHS += ["$.identity.traits.my-trait", "$.identity .traits .t", "$.identity[ 'key' ]", "$.identity. key", "$.identity.key "]
PATHS += ["$..t", "$.identity.*", "$.environment['name']", '$.environment["na\\u006de"]', "$.identity.traits['$.x y']"]
PATHS += ["$.identity.traits['']", "$.identity.traits.1", "$.identity.traits['1']", "$.identity.traits['a','t']", "$.nope"]
PATHS += ["$.identity.identifier.x", "$.features.f0.value", "$.segments.s0.name", "$.identity.nope", "$.environment.nope"]
PATHS += ["$.identity.traits[0]", "$.identity['key", "$.identity.traits['\\n']", "$.identity.traits['a.b']", "$.identity\n.key"]
PATHS += ["$.identity\u00a0.key", "$.identity[?@=='x']", "$.identity.key[", "$.identity.key.", "$.identity..key", "$.identity[]"]
PATHS += ["$.IDENTITY.key", "$.identity.traits['\x7f']", "$.flags", "$.flags.*", "$.flags[*].enabled", "$[?count(1)]"]
FIELDS = ["enabled"] * 4 + ["value"] * 4 + ["variant", "variant", "name", "reason", "reason", "metadata.id", "metadata", "nope"]
FIELDS += ["metadata.x.y", "value.x"]
OPERATORS = ["EQUAL", "NOT_EQUAL", "GREATER_THAN", "GREATER_THAN_INCLUSIVE", "LESS_THAN", "LESS_THAN_INCLUSIVE", "CONTAINS"]
OPERATORS += ["NOT_CONTAINS", "REGEX", "PERCENTAGE_SPLIT", "MODULO", "IS_SET", "IS_NOT_SET", "IN", "IN", "REGEX", "EQUAL"]
UNKNOWN = ["equal", "NOPE", "", "Equal", "SEMVER"]
REASONS = ["STATIC", "DEFAULT", "TARGETING_MATCH; segment=s0", "TARGETING_MATCH; segment=s1", "SPLIT; weight=50"]


def condition(random: Random, context: dict, segment_key: str) -> dict:
    operator = random.choice(OPERATORS)
    name, met = subject(random, context, operator)
    made: dict[str, Any] = {"property": name, "operator": operator}
    made["value"] = OPERANDS.get(operator, compared)(random, met, segment_key)
    if random.random() < 0.004:
        made["operator"] = random.choice(UNKNOWN)
    if random.random() < 0.02:
        made["value"] = random.choice([None, 1, 2.5, True, False, 1.0, 10**20, {"a": 1}, ["a", "1"]])
    if random.random() < 0.004:
        del made[random.choice(["value", "property"])]
    return made


def subject(random: Random, context: dict, operator: str) -> tuple[Any, Any]:
    """A property, and a value that it is likely to have."""
    identity = context.get("identity") or {}
    traits = identity.get("traits") or {}
    if operator == "PERCENTAGE_SPLIT" and random.random() < 0.5:
        return random.choice(["", "", "", None]), identity_key(context)
    chance = random.random()
    if chance < 0.55 and traits:
        name = random.choice(list(traits))
        return name, traits[name]
    if chance < 0.7 and context.get("features"):
        return flag(random, context["features"])
    if chance < 0.9:
        name = random.choice(PATHS)
        return name, found(context, name)
    return random.choice(TRAITS + ["missing"]), value(random)


def flag(random: Random, features: dict) -> tuple[str, Any]:
    name = random.choice(list(features) + ["nope"])
    field = random.choice(FIELDS)
    if random.random() < 0.3 or not name.replace("-", "a").isidentifier():
        path = f"$.flags[{json.dumps(name)}]" if random.random() < 0.5 else f"$.flags['{name}']"
    else:
        path = f"$.flags.{name}"
    if random.random() < 0.03:
        return path, None
    path += f"['{field}']" if random.random() < 0.1 and "." not in field else f".{field}"
    feature = features.get(name) or {}
    likely = {
        "value": feature.get("value"),
        "enabled": random.random() < 0.5,
        "name": name,
        "variant": random.choice(["control", "a", "b"]),
        "reason": random.choice(REASONS),
    }
    met = likely.get(field, 1)
    return path, None if isinstance(met, (dict, list)) else met


def found(context: dict, path: str) -> Any:
    if path == "$.identity.key":
        return identity_key(context)
    try:
        node = jsonpath.find_one(path, context)
    except jsonpath.JSONPathError:
        return None
    return node.value if node and not isinstance(node.value, (dict, list)) else None


def identity_key(context: dict) -> Any:
    if not (identity := context.get("identity")):
        return None
    return identity.get("key") or f"{context['environment']['key']}_{identity['identifier']}"


def numbers_in(met: Any) -> Any:
    """What a text stands for, where it looks like a number."""
    if isinstance(met, str) and met.isascii() and len(met) < 30:
        for cast in int, float:
            try:
                return cast(met) if met.strip() == met and met[0] in "-0123456789" else met
            except (ValueError, IndexError):
                pass
    return met


def compared(random: Random, met: Any, segment_key: str) -> str:
    chance = random.random()
    if isinstance(met, str) and met in VERSIONS and chance < 0.7:
        return random.choice(VERSIONS + SOUND_VERSIONS * 2 + [met] * 8) + ":semver"
    if chance < 0.5:
        return spelled(random, numbers_in(met) if random.random() < 0.7 else met)
    if chance < 0.8:
        return near(random, numbers_in(met))
    return random.choice(random.choice(TEXTS)) + (":semver" if chance > 0.97 else "")


def part(random: Random, met: Any, segment_key: str) -> str:
    whole = met if isinstance(met, str) else str(met)
    start = random.randint(0, len(whole))
    end = random.randint(start, len(whole))
    chance = random.random()
    if chance < 0.6:
        return whole[start:end]
    return near(random, whole) if chance < 0.9 else compared(random, met, segment_key)


def listed(random: Random, met: Any, segment_key: str) -> Any:
    if isinstance(met, str) and met in PYTHON_MEMBERS and random.random() < 0.6:
        return PYTHON_MEMBERS[met]
    members = [text(random) for _ in range(random.choice([0, 1, 2, 2, 4]))]
    if random.random() < 0.6:
        members.insert(random.randint(0, len(members)), met if isinstance(met, str) else spelled(random, met))
    chance = random.random()
    if chance < 0.35:
        return members + ([random.choice([1, True, None, 1.5, 2.0, met, ["a"], {}])] if chance < 0.1 else [])
    if chance < 0.65:
        return ",".join(members)
    mixed = members + ([met, random.choice([None, True, 1.50, -0, 1e16, [met]])] if chance < 0.8 else [])
    written = json.dumps(mixed, ensure_ascii=random.random() < 0.5)
    spoilt = [written[:-1], " " + written, written + " ", "[NaN]", '["\\ud800"]', f"[{met}]", "[nan", "[]", "[foo,bar]"]
    return random.choice([written] * 12 + spoilt)


PYTHON_MEMBERS: dict[Any, Any] = {"nan": "[NaN]", "['a']": '["b", ["a"]]', "-inf": "[-Infinity]"}


def share(random: Random, met: Any, segment_key: str) -> str:
    bucket = percentage([segment_key, met])
    below = repr(bucket * (1 - 2**-52))
    return random.choice(["0", "50", "100", "25.5", "1e1", " 50 ", "5_0", "-1", "abc", "", "nan", "inf", "٥٠"] + [repr(bucket), below] * 6)


def remainder(random: Random, met: Any, segment_key: str) -> str:
    divisor = random.choice([1, 2, 2, 3, 4, 7, -3, 0.1, 1.5, 100, 1e9, 0, 0.0])
    met = numbers_in(met)
    try:
        rest = met % divisor
    except (TypeError, ZeroDivisionError, OverflowError):
        rest = 0
    if random.random() < 0.35:
        rest = random.choice([0, 1, -1, 0.5])
    spoilt = ["a|b", "3|", "|", "", "3|1|2", "inf|1", "nan|0", "1|nan", "-inf|-3", "0x3|1", "٢|0", "1_0|2"]
    return f"{divisor}|{rest}" if random.random() < 0.9 else random.choice(spoilt)


def expression(random: Random, met: Any, segment_key: str) -> str:
    return pattern(random, "" if met is None else str(met))


OPERANDS: dict[str, Callable[[Random, Any, str], Any]] = {
    "CONTAINS": part,
    "NOT_CONTAINS": part,
    "IN": listed,
    "PERCENTAGE_SPLIT": share,
    "MODULO": remainder,
    "REGEX": expression,
}


def grid(random: Random, traits: dict, segment_key: str) -> Iterator[dict]:
    """Each operator, on traits alone."""
    for operator in dict.fromkeys(OPERATORS):
        name = random.choice(list(traits))
        make = OPERANDS.get(operator, compared)
        yield {"property": name, "operator": operator, "value": make(random, traits[name], segment_key)}
