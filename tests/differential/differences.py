"""Where Jackstaff differs from the published Python engine on purpose: all of it, each with its reason.

`section`: where `src/engine/SEMANTICS.md` states what Jackstaff does instead. The common rule is SEMANTICS.md, 9.3: one bad
part of an environment never costs the rest its flags, so a part that makes the engine raise is a part that does not match, and
input that is not a context at all is refused.
"""

import json
import re
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import Any, Callable, Optional, Union

import jsonpath_rfc9535 as jsonpath
from jsonpath_rfc9535.segments import JSONPathChildSegment
from jsonpath_rfc9535.selectors import NameSelector

try:
    from re import _parser as sre_parse
except ImportError:  # Python before 3.11
    import sre_parse


@dataclass(frozen=True)
class Difference:
    name: str
    section: str
    reason: str


OF_DOCUMENTS = {"bare identifiers", "identity overrides", "variants of identities"}
"""Those that contexts do not have."""

DIFFERENCES = [
    Difference(
        "numeric-looking text",
        "SEMANTICS.md, 3.2",
        "IN, CONTAINS, NOT_CONTAINS, REGEX and hashing decide on the text as it came: the engine makes 7 of the identifier"
        ' "007", and then misses the override of that identity. The six comparisons do as the engine does.',
    ),
    Difference(
        "modulo raises",
        "SEMANTICS.md, 5.4",
        "A remainder of a division by zero, or of an integer beyond all floats, matches nothing; the engine raises.",
    ),
    Difference(
        "invalid pattern",
        "SEMANTICS.md, 5.3",
        "A pattern that is none matches nothing, with a warning at publication; the engine raises.",
    ),
    Difference(
        "unsupported pattern",
        "SEMANTICS.md, 5.3",
        "Look-around, back-references, conditions on groups, possessive quantifiers and atomic groups need backtracking."
        " Patterns run in linear time here, so these count as invalid, with a warning at publication; so do characters by"
        r" name (\N{…}) and patterns of more than 20,000 states.",
    ),
    Difference(
        "no boundary in an empty text",
        "SEMANTICS.md, 5.3",
        r"\B holds in an empty text, as in Python from 3.14.",
    ),
    Difference(
        "end before the last line break",
        "SEMANTICS.md, 5.3",
        "$ takes the last line break with it, so that nothing after it in the pattern can match that once more.",
    ),
    Difference(
        "other paths",
        "SEMANTICS.md, 3.1",
        "Conditions read members of $.identity, $.environment and $.flags. Any other path selects nothing, with a warning at"
        " publication: what the edge reads holds no JSON to search.",
    ),
    Difference(
        "operand",
        "SEMANTICS.md, 5",
        "A condition value that is a number or a bool is taken as its text; one that is missing, null, an object, or a list"
        " for another operator than IN matches nothing. The engine mostly raises, or compares with the text 'None'.",
    ),
    Difference(
        "list in Python's own JSON",
        "SEMANTICS.md, 5.5",
        "The text of an IN list is JSON as published: NaN, Infinity and halves of surrogate pairs, which Python's reader"
        " takes, make it plain text. Lists and objects within a list are no members, not even as Python prints them.",
    ),
    Difference(
        "unknown rule type",
        "SEMANTICS.md, 4",
        "Such a rule never matches, with a warning at publication; the engine raises, or matches if the rule is empty.",
    ),
    Difference(
        "tolerated members",
        "SEMANTICS.md, 9.3",
        "Read as their defaults: members that are null or absent where the schema wants a list, an object or a name, and"
        " variants without priority (weakest). Integers for keys are their text; a feature is known by its name.",
    ),
    Difference(
        "refused",
        "SEMANTICS.md, 9.3",
        "What breaks the schema otherwise is refused whole, with the member at fault; the engine raises when it comes to"
        " use the member, and passes odd types through.",
    ),
    Difference(
        "shortest weight",
        "SEMANTICS.md, 6.3",
        "The reason of a split says 30 for a weight of 30.0, as all engines but this one do.",
    ),
    Difference(
        "bare identifiers",
        "SEMANTICS.md, 7",
        "Where a document says so (use_identity_composite_key_for_hashing), identities are hashed by their bare identifier, as"
        " Flagsmith's own API does; the SDK's local evaluation does not look at the switch.",
    ),
    Difference(
        "identity overrides",
        "SEMANTICS.md, 7",
        "They are found by the identifier. The SDK has a segment for each set of overrides, with a condition on"
        " $.identity.identifier, so that several may match, and a trait of that very name gets a client those of others.",
    ),
    Difference(
        "variants of identities",
        "SEMANTICS.md, 7",
        "Flagsmith's pages pin somebody to a variation by the shares of the identity's override. Flagsmith's own API and the"
        " SDKs of Node and Java evaluate them; the SDKs of Python and Go leave them out, and give the override's own value.",
    ),
]

