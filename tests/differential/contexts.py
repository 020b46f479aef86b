"""Random evaluation contexts: the same ones for the same seed and number."""

from random import Random
from typing import Any, Iterator

from conditions import PYTHON_MEMBERS, TRAITS, condition, grid
from oracle import would_match
from patterns import pattern
from values import SOUND_VERSIONS, text, value

FEATURES = ["f0", "f1", "f2", "f3", "f4", "my feature", "fé", "f-1"]
# Some whose hash lies on a border: ("10", these) gives 0, 50, just below 50 and, at first, 100.
IDENTIFIERS = ["id5365", "id11651", "id7364", "id7476", "u", "7", "007", "1.5", "1.50", "-0", "user-1", "é", "日本", "a,b", ""]
IDENTIFIERS += ["true", "x" * 500]
PRIORITIES = [0, 1, 1, 2, 3, 1.0, 1.5, -1, -0.0, 10**30, 2**53, 2**53 + 1, float(2**53), 0.1, 1e308]
WEIGHTS = [0, 10, 20, 25, 33.3, 50, 50, 100, 100.0, 12.5, 60, 1e-3, 0.0, 30.0, 5e-05]
METADATA: list[Any] = [{}, {"id": 1}, {"id": "x", "x": {"y": 2.5}}, {"é": [1]}, None, {"id": {"z": 1}}, {"id": None}]


def context(seed: str, number: int) -> dict:
    random = Random(f"{seed}/{number}")
    chance = random.random()
    if chance < 0.12:
        return dependencies(random)
    made = general(random) if chance < 0.85 else operators(random)
    return damaged(random, made) if 0.8 < chance < 0.85 else made


def general(random: Random) -> dict:
    made: dict[str, Any] = {"environment": {"key": random.choice(["e", "env", "1", "é"]), "name": text(random)[:50]}}
    identify(random, made)
    names = random.sample(FEATURES, random.choice([0, 1, 1, 2, 3, 4]))
    made["features"] = {name: feature(random, name) for name in names}
    made["segments"] = {}
    for at in range(random.choice([0, 1, 1, 2, 3, 4])):
        key = random.choice([str(at), "12", "10", "seg"])
        rules = [rule(random, made, key, random.random() < 0.8, 0) for _ in range(random.choice([0, 1, 1, 1, 1, 1, 2]))]
        segment: dict[str, Any] = {"key": key, "name": random.choice([f"s{at}", "S é", "a; b=c", ""]), "rules": rules}
        if random.random() < 0.8:
            segment["overrides"] = overrides(random, names)
        if random.random() < 0.2:
            segment["metadata"] = random.choice([{}, {"id": 1, "source": "api"}, {"x": [1, {"y": None}]}, None])
        made["segments"][f"s{at}"] = segment
    if random.random() < 0.05:
        made["flags"] = {"f0": {"enabled": True}}
    return made


def identify(random: Random, made: dict) -> None:
    chance = random.random()
    if chance > 0.9:
        return
    if chance > 0.84:
        made["identity"] = None
        return
    identifier = random.choice(IDENTIFIERS) if random.random() < 0.5 else f"id{random.randint(0, 50000)}"
    identity: dict[str, Any] = {"identifier": identifier}
    if random.random() < 0.4:
        identity["key"] = random.choice(["", "k", "93", "1.50", None] + IDENTIFIERS[:4] * 2)
    traits = {random.choice(TRAITS): value(random) for _ in range(random.choice([0, 1, 2, 3, 5]))}
    if traits or random.random() < 0.7:
        identity["traits"] = traits or random.choice([{}, None])
    made["identity"] = identity


def feature(random: Random, name: str, *, override: bool = False) -> dict:
    made = {"key": random.choice(["1", "10", "10", "2", ""]), "name": name, "enabled": random.random() < 0.5}
    made["value"] = value(random) if random.random() < 0.98 else random.choice([{"x": 1}, [1, 2], {"b": [None]}])
    if random.random() < 0.4:
        made["variants"] = [variant(random) for _ in range(random.choice([0, 1, 2, 3, 4]))]
    if override and random.random() < 0.75:
        made["priority"] = random.choice(PRIORITIES) if random.random() < 0.97 else None
    if random.random() < 0.3:
        made["metadata"] = random.choice(METADATA)
    return made


