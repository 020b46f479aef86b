"""Requests of odd shape, to one environment: routes, methods, headers, keys and bodies that no SDK sends, or that one
might. Each has a name of its own, by which `differences.py` knows it.

Traits that are not transient are stored by Flagsmith, and an identity that it knows is answered otherwise than a new one.
So each such request has an identifier of its own, `raw-…`, which is another one in each run.
"""

import json
from dataclasses import replace
from typing import Any, Iterator

from wire import Request

JSON = ("Content-Type", "application/json")
ORIGIN = ("Origin", "https://app.example")
ROUTES = {"flags": "", "identities": "?identifier=user-1", "environment-document": ""}
NO_BODY = b""


def raw_requests(client: str, server: str, run: str) -> Iterator[Request]:
    """`run`: what tells this run's identifiers from those of others."""
    for request in shapes(client, server):
        body = request.body and request.body.replace(b'"raw-', f'"raw-{run}-'.encode())
        yield replace(request, body=body)


def shapes(client: str, server: str) -> Iterator[Request]:
    keys = {"client": ("X-Environment-Key", client), "server": ("X-Environment-Key", server)}
    key = keys["server"]
    for route, query in ROUTES.items():
        yield from of_route(route, query, client, keys)
    yield from of_queries(key)
    for name, body in BODIES.items():
        encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
        yield raw(f"body: {name}", "POST", "/api/v1/identities/", (key, JSON), encoded)
    yield from of_media_types(key)
    yield from of_conditions(key)
    yield from of_other_routes(keys)


def raw(name: str, method: str, path: str, headers: tuple, body: bytes | None = None, kind: str = "server") -> Request:
    return Request(name, method, path, headers, body, kind)


def of_route(route: str, query: str, client: str, keys: dict) -> Iterator[Request]:
    path = f"/api/v1/{route}/"
    whole = path + query
    for kind, key in keys.items():
        yield raw(f"{route}: {kind} key", "GET", whole, (key,), kind=kind)
    key = keys["server"]
    none: tuple = ()
    yield raw(f"{route}: no key", "GET", whole, none)
    for name, text in {
        "empty key": "",
        "unknown client key": "nosuchkey",
        "unknown server key": "ser.nosuchkey",
        "key with blanks around": f" {client} ",
    }.items():
        yield raw(f"{route}: {name}", "GET", whole, (("X-Environment-Key", text),))
    yield raw(f"{route}: key in a header in lower case", "GET", whole, (("x-environment-key", client),), kind="client")
    yield raw(f"{route}: no slash", "GET", path.rstrip("/") + query, (key,))
    yield raw(f"{route}: two slashes", "GET", f"{path}/{query}", (key,))
    yield raw(f"{route}: HEAD", "HEAD", whole, (key,))
    yield raw(f"{route}: OPTIONS", "OPTIONS", whole, (key,))
    yield raw(f"{route}: OPTIONS without a key", "OPTIONS", whole, none)
    asked = (("Access-Control-Request-Method", "GET"), ("Access-Control-Request-Headers", "x-environment-key"))
    yield raw(f"{route}: preflight", "OPTIONS", whole, (ORIGIN, *asked))
    yield raw(f"{route}: with an origin", "GET", whole, (key, ORIGIN))
    for method in ("PUT", "PATCH", "DELETE"):
        yield raw(f"{route}: {method}", method, whole, (key, JSON), b"{}")
    if route != "identities":
        yield raw(f"{route}: POST", "POST", whole, (key, JSON), b"{}")
    for accept in ("*/*", "text/html", "application/xml"):
        yield raw(f"{route}: Accept {accept}", "GET", whole, (key, ("Accept", accept)))
    yield raw(f"{route}: ?format=json", "GET", f"{whole}{'&' if query else '?'}format=json", (key,))


def of_queries(key: tuple) -> Iterator[Request]:
    for name, path in {
        "flags: empty feature": "flags/?feature=",
        "flags: feature by its id": "flags/?feature=3",
        "flags: feature with a blank": "flags/?feature=Mixed%20Case%20Name",
        "identities: no identifier": "identities/",
        "identities: empty identifier": "identities/?identifier=",
        "identities: two identifiers": "identities/?identifier=user-1&identifier=vip",
        "identities: a plus is a blank": "identities/?identifier=a+b%20c",
        "identities: blanks around the identifier": "identities/?identifier=%20vip%20",
        "identities: bad UTF-8": "identities/?identifier=%ff%fe",
        "identities: NUL": "identities/?identifier=a%00b",
        "identities: 2000 characters": "identities/?identifier=" + "x" * 2000,
        "identities: 2001 characters": "identities/?identifier=" + "x" * 2001,
        "identities: transient=false": "identities/?identifier=vip&transient=false",
        "identities: feature in another case": "identities/?identifier=vip&feature=TEXT",
        "identities: unknown feature": "identities/?identifier=vip&feature=nosuch",
        "identities: empty feature": "identities/?identifier=vip&feature=",
    }.items():
        yield raw(name, "GET", f"/api/v1/{path}", (key,))