Verdict = Optional[bool]
"""None: the engine raises."""


@dataclass(frozen=True)
class Condition:
    """What the engine is asked: does a value match?"""

    operator: str
    operand: Any
    value: Any
    segment_key: Any


Adjusted = Union[Condition, bool, None]
"""What to ask instead, the verdict, or None: the difference has no say."""


def operand(asked: Condition, raw: Any) -> Adjusted:
    given = asked.operand
    if asked.operator in ("IS_SET", "IS_NOT_SET"):
        return None
    if given is None or isinstance(given, dict) or isinstance(given, list) and asked.operator != "IN":
        return False
    if isinstance(given, (str, list)):
        return None
    return replace(asked, operand=str(given))


def members(asked: Condition, raw: Any) -> Adjusted:
    if asked.operator != "IN":
        return None
    listed = asked.operand
    if isinstance(listed, str) and listed.startswith("["):
        listed = strict_list(listed)
        if listed is None:
            return replace(asked, operand=asked.operand.split(","))
    if isinstance(listed, list) and any(isinstance(member, (list, dict)) for member in listed):
        return replace(asked, operand=[member for member in listed if not isinstance(member, (list, dict))])
    return None


def strict_list(text: str) -> Optional[list]:
    def refuse(constant: str) -> None:
        raise ValueError(constant)

    try:
        members = json.loads(text, parse_constant=refuse)
        json.dumps(members, ensure_ascii=False).encode()
    except ValueError:
        return None
    return members


def numeric_looking_text(asked: Condition, raw: Any) -> Adjusted:
    by_text = asked.operator in ("IN", "CONTAINS", "NOT_CONTAINS", "REGEX", "PERCENTAGE_SPLIT")
    return replace(asked, value=raw) if by_text and isinstance(raw, str) and raw != asked.value else None


def modulo_raises(asked: Condition, raw: Any) -> Adjusted:
    if asked.operator != "MODULO" or isinstance(asked.value, str) or asked.value is None:
        return None
    try:
        divisor, _ = map(float, asked.operand.split("|"))
        asked.value % divisor
    except (ZeroDivisionError, OverflowError):
        return False
    except ValueError:
        pass
    return None


def invalid_pattern(asked: Condition, raw: Any) -> Adjusted:
    return False if asked.operator == "REGEX" and parsed(asked.operand) is None else None


def unsupported_pattern(asked: Condition, raw: Any) -> Adjusted:
    return False if asked.operator == "REGEX" and unsupported(asked.operand) else None


def end_before_the_last_line_break(asked: Condition, raw: Any) -> Adjusted:
    if asked.operator != "REGEX" or not str(asked.value).endswith("\n") or "AT_END" not in parsed(asked.operand):
        return None
    written = ""
    # Whether `$` ends any line, in each group that is open.
    multi_line = [False]
    for piece in (found[0] for found in SCOPE.finditer(asked.operand)):
        if flags := FLAGS.fullmatch(piece):
            on, off, end = flags.groups()
            inner = "m" in on or multi_line[-1] and "m" not in off
            multi_line[-1:] = [inner] if end == ")" else [multi_line[-1], inner]
        elif piece == "(":
            multi_line.append(multi_line[-1])
        elif piece == ")" and len(multi_line) > 1:
            multi_line.pop()
        written += r"(?:\n?\Z)" if piece == "$" and not multi_line[-1] else piece
    return None if written == asked.operand else replace(asked, operand=written)


