"""Flagsmith's REST API, as far as seeding needs it."""

import json
from typing import Any

from wire import Request, Unreachable, ask, shown


class Refused(Exception):
    """Flagsmith answers that it will not."""


class Flagsmith:
    """A Flagsmith in which somebody has logged in."""

    def __init__(self, base: str, email: str, password: str):
        self.base = base
        self.headers = (("Content-Type", "application/json"),)
        token = self.post("auth/login/", {"email": email, "password": password})["key"]
        self.headers += (("Authorization", f"Token {token}"),)

    def get(self, path: str) -> Any:
        return self.call("GET", path)

    def post(self, path: str, body: dict) -> Any:
        return self.call("POST", path, body)

    def put(self, path: str, body: dict) -> Any:
        return self.call("PUT", path, body)

    def patch(self, path: str, body: dict) -> Any:
        return self.call("PATCH", path, body)

    def call(self, method: str, path: str, body: dict | None = None) -> Any:
        encoded = None if body is None else json.dumps(body).encode()
        answer = ask(self.base, Request("seeding", method, f"/api/v1/{path}", self.headers, encoded))
        if answer.status >= 500:
            raise Unreachable(f"{self.base}: {method} {path}: {answer.status} {shown(answer.body)}")
        if answer.status >= 400:
            raise Refused(f"{self.base}: {method} {path}: {answer.status} {shown(answer.body)}")
        return answer.body

    def all(self, path: str) -> list[dict]:
        """A list, whether it comes in pages or not; the first page, which is enough here."""
        found = self.get(path)
        return found["results"] if isinstance(found, dict) else found
