"""What is put into Flagsmith: features, segments, overrides and environments, as plain tables.

Nothing here is sent anywhere (`seeding.py` does that); the known differences (`differences.py`) look things up here.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Option:
    """A variant of a multivariate feature."""

    value: Any
    share: float
    """Per cent."""
    key: str | None = None


@dataclass(frozen=True)
class Feature:
    name: str
    enabled: bool = True
    value: Any = None
    server_only: bool = False
    archived: bool = False
    options: tuple[Option, ...] = ()


@dataclass(frozen=True)
class Segment:
    name: str
    rules: list[dict]
    feature: str | None = None
    """Made for this feature alone."""


@dataclass(frozen=True)
class SegmentOverride:
    feature: str
    segment: str
    enabled: bool
    value: Any
    shares: tuple[float, ...] = ()
    """Of the feature's options; none: they are as in the environment."""


@dataclass(frozen=True)
class IdentityOverride:
    identifier: str
    feature: str
    enabled: bool
    value: Any
    shares: tuple[float, ...] = ()


def condition(operator: str, name: str | None, value: str | None) -> dict:
    return {"operator": operator, "property": name, "value": value}


def rule(kind: str, *conditions: dict, rules: tuple[dict, ...] = ()) -> dict:
    return {"type": kind, "conditions": list(conditions), "rules": list(rules)}


def one(operator: str, name: str | None, value: str | None) -> list[dict]:
    """A rule with one condition, in the shape that Flagsmith's pages give it."""
    return [rule("ALL", rules=(rule("ANY", condition(operator, name, value)),))]


OPERATORS: dict[str, list[dict]] = {
    "equal_text": one("EQUAL", "plan", "gold"),
    "equal_int": one("EQUAL", "age", "21"),
    "equal_float": one("EQUAL", "score", "1.5"),
    "equal_bool": one("EQUAL", "admin", "true"),
    "equal_semver": one("EQUAL", "version", "1.2.3:semver"),
    "equal_empty": one("EQUAL", "plan", ""),
    "not_equal": one("NOT_EQUAL", "plan", "gold"),
    "greater": one("GREATER_THAN", "age", "30"),
    "greater_semver": one("GREATER_THAN", "version", "1.2.3:semver"),
    "greater_than_text": one("GREATER_THAN", "age", "many"),
    "greater_or_equal": one("GREATER_THAN_INCLUSIVE", "age", "21"),
    "less": one("LESS_THAN", "age", "21"),
    "less_or_equal": one("LESS_THAN_INCLUSIVE", "score", "1.5"),
    "less_or_equal_semver": one("LESS_THAN_INCLUSIVE", "version", "2.0.0-rc.1:semver"),
    "contains": one("CONTAINS", "email", "@example.com"),
    "not_contains": one("NOT_CONTAINS", "email", "@example.com"),
    "regex": one("REGEX", "email", r"^[a-m].*@example\.(com|org)$"),
    "regex_not_at_start": one("REGEX", "email", "@example"),
    "regex_look_ahead": one("REGEX", "email", r"^(?!admin).*$"),
    "modulo": one("MODULO", "age", "3|0"),
    "modulo_float": one("MODULO", "score", "2|1.5"),
    "is_set": one("IS_SET", "plan", None),
    "is_not_set": one("IS_NOT_SET", "plan", None),
    "in_list": one("IN", "country", "de,fr,it"),
    "in_json": one("IN", "country", '["de","a,b"]'),
    "in_numbers": one("IN", "age", "21,22,23"),
    "identifier_in": one("IN", "$.identity.identifier", "user-1,user-2,user-3"),
    "identifier_regex": one("REGEX", "$.identity.identifier", r"user-\d*[02468]$"),
    "environment_name": one("EQUAL", "$.environment.name", "main"),
    "unknown_path": one("EQUAL", "$.not.a.path", "x"),
    "split_half": one("PERCENTAGE_SPLIT", None, "50"),
    "split_tenth": one("PERCENTAGE_SPLIT", None, "10"),
    "split_by_plan": one("PERCENTAGE_SPLIT", "plan", "40"),
    "split_by_identifier": one("PERCENTAGE_SPLIT", "$.identity.identifier", "33.3"),
    "none_of": [rule("NONE", condition("EQUAL", "country", "de"), condition("EQUAL", "country", "us"))],
}
"""Each a segment of its name, and an override of the feature `flag_NAME`, which is off otherwise.

No invalid pattern is among them: Flagsmith takes one, and answers 500 to everybody with such a trait from then on.
"""