def of_media_types(key: tuple) -> Iterator[Request]:
    path, body = "/api/v1/identities/", b'{"identifier":"raw-media"}'
    charset = ("Content-Type", "application/json; charset=utf-8")
    yield raw("media type: with a charset", "POST", path, (key, charset), body)
    yield raw("media type: none", "POST", path, (key,), body)
    yield raw("media type: text", "POST", path, (key, ("Content-Type", "text/plain")), body)
    form = ("Content-Type", "application/x-www-form-urlencoded")
    yield raw("media type: form", "POST", path, (key, form), b"identifier=vip")
    yield raw("identities: POST without a key", "POST", path, (JSON,), body)
    yield raw("identities: POST without a key, broken JSON", "POST", path, (JSON,), b'{"identifier":')
    yield raw("identities: POST without a slash", "POST", path.rstrip("/"), (key, JSON), body)
    yield raw("identities: POST with a feature", "POST", f"{path}?feature=text", (key, JSON), b'{"identifier":"vip"}')


def of_conditions(key: tuple) -> Iterator[Request]:
    path = "/api/v1/environment-document/"
    for name, header in {
        "If-Modified-Since the future": ("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"),
        "If-Modified-Since long ago": ("If-Modified-Since", "Thu, 01 Jan 2015 00:00:00 GMT"),
        "If-Modified-Since nonsense": ("If-Modified-Since", "yesterday"),
        "If-Unmodified-Since long ago": ("If-Unmodified-Since", "Thu, 01 Jan 2015 00:00:00 GMT"),
        "If-None-Match any": ("If-None-Match", "*"),
    }.items():
        yield raw(f"document: {name}", "GET", path, (key, header))
    yield raw("document: page_id", "GET", f"{path}?page_id=x", (key,))


def of_other_routes(keys: dict) -> Iterator[Request]:
    key = keys["server"]
    paths = ["/", "/nosuch", "/api/v1/", "/api/v1/nosuch/", "/api/v2/flags/", "/robots.txt", "/ofrep/v1/evaluate/flags"]
    for path in paths:
        yield raw(f"route: {path}", "GET", path, (key,))
    yield raw("route: identities by path", "GET", "/api/v1/identities/user-1/", (key,))
    yield raw("route: flags by path", "GET", "/api/v1/flags/user-1", (key,))
    yield raw("route: events", "POST", "/v1/events", (key, JSON), b'{"events":[]}')
    yield raw("route: bulk identities", "POST", "/api/v1/bulk-identities/", (key, JSON), b'{"data":[]}')


def trait(name: Any = "k", value: Any = "v", **more: Any) -> dict:
    return {"trait_key": name, "trait_value": value, **more}


def numbered(member: str) -> bytes:
    """A trait whose value is written as it stands here."""
    return f'{{"identifier":"raw-{member}","traits":[{{"trait_key":"f","trait_value":{member}}}]}}'.encode()


OF_EVERY_TYPE = [trait("plan", "gold"), trait("age", 21), trait("b", True), trait("f", 1.5)]