def variant(random: Random) -> dict:
    made: dict[str, Any] = {"value": value(random), "weight": random.choice(WEIGHTS)}
    if random.random() < 0.99:
        made["priority"] = random.choice([1, 2, 3, 1, 2, 0.5, 2**53, 2**53 + 1, float(2**53), 10**38, 10**38 + 1, -1, 1.5])
    if random.random() < 0.8:
        made["key"] = random.choice(["a", "b", "control", "é", "", None])
    return made


def overrides(random: Random, names: list[str]) -> list[dict]:
    chosen = [random.choice(names or FEATURES) if random.random() < 0.97 else "nope" for _ in range(random.choice([0, 1, 1, 2, 3]))]
    return [feature(random, name, override=True) for name in chosen]


def rule(random: Random, made: dict, segment_key: str, wish: bool, depth: int) -> dict:
    """A rule that is wished to match, or not to."""
    kind = random.choice(["ALL", "ALL", "ANY", "ANY", "NONE"])
    made_rule: dict[str, Any] = {"type": kind if random.random() > 0.002 else random.choice(["all", "XOR", ""])}
    wishes = wished(random, kind, wish, random.choice([0, 1, 1, 1, 2, 3]))
    made_rule["conditions"] = [wished_condition(random, made, segment_key, wish) for wish in wishes]
    if depth < 4 and random.random() < 0.3 or depth < 25 and random.random() < 0.02:
        wishes = wished(random, kind, wish, random.choice([0, 1, 1, 2]))
        made_rule["rules"] = [rule(random, made, segment_key, wish, depth + 1) for wish in wishes]
    elif random.random() < 0.05:
        made_rule["rules"] = None
    if not made_rule["conditions"] and random.random() < 0.5:
        del made_rule["conditions"]
    return made_rule


def wished(random: Random, kind: str, wish: bool, count: int) -> list[bool]:
    """What is wished of the parts of a rule."""
    match kind, wish:
        case ("ALL", True) | ("NONE", False):
            return [True if kind == "ALL" or at == 0 else random.random() < 0.5 for at in range(count)]
        case ("NONE", True):
            return [False] * count
        case _:
            return [(kind == "ANY" and wish) if at == 0 else random.random() < 0.5 for at in range(count)]


def wished_condition(random: Random, made: dict, segment_key: str, wish: bool) -> dict:
    """The first of a few conditions that the engine, asked at once, finds as wished."""
    for _ in range(4):
        found = condition(random, made, segment_key)
        name = found.get("property") or ""
        if name.startswith("$.flags") or would_match(made, found, segment_key) == wish:
            break
    return found


def operators(random: Random) -> dict:
    """A segment for each operator, or for a dozen of patterns, on a few traits."""
    if random.random() < 0.5:
        traits = {name: value(random) for name in random.sample(TRAITS[:7], 3)}
        if random.random() < 0.25:
            traits = {name: random.choice(SOUND_VERSIONS) for name in traits}
        if random.random() < 0.25:
            traits[next(iter(traits))] = random.choice(list(PYTHON_MEMBERS))
        conditions = list(grid(random, traits, "k"))
    else:
        traits = {name: short_text(random) for name in TRAITS[:2]}
        names = [random.choice(list(traits)) for _ in range(12)]
        conditions = [{"property": name, "operator": "REGEX", "value": pattern(random, traits[name])} for name in names]
    made: dict[str, Any] = {"environment": {"key": "e", "name": "E"}, "identity": {"identifier": "u", "traits": traits}}
    made["segments"] = {}
    for at, only in enumerate(conditions):
        made["segments"][str(at)] = {"key": "k", "name": f"s{at}", "rules": [{"type": "ALL", "conditions": [only]}]}
    return made


