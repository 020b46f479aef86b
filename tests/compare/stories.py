"""Stories of identities whose traits are stored: requests in an order, each of which sees what those before it left."""

import json
import time
from typing import Any, Iterator

from raw import JSON, raw, trait
from wire import Request

WRITTEN = 0.5
"""Seconds after which traits that were sent to `/identities/` are stored at an edge, which answers before."""

Step = tuple[str, str, Any]
IDENTITIES = "/api/v1/identities/"
TRAIT, BULK, INCREMENT = "/api/v1/traits/", "/api/v1/traits/bulk/", "/api/v1/traits/increment-value/"
ALL = [trait("text", "gold"), trait("int", 7), trait("float", 1.5), trait("bool", True), trait("digits", "007")]


def post(*traits: dict, **more: Any) -> Step:
    return "POST", IDENTITIES, {"identifier": "NAME", "traits": list(traits), **more}


def one(key: str = "plan", value: Any = "gold", **more: Any) -> dict:
    return {"identity": {"identifier": "NAME"}, "trait_key": key, "trait_value": value, **more}


def set_one(*arguments: Any, **more: Any) -> Step:
    return "POST", TRAIT, one(*arguments, **more)


def add(key: str, by: Any) -> Step:
    return "POST", INCREMENT, {"identifier": "NAME", "trait_key": key, "increment_by": by}


READ: Step = ("GET", f"{IDENTITIES}?identifier=NAME", None)
READ_AS_TRANSIENT: Step = ("GET", f"{IDENTITIES}?identifier=NAME&transient=true", None)

STORIES: dict[str, list[Step]] = {
    "life": [READ, post(*ALL), READ, post(trait("text", "silver")), READ, post(trait("int", None)), READ, post(), READ],
    "segments": [post(trait("plan", "gold"), trait("age", 30)), READ, post(trait("plan", "silver")), READ],
    "transient traits": [
        post(trait("plan", "silver")),
        post(trait("plan", "gold", transient=True)),
        READ,
        post(trait("once", "now", transient=True)),
        READ,
    ],
    "transient identities": [
        post(trait("plan", "gold"), transient=True),
        READ,
        post(trait("plan", "gold")),
        READ_AS_TRANSIENT,
        READ,
    ],
    "types that change": [post(trait("a", 1)), READ, post(trait("a", "1")), READ, post(trait("a", True)), READ, post(trait("a", 1.0)), READ],
    "one trait": [set_one(), READ, set_one("plan", 7), READ, set_one("other", 1.5), READ, set_one("list", [1, "a"]), READ],
    "one trait, wrong": [
        set_one("plan", None),
        set_one("plan", "x" * 2001),
        set_one("x" * 201),
        set_one(""),
        ("POST", TRAIT, {}),
        ("POST", TRAIT, {"identity": {}, "trait_key": "a", "trait_value": 1}),
        ("POST", TRAIT, {"identity": {"identifier": ""}, "trait_key": "a", "trait_value": 1}),
        ("POST", TRAIT, {"identity": None, "trait_key": "a", "trait_value": 1}),
        ("POST", TRAIT, {"identity": "a", "trait_key": "a", "trait_value": 1}),
        ("POST", TRAIT, {"identity": {"identifier": "NAME"}, "trait_key": None, "trait_value": 1}),
        ("POST", TRAIT, []),
        ("PUT", TRAIT, one()),
        READ,
    ],
    "several traits": [
        ("PUT", BULK, [one("a", 1), one("b", "x")]),
        READ,
        ("PUT", BULK, [one("a", None), one("c", True)]),
        READ,
        ("PUT", BULK, []),
        ("PUT", BULK, [one("a", 1), one("a", 2)]),
        READ,
    ],
    "several traits, wrong": [
        ("PUT", BULK, {}),
        ("PUT", BULK, [{"identity": {"identifier": "NAME"}, "trait_value": 1}]),
        ("PUT", BULK, ["a"]),
        ("PUT", BULK, "a"),
        ("POST", BULK, []),
        READ,
    ],
    "counters": [add("n", 1), add("n", 5), add("n", -2), READ, add("n", "3"), set_one("text", "7"), READ],
    "counters, wrong": [
        set_one("text", "7"),
        add("text", 1),
        add("n", 1.5),
        add("n", "a"),
        add("n", None),
        add("", 1),
        ("POST", INCREMENT, {}),
        READ,
    ],
    "of several": [("POST", "/api/v1/bulk-identities/", {"data": [{"identifier": "NAME", "traits": [trait("a", 1)]}]})],
}


def stories(keys: dict[str, str], run: str) -> Iterator[Request]:
    """`run`: what tells this run's identifiers from those of others."""
    for kind, key in keys.items():
        for story, steps in STORIES.items():
            name = f"story-{run}-{kind}-{story.replace(' ', '-').replace(',', '')}"
            for number, (method, path, body) in enumerate(steps):
                content = None if body is None else json.dumps(body).replace("NAME", name).encode()
                headers = (("X-Environment-Key", key), JSON)
                yield raw(f"story: {story} {number}", method, path.replace("NAME", name), headers, content, kind)
                if method == "POST" and path == IDENTITIES:
                    time.sleep(WRITTEN)