BODIES: dict[str, Any] = {
    "no traits": {"identifier": "raw-1"},
    "traits of every type": {"identifier": "raw-2", "traits": OF_EVERY_TYPE},
    "null trait": {"identifier": "raw-3", "traits": [trait("s", None)]},
    "transient trait": {"identifier": "raw-4", "traits": [trait("s", "x", transient=True)]},
    "transient null trait": {"identifier": "raw-5", "traits": [trait("s", None, transient=True)]},
    "transient identity": {"identifier": "raw-6", "transient": True, "traits": [trait("plan", "gold")]},
    "transient identity with an override": {"identifier": "vip", "transient": True, "traits": []},
    "transient identity, as text": {"identifier": "raw-7", "transient": "true", "traits": [trait("plan", "gold")]},
    "transient identity: null": {"identifier": "raw-8", "transient": None},
    "transient identity: nonsense": {"identifier": "raw-9", "transient": "perhaps"},
    "transient trait: null": {"identifier": "raw-10", "traits": [trait(transient=None)]},
    "transient trait: nonsense": {"identifier": "raw-11", "traits": [trait(transient="perhaps")]},
    "one transient trait twice": {
        "identifier": "raw-12",
        "traits": [trait("s", "a", transient=True), trait("s", "b", transient=True)],
    },
    "one trait twice": {"identifier": "raw-13", "traits": [trait("s", "first"), trait("s", "second")]},
    "one trait stored and transient": {
        "identifier": "raw-14",
        "traits": [trait("s", "first"), trait("s", "second", transient=True)],
    },
    "list as a value": {"identifier": "raw-15", "traits": [trait("s", [1, "a", 2.5, None, True, "it's"])]},
    "object as a value": {"identifier": "raw-16", "traits": [trait("s", {"a": 1, "b": [True, "ü"]})]},
    "empty list as a value": {"identifier": "raw-17", "traits": [trait("s", [])]},
    "2^31": {"identifier": "raw-18", "traits": [trait("i", 2**31)]},
    "2^63": {"identifier": "raw-19", "traits": [trait("i", 2**63)]},
    "1e300": numbered("1e300"),
    "1e400": numbered("1e400"),
    "NaN": numbered("NaN"),
    "1.0": numbered("1.0"),
    "1e2": numbered("1e2"),
    "-0.0": numbered("-0.0"),
    "text of 2000 characters": {"identifier": "raw-20", "traits": [trait("s", "x" * 2000)]},
    "text of 2001 characters": {"identifier": "raw-21", "traits": [trait("s", "x" * 2001)]},
    "key of 200 characters": {"identifier": "raw-22", "traits": [trait("k" * 200)]},
    "key of 201 characters": {"identifier": "raw-23", "traits": [trait("k" * 201)]},
    "empty key": {"identifier": "raw-24", "traits": [trait("")]},
    "blank key": {"identifier": "raw-25", "traits": [trait("  ")]},
    "blanks around a key": {"identifier": "raw-26", "traits": [trait(" plan ", "gold")]},
    "blanks around a value": {"identifier": "raw-27", "traits": [trait("plan", " gold ")]},
    "trait without a key": {"identifier": "raw-28", "traits": [{"trait_value": 1}]},
    "trait without a value": {"identifier": "raw-29", "traits": [{"trait_key": "k"}]},
    "integer as a key": {"identifier": "raw-30", "traits": [trait(7)]},
    "float as a key": {"identifier": "raw-31", "traits": [trait(7.5)]},
    "boolean as a key": {"identifier": "raw-32", "traits": [trait(True)]},
    "null as a key": {"identifier": "raw-33", "traits": [trait(None)]},
    "traits an object": {"identifier": "raw-34", "traits": {"a": 1}},
    "traits a text": {"identifier": "raw-35", "traits": "a"},
    "traits null": {"identifier": "raw-36", "traits": None},
    "trait no object": {"identifier": "raw-37", "traits": ["a"]},
    "a good and a bad trait": {"identifier": "raw-38", "traits": [trait(), {"trait_key": "k2"}]},
    "empty text": {"identifier": "raw-39", "traits": [trait("s", "")]},
    "identifier null": {"identifier": None, "traits": OF_EVERY_TYPE},
    "identifier empty": {"identifier": "", "traits": [trait("plan", "gold")]},
    "identifier blank": {"identifier": "   ", "traits": [trait("plan", "gold")]},
    "no identifier": {"traits": [trait("plan", "gold")]},
    "no identifier, null trait": {"traits": [trait("plan", "gold"), trait("x", None)]},
    "no identifier, no traits": {},
    "identifier an integer": {"identifier": 7},
    "identifier a float": {"identifier": 7.5},
    "identifier a great float": b'{"identifier":1e22}',
    "identifier a boolean": {"identifier": True},
    "identifier a list": {"identifier": ["a"]},
    "blanks around the identifier": {"identifier": "  vip  "},
    "line breaks around the identifier": {"identifier": "\n\u00a0vip\u2003\t"},
    "identifier of 2000 characters": {"identifier": "y" * 2000},
    "identifier of 2001 characters": {"identifier": "y" * 2001},
    "identifier with NUL": {"identifier": "a\0b"},
    "trait with NUL": {"identifier": "raw-40", "traits": [trait("s", "a\0b")]},
    "half a surrogate pair": b'{"identifier":"raw-41","traits":[{"trait_key":"s","trait_value":"\\ud800"}]}',
    "unknown members": {"identifier": "raw-42", "colour": "red", "traits": [trait(more=1)]},
    "id in a trait": {"identifier": "raw-43", "traits": [trait(id=12345)]},
    "empty": NO_BODY,
    "broken JSON": b'{"identifier": ',
    "no JSON": b"hello",
    "a list": b"[]",
    "a text": b'"x"',
    "a number": b"7",
    "null": b"null",
    "comma at the end": b'{"identifier":"raw-44",}',
    "bad UTF-8": b'{"identifier":"raw\xff"}',
    "byte order mark": b'\xef\xbb\xbf{"identifier":"raw-45"}',
    "one member twice": b'{"identifier":"raw-46","identifier":"vip"}',
}
