"""OpenFeature's OFREP provider for Python, as published, against an edge that serves `tests/fixtures/sdk.json`.

    target/sdk/python/bin/python tests/sdk/python/ofrep.py --client-key K --server-key ser.S [--removed-key K] [--edge URL]

Needs the packages of `requirements.txt`. Every request passes a tap (`tap.py`). Prints every failure; the last line says how
many checks passed and failed, and the exit code is 1 if any failed.
"""

import argparse
import itertools
import json
from typing import Any
from urllib.parse import urlsplit

from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.flag_evaluation import FlagEvaluationDetails

from cases import CASES, DEFAULTS, SERVER_ONLY
from check import Checks, without
from tap import Tap

ANNA = EvaluationContext("anna", {"plan": "gold"})
NOBODY = EvaluationContext()
CODE_DEFAULTS: dict[str, Any] = {"boolean": True, "string": "of the code", "integer": -1, "float": -1.5, "object": {"of": "the code"}}
PUBLIC = without(SERVER_ONLY, DEFAULTS)
DOMAINS = itertools.count()


def every_situation(checks: Checks, options: argparse.Namespace) -> None:
    with Tap(options.edge) as tap:
        client = provided(tap.url, options.client_key)
        for case in CASES["situations"]:
            attributes = {name: plain(value) for name, value in case["traits"].items()}
            context = EvaluationContext(case["identifier"], attributes)
            for name, (enabled, value) in {**PUBLIC, **case["differs"]}.items():
                kind, expected, _ = outcome(enabled, value)
                checks.equal(f"{case['situation']}: {name}", ask(client, kind, name, context).value, expected)
        checks.equal("statuses", sorted(set(tap.statuses)), [200])


def nobody(checks: Checks, options: argparse.Namespace) -> None:
    """Without a targeting key: what `/flags/` answers."""
    with Tap(options.edge) as tap:
        client = provided(tap.url, options.client_key)
        for name, (enabled, value) in PUBLIC.items():
            kind, expected, _ = outcome(enabled, value)
            checks.equal(f"nobody: {name}", ask(client, kind, name, NOBODY).value, expected)
            with_trait = EvaluationContext(attributes={"plan": "gold"})
            checks.equal(f"nobody with a trait: {name}", ask(client, kind, name, with_trait).value, expected)


def getters_of_other_types(checks: Checks, options: argparse.Namespace) -> None:
    with Tap(options.edge) as tap:
        client = provided(tap.url, options.client_key)
        for name, (enabled, value) in PUBLIC.items():
            kind, _, is_off = outcome(enabled, value)
            for other, code in CODE_DEFAULTS.items():
                # To Python a boolean is an integer, too.
                if other == kind or (other, kind) == ("integer", "boolean"):
                    continue
                got = ask(client, other, name, NOBODY)
                why = ["DISABLED", None] if is_off else ["ERROR", "TYPE_MISMATCH"]
                checks.equal(f"{name} as {other}", [got.value, got.reason, got.error_code], [code, *why])
        got = ask(client, "string", "unknown", ANNA)
        checks.equal("an unknown flag", [got.value, got.error_code], ["of the code", "FLAG_NOT_FOUND"])


def reasons_variants_and_metadata(checks: Checks, options: argparse.Namespace) -> None:
    with Tap(options.edge) as tap:
        client = provided(tap.url, options.client_key)
        for name, kind, context, reason, has_variant, enabled in (
            ("compact_lists", "boolean", NOBODY, "STATIC", False, True),
            ("discount", "integer", NOBODY, "UNKNOWN", False, True),
            ("discount", "integer", ANNA, "TARGETING_MATCH", False, True),
            ("button_colour", "string", EvaluationContext("carla", {"age": 18}), "SPLIT", True, True),
            ("lottery", "string", ANNA, "DISABLED", False, False),
            ("plain_off", "boolean", NOBODY, "UNKNOWN", False, False),
        ):
            got = ask(client, kind, name, context)
            seen = [got.reason, got.variant != "", got.flag_metadata.get("enabled"), got.error_code]
            checks.equal(f"{name} of {context.targeting_key}", seen, [reason, has_variant, enabled, None])