def no_boundary_in_an_empty_text(asked: Condition, raw: Any) -> Adjusted:
    if asked.operator != "REGEX" or asked.value is None or str(asked.value) or r"\B" not in asked.operand:
        return None
    return replace(asked, operand=PIECE.sub(lambda piece: "(?:)" if piece[0] == r"\B" else piece[0], asked.operand))


CONDITIONS: list[Callable[[Condition, Any], Adjusted]] = [
    operand,
    members,
    numeric_looking_text,
    modulo_raises,
    invalid_pattern,
    unsupported_pattern,
    end_before_the_last_line_break,
    no_boundary_in_an_empty_text,
]
"""In this order, each on what the one before has left."""

NAMES = {adjust: adjust.__name__.replace("_", " ").replace("numeric looking", "numeric-looking") for adjust in CONDITIONS}
NAMES[members] = "list in Python's own JSON"

BACKTRACKING = {"ASSERT", "ASSERT_NOT", "GROUPREF", "GROUPREF_EXISTS", "ATOMIC_GROUP", "POSSESSIVE_REPEAT"}
NAMED = re.compile(r"\\N\{")
FLAGS = re.compile(r"\(\?([a-zA-Z]*)-?([a-zA-Z]*)([:)])")
# Escapes and classes are taken whole.
PIECE = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\$", re.DOTALL)
# As pieces, and comments, groups with flags and all else.
SCOPE = re.compile(rf"\(\?#(?:\\.|[^)\\])*\)|{FLAGS.pattern}|{PIECE.pattern}|.", re.DOTALL)


def unsupported(pattern: str) -> bool:
    return bool(parsed(pattern) & BACKTRACKING) or NAMED.search(pattern) is not None


@lru_cache(maxsize=4096)
def parsed(pattern: str) -> Optional[frozenset[str]]:
    """The names of all that a pattern is made of; none if it is no pattern."""
    try:
        re.compile(pattern)
        tree = sre_parse.parse(pattern)
    except (re.error, ValueError, OverflowError, RecursionError):
        return None
    names: set[str] = set()

    def walk(node: Any) -> None:
        if isinstance(node, (tuple, list, sre_parse.SubPattern)):
            for part in node:
                walk(part)
        elif hasattr(node, "name"):
            names.add(node.name)

    walk(tree)
    return frozenset(names)


@lru_cache(maxsize=4096)
def reach(name: str) -> str:
    """What Jackstaff reads where a property's path leads: its "value", "nothing", or nothing but the "flag" on its way."""
    try:
        query = jsonpath.compile(name)
    except jsonpath.JSONPathSyntaxError:
        return "value"
    except jsonpath.JSONPathError:
        return "nothing"
    names = []
    for segment in query.segments:
        if not isinstance(segment, JSONPathChildSegment) or len(segment.selectors) != 1:
            return "nothing"
        if not isinstance(segment.selectors[0], NameSelector):
            return "nothing"
        names.append(segment.selectors[0].name)
    match names:
        case ["environment" | "identity" | "flags"] | ["identity", "traits"] | ["flags", _]:
            return "value"
        case ["environment", "key" | "name"] | ["identity", "key" | "identifier"] | ["identity", "traits", _]:
            return "value"
        case ["flags", _, "metadata", *_] | ["flags", _, _]:
            return "value"
        case ["flags", *_]:
            return "flag"
    return "nothing"


