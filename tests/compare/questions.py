"""What SDKs ask, for one environment and one of its keys: the same questions for the same seed.

Traits are sent as transient, and identifiers of the seed never get others: so what Flagsmith stored does not count.
"""

import json
import random
import urllib.parse
from typing import Any, Iterator

from wire import Request

NAMED_FLAGS = [
    "text",
    "MV_TEXT",
    "bool_off",
    "mv_all",
    "server_only",
    "archived",
    "flag_environment_name",
    "flag_none_of",
    "flag_is_set",
    "nosuch",
]
"""One of them in another case than it was made with."""

IDENTIFIERS = ["vip", "user-5", "user-7", "user-9", "Ünïcode id/ü?&", "never-seen-1", "a b", "007"]

TRAITS: dict[str, list[Any]] = {
    "plan": ["gold", "Gold", "silver", "", " gold ", "golden"],
    "email": [
        "ann@example.com",
        "mia@example.org",
        "zoe@example.com",
        "admin@example.com",
        "x@elsewhere.net",
        "",
        "Ünï@example.com",
    ],
    "country": ["de", "fr", "it", "a,b", "DE", "us", " de"],
    "version": ["1.2.3", "1.2.4", "2.0.0-rc.1", "2.0.0", "1.10.0", "v1.2.3", "1.2", "x"],
    "age": [0, 7, 20, 21, 22, 30, 31, 41, -3, 2147483647, "21", 21.0, 21.5, True],
    "score": [1.5, 1.4999, 2, 0.0, 3.5, -0.5, "1.5", 1e3, False],
    "admin": [True, False, "true", "false", "True", 1, 0],
}
"""Values at and around those that segments ask for."""

NAMELESS = 8


def questions(key: str, kind: str, identities: int, seed: int) -> Iterator[Request]:
    header = ("X-Environment-Key", key)
    get = lambda name, path, **more: Request(name, "GET", path, (header,), key=kind, **more)  # noqa: E731

    yield get("GET flags", "/api/v1/flags/")
    for name in NAMED_FLAGS:
        yield get("GET one flag", f"/api/v1/flags/?feature={name}")
    for identifier in IDENTIFIERS:
        path = f"/api/v1/identities/?identifier={urllib.parse.quote(identifier, safe='')}"
        yield get("GET identity", path, identifier=identifier)
        yield get("GET transient identity", f"{path}&transient=true", identifier=identifier)
        yield get("GET one flag of an identity", f"{path}&feature=text", identifier=identifier)
        yield post("POST identity", header, kind, {"identifier": identifier, "traits": []})
        yield post("POST transient identity", header, kind, {"identifier": identifier, "transient": True, "traits": []})
    chance = random.Random(seed)
    for number in range(identities):
        yield post("POST identity", header, kind, {"identifier": f"user-{number}", "traits": traits(chance)})
    for number in range(NAMELESS):
        body = {"traits": traits(chance) or [trait("plan", "gold")]}
        yield post("POST nameless identity", header, kind, {"identifier": "", **body} if number % 2 else body)


def post(name: str, header: tuple[str, str], kind: str, body: dict) -> Request:
    headers = (header, ("Content-Type", "application/json"))
    names = tuple(sent["trait_key"] for sent in body["traits"])
    return Request(
        name, "POST", "/api/v1/identities/", headers, json.dumps(body).encode(), kind, body.get("identifier"), names
    )


def traits(chance: random.Random) -> list[dict]:
    names = [name for name in TRAITS if chance.random() < 0.6]
    chance.shuffle(names)
    return [trait(name, chance.choice(TRAITS[name])) for name in names]


def trait(name: str, value: Any) -> dict:
    return {"trait_key": name, "trait_value": value, "transient": True}


def document(key: str) -> Request:
    path = "/api/v1/environment-document/"
    return Request("GET environment-document", "GET", path, (("X-Environment-Key", key),), key="server")