def keys(checks: Checks, options: argparse.Namespace) -> None:
    with Tap(options.edge) as tap:
        trusted = provided(tap.url, options.server_key)
        checks.equal("for servers", ask(trusted, "string", "fraud_rules", ANNA).value, "strict")
        hidden = ask(provided(tap.url, options.client_key), "string", "fraud_rules", ANNA)
        checks.equal("not for clients", [hidden.value, hidden.error_code], ["of the code", "FLAG_NOT_FOUND"])
        for what, key, status in (
            ("a wrong key", "unknown-key", 401),
            ("a wrong server-side key", "ser.unknown", 401),
            ("no key", "", 401),
            ("a removed environment", options.removed_key, 403),
        ):
            if key is None:
                continue
            got = ask(provided(tap.url, key), "string", "welcome_text", ANNA)
            seen = [got.value, got.error_code, got.error_message, tap.statuses[-1]]
            message = {401: "unauthorized", 403: "forbidden"}[status]
            checks.equal(what, seen, ["of the code", "GENERAL", message, status])


def names(checks: Checks, options: argparse.Namespace) -> None:
    """The provider puts names into the path as they are."""
    with Tap(options.edge) as tap:
        client = provided(tap.url, options.client_key)
        for name in "no/such flag", "é", "a//b", "100%":
            checks.equal(name, ask(client, "string", name, ANNA).error_code, "FLAG_NOT_FOUND")


def contexts_of_every_kind(checks: Checks, options: argparse.Namespace) -> None:
    with Tap(options.edge) as tap:
        client = provided(tap.url, options.client_key)
        further = {"nested": {"a": [1, {"b": None}]}, "list": ["x"], "ratio": 0.5, "none": None, "yes": True, "plan": "gold"}
        context = EvaluationContext("anna", further)
        checks.equal("nested", ask(client, "integer", "discount", context).value, 20)
        long = ask(client, "integer", "discount", EvaluationContext("anna", {"plan": "x" * 2_001}))
        checks.equal("a trait that is too long", [long.value, long.error_code], [-1, "INVALID_CONTEXT"])
        checks.equal("its message", "plan" in (long.error_message or ""), True)


def an_edge_that_was_away(checks: Checks, options: argparse.Namespace) -> None:
    with Tap(options.edge) as tap:
        client = provided(tap.url, options.client_key)
        checks.equal("before", ask(client, "integer", "discount", ANNA).value, 20)
    # The connection that is kept alive still reaches the closed tap's thread; another one does not.
    client.provider.session.close()
    away = ask(client, "integer", "discount", ANNA)
    checks.equal("away", [away.value, away.error_code], [-1, "GENERAL"])
    with Tap(options.edge, port=urlsplit(tap.url).port or 0):
        checks.equal("back", ask(client, "integer", "discount", ANNA).value, 20)


def outcome(enabled: bool, value: Any) -> tuple[str, Any, bool]:
    """The type of a flag's getter, what it gives, and whether the flag is off."""
    if value is None or value == "":
        return "boolean", enabled, False
    kind = {bool: "boolean", int: "integer", float: "float", str: "string"}[type(value)]
    if kind == "string" and value.startswith("{"):
        kind, value = "object", json.loads(value)
    return (kind, value, False) if enabled else (kind, CODE_DEFAULTS[kind], True)


def plain(value: Any) -> Any:
    return value["value"] if isinstance(value, dict) else value


def ask(client: OpenFeatureClient, kind: str, name: str, context: EvaluationContext) -> FlagEvaluationDetails:
    return getattr(client, f"get_{kind}_details")(name, CODE_DEFAULTS[kind], context)


def provided(url: str, key: str) -> OpenFeatureClient:
    domain = f"check-{next(DOMAINS)}"
    api.set_provider(OFREPProvider(url, headers_factory=lambda: {"X-API-Key": key}), domain)
    return api.get_client(domain)


def main() -> int:
    parser = argparse.ArgumentParser(description="Check an edge that serves tests/fixtures/sdk.json with OpenFeature's provider.")
    parser.add_argument("--edge", default="http://127.0.0.1:7676", help="where the edge answers (%(default)s)")
    parser.add_argument("--client-key", required=True, help="the environment's client-side key")
    parser.add_argument("--server-key", required=True, help="a server-side key of it, ser.…")
    parser.add_argument("--removed-key", help="the client-side key of an environment that was removed")
    return Checks().run(
        parser.parse_args(),
        every_situation,
        nobody,
        getters_of_other_types,
        reasons_variants_and_metadata,
        keys,
        names,
        contexts_of_every_kind,
        an_edge_that_was_away,
    )


if __name__ == "__main__":
    raise SystemExit(main())
