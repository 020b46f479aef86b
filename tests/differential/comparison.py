"""One context on both sides, whether the results are the same, and the smallest part of it on which they are not."""

import json
from typing import Any, Callable, Iterator, Optional

import oracle
from jackstaff import Jackstaff
from oracle import Trace


Different = Optional[tuple[str, str]]
"""What was expected and what was got, if they are not the same."""


def compare(jackstaff: Jackstaff, context: dict, trace: Trace) -> Different:
    line = json.dumps(context, ensure_ascii=False, allow_nan=False)
    try:
        expected = comparable(oracle.evaluate(line, trace))
    except oracle.Refused as fault:
        answer = json.loads(jackstaff.evaluate(line))
        return None if "error" in answer else (f"refused: {fault}", comparable(answer))
    except Exception as error:
        expected = f"the engine raised {error!r}"
    return different(expected, jackstaff.evaluate(line))


def compare_document(jackstaff: Jackstaff, asked: dict, trace: Trace) -> Different:
    """`asked`: a document, and an identity or none."""
    document, identity = asked["document"], asked["identity"]
    arguments = []
    if identity:
        traits = (identity.get("traits") or {}).items()
        arguments = [f"--identifier={identity['identifier']}", *(f"--trait={name}={json.dumps(v)}" for name, v in traits)]
    try:
        expected = comparable(oracle.evaluate_document(document, identity, trace))
    except Exception as error:
        expected = f"the engine raised {error!r}"
    return different(expected, jackstaff.evaluate_document(json.dumps(document), arguments))


def different(expected: str, answer: str) -> Different:
    result = json.loads(answer)
    got = f"refused: {result['error']}" if "error" in result else comparable(result)
    return None if got == expected else (expected, got)


def comparable(result: Any) -> str:
    """The whole result, in which 1, 1.0 and true are not the same; flags and segments in their order."""
    flags = [sorted(flag.items()) for flag in result["flags"].values()]
    return json.dumps([list(result["flags"]), flags, result["segments"]], sort_keys=False, ensure_ascii=False)


def shrink(differs: Callable[[dict], object], whole: dict) -> dict:
    """Leaves out whatever can be left out while the two sides go on differing."""
    small = json.loads(json.dumps(whole))
    shrunk = True
    while shrunk:
        shrunk = False
        for smaller in smaller_ones(small):
            if differs(smaller):
                small, shrunk = smaller, True
                break
    return small


def smaller_ones(context: dict) -> Iterator[dict]:
    text = json.dumps(context)
    for place in places(context):
        smaller = json.loads(text)
        holder = smaller
        for step in place[:-1]:
            holder = holder[step]
        del holder[place[-1]]
        yield smaller


def places(of: Any, at: tuple = ()) -> Iterator[tuple]:
    """Every member and element, the outer ones first. Those that the schema wants stay: a context that is refused
    instead would be another difference."""
    keys = list(of) if isinstance(of, dict) else range(len(of)) if isinstance(of, list) else []
    removable = [key for key in keys if not isinstance(key, str) or key not in WANTED or at[-1:] == ("traits",)]
    yield from (at + (key,) for key in removable)
    for key in keys:
        yield from places(of[key], at + (key,))


WANTED = {"document", "identity", "api_key", "project", "segments", "feature_states", "feature", "feature_state_value"}
WANTED |= {"featurestate_uuid", "multivariate_feature_option", "percentage_allocation", "id", "identity_features"}
WANTED |= {"environment", "identifier", "key", "name", "type", "operator", "property", "value", "enabled", "weight"}