def short_text(random: Random) -> str:
    if random.random() < 0.5:
        return text(random)
    length = random.choice([0, 1, 2, 3, 5, 8])
    return "".join(random.choice(LETTERS) for _ in range(length)) + random.choice(["", "", "\n"])


LETTERS = "aabbcABC019_ .-\n\t\\{}[]é²½Ⅷ日ſ\u212aİıßẞǅσς\u0301\u200d‿٣\x1c\x85\u2028😀"


def dependencies(random: Random) -> dict:
    """Flags that read flags: chains, cycles, tangles."""
    chain = random.random() < 0.1
    count = random.randint(20, 55) if chain else random.randint(2, 7)
    names = [f"f{at}" for at in range(count)]
    made: dict[str, Any] = {"environment": {"key": "e", "name": "E"}, "features": {}, "segments": {}}
    if random.random() < 0.5:
        made["identity"] = {"identifier": f"u{random.randint(0, 99)}"}
    for name in random.sample(names, count):
        made["features"][name] = {
            "key": name,
            "name": name,
            "enabled": random.random() < 0.5,
            "value": random.choice(["a", "b", 1, None]),
            "variants": [{"value": "a", "weight": 50, "priority": 1, "key": "v"}] if random.random() < 0.2 else [],
        }
    acyclic = random.random() < 0.4
    for at in range(count if chain else random.randint(1, 2 * count)):
        targets = [names[at]] if chain else random.sample(names, random.choice([0, 1, 1, 1, 2]))
        read = names[max(at - 1, 0) : at] if chain else names
        if acyclic and targets:
            read = [name for name in read if int(name[1:]) < min(int(target[1:]) for target in targets)]
        conditions = [reading(random, read or ["nope"]) for _ in range(random.choice([1, 1, 2]))]
        kind = random.choice(["ALL", "ALL", "ANY", "NONE"])
        rule: dict[str, Any] = {"type": kind, "conditions": conditions}
        if random.random() < 0.3:
            outer = random.choice(["ALL", "ANY", "NONE"])
            rule = {"type": outer, "rules": [rule], "conditions": conditions[: random.choice([0, 0, 1])]}
        overriding = [
            {"key": "o", "name": target, "enabled": random.random() < 0.7, "value": random.choice(["a", "b"])}
            for target in targets
        ]
        for override in overriding:
            if random.random() < 0.7:
                override["priority"] = random.randint(0, 2)
        made["segments"][f"s{at}"] = {"key": str(at), "name": f"s{at}", "rules": [rule], "overrides": overriding}
    return made


def reading(random: Random, names: list[str]) -> dict:
    field, values = random.choice(READINGS)
    operator = random.choice(["EQUAL", "EQUAL", "NOT_EQUAL", "IN", "IS_SET", "IS_NOT_SET"])
    return {"property": f"$.flags.{random.choice(names)}.{field}", "operator": operator, "value": random.choice(values)}


READINGS = [("enabled", ["true", "false"])] * 4 + [("value", ["a", "b", "1"])] * 3
READINGS += [("reason", ["STATIC", "DEFAULT", "SPLIT; weight=50"]), ("variant", ["v", "control"]), ("nope", [""])]


def damaged(random: Random, made: dict) -> dict:
    """One member that is missing, null, or of another type."""
    places = [place for place in members(made) if place[1] != "metadata"]
    holder, name = random.choice(places)
    if random.random() < 0.3:
        del holder[name]
    else:
        holder[name] = random.choice([None, None, None, 5, "x", True, 1.5, {}, []])
    return made


def members(of: Any) -> Iterator[tuple[dict, str]]:
    """Every member of every object, but of metadata and values, which are passed through unread."""
    if isinstance(of, dict):
        for name, inner in of.items():
            yield of, name
            if name not in ("metadata", "value"):
                yield from members(inner)
    elif isinstance(of, list):
        for inner in of:
            yield from members(inner)