FEATURES = [
    Feature("bool_on"),
    Feature("bool_off", enabled=False),
    Feature("text", value="blue"),
    Feature("text_off", enabled=False, value="not seen"),
    Feature("unicode", value='Grüße 🏴 "quoted" \\ \u2028 </script>'),
    Feature("json_text", value='{"a": [1, 2.5, null], "b": "c"}'),
    Feature("empty_text", value=""),
    Feature("number", value=42),
    Feature("zero", value=0),
    Feature("negative", value=-7),
    Feature("greatest", value=2147483647),
    Feature("truth", value=True),
    Feature("falsehood", value=False),
    Feature("long_text", value="x" * 20_000),
    Feature("Mixed Case Name", value="blanks"),
    Feature("server_only", value="secret", server_only=True),
    Feature("server_only_off", enabled=False, server_only=True),
    Feature("archived", value="gone", archived=True),
    Feature("mv_text", value="control", options=(Option("left", 30), Option("right", 30))),
    Feature("mv_all", value="never", options=(Option("a", 25), Option("b", 25), Option("c", 50))),
    Feature("mv_int", value="control", options=(Option(1, 33.3), Option(2, 33.3))),
    Feature("mv_bool", enabled=False, value="control", options=(Option(True, 50), Option(False, 50))),
    Feature("mv_extremes", value="control", options=(Option("nobody", 0), Option("everybody", 100))),
    Feature("mv_keyed", value="control", options=(Option("one", 40, "first"), Option("two", 40, "second"))),
    Feature("mv_server_only", value="control", server_only=True, options=(Option("left", 50),)),
    Feature("mv_segment", value="control", options=(Option("left", 10), Option("right", 10))),
    Feature("mv_identity", value="control", options=(Option("left", 10), Option("right", 10, "second"))),
    Feature("priorities", value="default"),
    Feature("nested", value="default"),
    Feature("two_rules", value="default"),
    Feature("off_for_everybody", value="default"),
    Feature("on_for_nobody", enabled=False, value="default"),
    Feature("own_segment", enabled=False, value="default"),
    *(Feature(f"flag_{name}", enabled=False, value="default") for name in OPERATORS),
]

SEGMENTS = [
    *(Segment(name, rules) for name, rules in OPERATORS.items()),
    Segment(
        "nested",
        [
            rule(
                "ALL",
                rules=(
                    rule("ANY", condition("EQUAL", "plan", "gold"), condition("GREATER_THAN", "age", "40")),
                    rule("NONE", condition("EQUAL", "country", "de")),
                ),
            )
        ],
    ),
    Segment("two_rules", one("IS_SET", "age", None) + one("IS_SET", "plan", None)),
    Segment("everybody", one("PERCENTAGE_SPLIT", None, "100")),
    Segment("nobody", one("PERCENTAGE_SPLIT", None, "0")),
    Segment("of_one_feature", one("EQUAL", "plan", "gold"), feature="own_segment"),
    Segment("of_one_feature_unused", one("EQUAL", "plan", "gold"), feature="text"),
]

SEGMENT_OVERRIDES = [
    *(SegmentOverride(f"flag_{name}", name, True, f"matched {name}") for name in OPERATORS),
    SegmentOverride("priorities", "equal_text", True, "priority 0"),
    SegmentOverride("priorities", "nested", False, "priority 1"),
    SegmentOverride("priorities", "is_set", True, "priority 2"),
    SegmentOverride("priorities", "everybody", False, "priority 3"),
    SegmentOverride("nested", "nested", True, 7),
    SegmentOverride("two_rules", "two_rules", True, True),
    SegmentOverride("off_for_everybody", "everybody", False, "off"),
    SegmentOverride("on_for_nobody", "nobody", True, "on"),
    SegmentOverride("own_segment", "of_one_feature", True, "own"),
    SegmentOverride("mv_segment", "is_set", True, "segment control", (45, 45)),
]
"""Of one feature, the first is the strongest."""

PINNED = IdentityOverride("user-9", "mv_identity", True, "identity control", (100, 0))
"""Pinned to a variant, as Flagsmith's pages do it: one option has 100 per cent."""

IDENTITY_OVERRIDES = [
    IdentityOverride("vip", "text", True, "very blue"),
    IdentityOverride("vip", "bool_off", True, None),
    IdentityOverride("vip", "number", True, 99),
    IdentityOverride("user-5", "text", False, "off for 5"),
    IdentityOverride("user-5", "flag_equal_text", False, "identity wins"),
    IdentityOverride("user-7", "server_only", True, "secret of 7"),
    IdentityOverride("Ünïcode id/ü?&", "text", True, "unicode id"),
    PINNED,
]
"""In each environment but `fresh`."""

ENVIRONMENTS: dict[str, dict[str, bool]] = {
    "main": {},
    "hide_disabled": {"hide_disabled_flags": True},
    "hide_sensitive": {"hide_sensitive_data": True},
    "no_client_traits": {"allow_client_traits": False},
    "row_number_hashing": {"use_identity_composite_key_for_hashing": False},
    "no_overrides_in_document": {"use_identity_overrides_in_local_eval": False},
    "versioned": {},
    "fresh": {},
}
"""Their switches. All but `main` and `fresh` are clones of `main`; `fresh` has features' defaults and no override."""

VERSIONED, VERSIONED_VALUE = "text", "blue, version 2"
"""The feature of which a second version is published in the environment `versioned`, and its value there."""


def feature(name: str) -> Feature | None:
    return next((feature for feature in FEATURES if feature.name == name), None)


def overrides_of(name: str) -> list[SegmentOverride]:
    return [override for override in SEGMENT_OVERRIDES if override.feature == name]
