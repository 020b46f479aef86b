"""Requests, answers, and how one becomes the other. Nothing is followed, retried or decoded on the way."""

import http.client
import json
import urllib.parse
from dataclasses import dataclass
from typing import Any

PATIENCE = 60
"""Seconds that a server has for an answer."""


class Unreachable(Exception):
    """A server does not answer, or not as one that could be compared."""


@dataclass(frozen=True)
class Request:
    name: str
    """What it is, for people and for `differences.py`."""
    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    key: str = ""
    """The kind of its key: client or server."""
    identifier: str | None = None
    """Of whom it asks, if it is for an identity."""
    traits: tuple[str, ...] = ()
    """The names of the traits that it brings."""

    def __str__(self) -> str:
        text = f"{self.name}, {self.key} key: {shortened(f'{self.method} {self.path}', 150)}"
        return text + (f" {shortened(self.body.decode('utf-8', 'replace'), 300)}" if self.body else "")


@dataclass(frozen=True)
class Answer:
    status: int
    content_type: str
    """Without its parameters."""
    body: Any
    """What the JSON says, or else the text."""


def ask(base: str, request: Request) -> Answer:
    where = urllib.parse.urlsplit(base)
    make = http.client.HTTPSConnection if where.scheme == "https" else http.client.HTTPConnection
    connection = make(where.hostname or "", where.port, timeout=PATIENCE)
    try:
        connection.putrequest(request.method, where.path.rstrip("/") + request.path, skip_accept_encoding=True)
        for name, value in request.headers:
            connection.putheader(name, value)
        if request.body is not None:
            connection.putheader("Content-Length", str(len(request.body)))
        connection.endheaders(request.body)
        answer = connection.getresponse()
        content_type = (answer.getheader("content-type") or "").partition(";")[0].strip()
        return Answer(answer.status, content_type, decoded(answer.read()))
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(f"{base}: {request.method} {request.path[:150]}: {error or type(error).__name__}") from error
    finally:
        connection.close()


def decoded(content: bytes) -> Any:
    text = content.decode("utf-8", "replace")
    try:
        return json.loads(text)
    except ValueError:
        return text


def shown(value: Any, length: int = 400) -> str:
    return shortened(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), length)


def shortened(text: str, length: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= length else f"{text[:length]}…"