def tolerate(context: dict) -> bool:
    """Fills in what Jackstaff takes for granted. True if anything was lacking."""
    before = json.dumps(context)
    as_text(context["environment"])
    if context["environment"].get("name") is None:
        context["environment"]["name"] = ""
    if context.get("identity"):
        as_text(context["identity"])
    for segment in (context.get("segments") or {}).values():
        as_text(segment)
        segment["rules"] = segment.get("rules") or []
        for override in segment.get("overrides") or ():
            tolerate_feature(override)
    by_name: dict[str, Any] = {}
    for feature in (context.get("features") or {}).values():
        tolerate_feature(feature)
        by_name.pop(feature["name"], None)
        by_name[feature["name"]] = feature
    if context.get("features"):
        context["features"] = by_name
    return json.dumps(context) != before


def tolerate_feature(feature: dict) -> None:
    as_text(feature)
    if "priority" in feature and feature["priority"] is None:
        del feature["priority"]
    for variant in feature.get("variants") or ():
        if variant.get("priority") is None:
            variant["priority"] = float("inf")


def as_text(of: dict) -> None:
    if isinstance(of.get("key"), int):
        of["key"] = str(of["key"])


def shorten_weights(result: dict) -> bool:
    """Writes the weights in reasons as shortly as they go. True if any was longer."""
    shortened = False
    for flag in result["flags"].values():
        head, found, weight = flag["reason"].partition("SPLIT; weight=")
        if found and not head:
            shortest = format(Decimal(repr(float(weight))), "f")
            shortest = shortest.removesuffix(".0")
            shortened |= shortest != weight
            flag["reason"] = found + shortest
    return shortened


def fault(context: Any) -> Optional[str]:
    """The member for which Jackstaff refuses a context; none if it takes it."""
    return object_fault(context, CONTEXT, "")


# The members of each object: what they have to be, a `?` for those that may be null or absent.
Shape = dict[str, Any]
VARIANT: Shape = {"value": "any", "weight": "number", "priority": "number?", "key": "text?"}
FEATURE: Shape = {
    "key": "key",
    "name": "text",
    "enabled": "bool",
    "value": "any",
    "variants": [VARIANT],
    "priority": "number?",
}
CONDITION: Shape = {"property": "text?", "operator": "text"}
RULE: Shape = {"type": "text", "conditions": [CONDITION]}
RULE["rules"] = [RULE]
SEGMENT: Shape = {"key": "key", "name": "text", "rules": [RULE], "overrides": [FEATURE]}
IDENTITY: Shape = {"identifier": "text", "key": "key?", "traits": ("scalar",)}
CONTEXT: Shape = {
    "environment": {"key": "key", "name": "text?"},
    "identity?": IDENTITY,
    "segments": (SEGMENT,),
    "features": (FEATURE,),
}


def object_fault(value: Any, shape: Shape, place: str) -> Optional[str]:
    if not isinstance(value, dict):
        return place
    for name, wanted in shape.items():
        optional = name.endswith("?") or isinstance(wanted, (list, tuple))
        name = name.removesuffix("?")
        inner = f"{place}.{name}"
        if name not in value:
            if optional or isinstance(wanted, str) and wanted.endswith("?"):
                continue
            return inner
        if value[name] is None and optional:
            continue
        if found := member_fault(value[name], wanted, inner):
            return found
    return None


def member_fault(value: Any, wanted: Any, place: str) -> Optional[str]:
    if isinstance(wanted, str):
        return scalar_fault(value, wanted, place)
    if isinstance(wanted, dict):
        return object_fault(value, wanted, place)
    holder, items = (list, value) if isinstance(wanted, list) else (dict, getattr(value, "values", list)())
    if not isinstance(value, holder):
        return place
    return next((found for item in items if (found := member_fault(item, wanted[0], place))), None)


def scalar_fault(value: Any, wanted: str, place: str) -> Optional[str]:
    if value is None and wanted.endswith("?"):
        return None
    integer = type(value) is int
    good = {
        "any": True,
        "bool": isinstance(value, bool),
        "text": isinstance(value, str),
        "key": isinstance(value, str) or integer and -(2**63) <= value < 2**64,
        "number": integer or isinstance(value, float),
        "scalar": value is None or isinstance(value, (str, bool, int, float)),
    }
    return None if good[wanted.removesuffix("?")] else place
