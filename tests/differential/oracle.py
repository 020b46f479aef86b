"""The published Python engine, with the deliberate differences of `differences.py` let in and nothing else changed.

A condition is read once, by the engine's own functions, and decided by the engine's own function; a difference replaces
what that function is asked, or its verdict. Each time a difference changes a verdict it is written down, and so is what
every operator came to: a generator whose conditions never match would show nothing.
"""

import copy
import json
import sys
import warnings
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Optional

from flag_engine.context.mappers import map_any_value_to_context_value
from flag_engine.segments import evaluator
from flagsmith.mappers import _map_environment_document_feature_states_to_feature_contexts as map_feature_states
from flagsmith.mappers import map_context_and_identity_data_to_context, map_environment_document_to_context

import differences
from differences import Condition, Verdict

# The engine's own limit on digits is the interpreter's, and depends on its version; Jackstaff reads integers of any size.
if hasattr(sys, "set_int_max_str_digits"):
    sys.set_int_max_str_digits(0)
# Of patterns, which the generator writes badly on purpose.
warnings.simplefilter("ignore")


@dataclass
class Trace:
    """What an evaluation came upon."""

    differences: set[str] = field(default_factory=set)
    conditions: Counter[tuple[str, str, bool]] = field(default_factory=Counter)
    """How often (operator, kind of value, verdict) occurred."""
    segments: int = 0
    """How many the context has."""
    result: Optional[dict[str, Any]] = None


class Refused(Exception):
    """What Jackstaff refuses whole, as its message says."""


def evaluate(text: str, trace: Trace) -> dict[str, Any]:
    """The result for a context, given as JSON."""
    global _trace
    context = json.loads(text)
    if fault := differences.fault(context):
        trace.differences.add("refused")
        raise Refused(fault)
    if differences.tolerate(context):
        trace.differences.add("tolerated members")
    _trace = trace
    result = evaluator.get_evaluation_result(context)
    if differences.shorten_weights(result):
        trace.differences.add("shortest weight")
    trace.segments, trace.result = len(context.get("segments") or ()), result
    return result


def evaluate_document(document: dict, identity: Optional[dict], trace: Trace) -> dict[str, Any]:
    """The result for an environment document, as the published SDK evaluates it locally."""
    context: Any = map_environment_document_to_context(copy.deepcopy(document))  # type: ignore[arg-type]
    if identity:
        identifier, traits = identity["identifier"], identity.get("traits")
        context = map_context_and_identity_data_to_context(context, identifier, traits)
        if not document.get("use_identity_composite_key_for_hashing", True):
            context["identity"]["key"] = identifier
            trace.differences.add("bare identifiers")
        for segment in context["segments"].values():
            if segment["name"] == "identity_overrides" and "$.identity.identifier" in (traits or {}):
                # The same path in other words, which no trait is named by.
                segment["rules"][0]["conditions"][0]["property"] = "$.identity[ 'identifier' ]"
                trace.differences.add("identity overrides")
        if pin(context, document["identity_overrides"], identifier):
            trace.differences.add("variants of identities")
    result = evaluate(json.dumps(context), trace)
    own = [segment for segment in result["segments"] if segment["name"] == "identity_overrides"]
    if len(own) > 1:
        result["segments"] = [segment for segment in result["segments"] if segment not in own] + own[:1]
        trace.differences.add("identity overrides")
    return result


def pin(context: Any, overrides: list[dict], identifier: str) -> bool:
    """Gives the identity's own overrides the variants that the document has of them. Whether there are any."""

    def values(features: list[dict]) -> list:
        return [(f["name"], f["enabled"], f["value"]) for f in features]

    is_pinned = False
    for segment in context["segments"].values():
        if segment["name"] != "identity_overrides" or identifier not in segment["rules"][0]["conditions"][0]["value"]:
            continue
        for override in overrides:
            states = sorted(override["identity_features"], key=lambda state: state["feature"]["name"])
            features: Any = list(map_feature_states(states))  # type: ignore[arg-type]
            if override["identifier"] != identifier or values(features) != values(segment["overrides"]):
                continue
            for own, feature in zip(segment["overrides"], features):
                if variants := feature.get("variants"):
                    own["key"], own["variants"], is_pinned = feature["key"], variants, True
            break
    return is_pinned


_trace = Trace()
_held: Any = None
"""The value that the engine's function is to decide on."""

_published_condition = evaluator.context_matches_condition
_published_rule = evaluator.context_matches_rule
_published_getter = evaluator._get_context_value_getter


def ask(condition: Condition) -> Verdict:
    """The engine's verdict on a condition whose property has this value; none if the engine raises."""
    global _held
    _held = condition.value
    asked: Any = {"property": "(held)", "operator": condition.operator, "value": condition.operand}
    try:
        return _published_condition(None, asked, condition.segment_key)  # type: ignore[arg-type]
    except Exception:
        return None


def condition_matches(context: Any, condition: Any, segment_key: Any) -> bool:
    operator = condition["operator"]
    name = condition.get("property") or ""
    if operator == "PERCENTAGE_SPLIT" and not name:
        raw = evaluator._get_identity_key(context)
    elif name.startswith("$."):
        raw = evaluator._get_context_value_getter(name)(context)
    else:
        raw = evaluator._get_trait_value(context, name)
    # Reading a flag has evaluated other conditions: what is written down from here on is of this one.
    value = map_any_value_to_context_value(raw) if raw is not None else None
    asked = Condition(operator, condition.get("value"), value, segment_key)
    verdict = ask(asked)
    for adjust in differences.CONDITIONS:
        adjusted = adjust(asked, raw)
        if adjusted is None:
            continue
        if isinstance(adjusted, Condition):
            asked, changed = adjusted, ask(adjusted)
        else:
            changed = adjusted
        if changed != verdict:
            _trace.differences.add(differences.NAMES[adjust])
        verdict = changed
        if not isinstance(adjusted, Condition):
            break
    if verdict is None:
        raise AssertionError(f"the engine raises, and no difference says what happens then: {asked}")
    _trace.conditions[operator, kind(value, asked.operand), verdict] += 1
    return verdict


def would_match(context: dict, condition: dict, segment_key: str) -> bool:
    """Whether a condition matches that reads no flag, for who chooses conditions."""
    global _trace
    _trace = Trace()
    return condition_matches(evaluator.get_enriched_context(context), condition, segment_key)  # type: ignore[type-var]


def kind(value: Any, operand: Any) -> str:
    if isinstance(value, str) and isinstance(operand, str) and operand.endswith(":semver"):
        return "version"
    return "absent" if value is None else type(value).__name__


def rule_matches(context: Any, rule: Any, segment_key: Any) -> bool:
    if rule["type"] not in ("ALL", "ANY", "NONE"):
        _trace.differences.add("unknown rule type")
        return False
    return _published_rule(context, rule, segment_key)


def getter(name: str) -> Any:
    reach = differences.reach(name)
    published = _published_getter(name)
    if reach == "value":
        return published

    def read(context: Any) -> Any:
        own = evaluator._get_trait_value(context, name)
        # Who reads a flag may close a cycle, whatever comes of it.
        if own is None and (reach == "nothing" or published(context) is not None):
            _trace.differences.add("other paths")
        return own

    return read


evaluator.get_context_value = lambda context, name: _held
evaluator.context_matches_condition = condition_matches  # type: ignore[assignment]
evaluator.context_matches_rule = rule_matches  # type: ignore[assignment]
evaluator._get_context_value_getter = getter  # type: ignore[assignment]
