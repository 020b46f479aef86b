"""The Python SDK of Flagsmith, as published, against an edge that serves `tests/fixtures/sdk.json`.

    target/sdk/python/bin/python tests/sdk/python/check.py --client-key K --server-key ser.S [--storing-key K] [--edge URL]

Needs the packages of `requirements.txt`. Uses the SDK's public interface alone; every request passes a tap (`tap.py`).
Prints every failure; the last line says how many checks passed and failed, and the exit code is 1 if any failed.
"""

import argparse
import logging
import random
import time
from collections import Counter
from typing import Any, Callable

from flagsmith import Flagsmith
from flagsmith.exceptions import FlagsmithAPIError, FlagsmithFeatureDoesNotExistError
from flagsmith.models import Flags

from cases import CASES, DEFAULTS, DOCUMENT, SERVER_ONLY, as_json, population, possible_outcomes
from tap import Tap

FLAGS = "/api/v1/flags/"
IDENTITIES = "/api/v1/identities/"
ANALYTICS = "/api/v1/analytics/flags/"
ENVIRONMENT_DOCUMENT = "/api/v1/environment-document/"
WRONG_KEYS = ["no-such-environment", "ser.no-such-key"]


class Checks:
    passed = 0
    failed = 0

    def equal(self, what: str, got: Any, expected: Any) -> None:
        """Compared as JSON: in Python 1, 1.0 and True are equal, in an answer they are not."""
        if as_json(got) == as_json(expected):
            self.passed += 1
            return
        if isinstance(got, dict) and isinstance(expected, dict):
            got, expected = difference(got, expected), difference(expected, got)
        self.fail(what, f"got {as_json(got)}", f"expected {as_json(expected)}")

    def fail(self, what: str, *why: str) -> None:
        self.failed += 1
        print("\n     ".join([f"FAIL {what}", *why]))

    def run(self, options: argparse.Namespace, *parts: "Part") -> int:
        """Runs the parts one after the other, and prints the counts of each; one that breaks off is a failure."""
        for part in parts:
            passed, failed = self.passed, self.failed
            try:
                part(self, options)
            except Exception as error:
                self.fail(f"{part.__name__}: broken off", repr(error), f"because of {error.__cause__!r}")
            print(f"PART {part.__name__}: {self.passed - passed} passed, {self.failed - failed} failed")
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed else 0


Part = Callable[[Checks, argparse.Namespace], None]


def environment_flags(checks: Checks, options: argparse.Namespace) -> None:
    own = {state["feature"]["name"]: state for state in DOCUMENT["feature_states"]}
    everything = {
        name: [state["feature"]["id"], state["enabled"], state["feature_state_value"]] for name, state in own.items()
    }
    public = {name: flag for name, flag in everything.items() if name not in SERVER_ONLY}
    for key, expected in (options.client_key, public), (options.server_key, everything):
        with Tap(options.edge) as tap:
            flags = client(tap, key).get_environment_flags()
            got = {flag.feature_name: [flag.feature_id, flag.enabled, flag.value] for flag in flags.all_flags()}
            checks.equal(f"environment flags with {key}", got, expected)
            for name in SERVER_ONLY - expected.keys():
                raised = error_of(lambda: flags.get_flag(name))
                checks.equal(f"`{name}` with {key}", type(raised), FlagsmithFeatureDoesNotExistError)
            checks.equal(f"requests for environment flags with {key}", tap.requests, [f"GET {FLAGS}"])


def situations_evaluated_remotely(checks: Checks, options: argparse.Namespace) -> None:
    for key in options.client_key, options.server_key:
        with Tap(options.edge) as tap:
            sdk = client(tap, key)
            for case in CASES["situations"]:
                transient = case.get("transient", False)
                flags = sdk.get_identity_flags(case["identifier"], case["traits"], transient=transient)
                hidden = SERVER_ONLY if key == options.client_key else set()
                checks.equal(f"{case['situation']}, with {key}", outcomes(flags), without(hidden, expected_in(case)))
            expected = [f"POST {IDENTITIES}"] * len(CASES["situations"])
            checks.equal(f"requests for identities with {key}", tap.requests, expected)


def situations_evaluated_locally(checks: Checks, options: argparse.Namespace) -> None:
    with Tap(options.edge, only=ENVIRONMENT_DOCUMENT) as tap:
        sdk = client(tap, options.server_key, local=True)
        checks.equal("environment flags, locally", outcomes(sdk.get_environment_flags()), DEFAULTS)
        for case in CASES["situations"]:
            flags = sdk.get_identity_flags(case["identifier"], case["traits"])
            checks.equal(f"{case['situation']}, locally", outcomes(flags), expected_in(case))
    asked = sorted(set(tap.requests))
    checks.equal("local evaluation asks for the document alone", asked, [f"GET {ENVIRONMENT_DOCUMENT}"])

    case = CASES["situations"][0]
    flags = sdk.get_identity_flags(case["identifier"], case["traits"])
    checks.equal("local evaluation goes on without an edge", outcomes(flags), expected_in(case))


def remote_equals_local(checks: Checks, options: argparse.Namespace) -> None:
    seen: dict[str, set[str]] = {name: set() for name in DEFAULTS}
    seen_reasons: Counter[str] = Counter()
    members: Counter[str] = Counter({segment["name"]: 0 for segment in DOCUMENT["project"]["segments"]})
    identities = list(population())
    with Tap(options.edge) as line, Tap(options.edge, only=ENVIRONMENT_DOCUMENT) as local_line:
        local = client(local_line, options.server_key, local=True)
        with_server_key, with_client_key = client(line, options.server_key), client(line, options.client_key)
        for identifier, traits in identities:
            evaluated = local.get_identity_flags(identifier, traits)
            expected, why = outcomes(evaluated), reasons(evaluated)
            who = f"{identifier} {as_json(traits)}"
            answered = with_server_key.get_identity_flags(identifier, traits)
            checks.equal(f"remote equals local, server key: {who}", outcomes(answered), expected)
            checks.equal(f"reasons of {who}", reasons(answered), why)
            got = outcomes(with_client_key.get_identity_flags(identifier, traits))
            checks.equal(f"remote equals local, client key: {who}", got, without(SERVER_ONLY, expected))
            seen_reasons.update(why.values())
            members.update(segment.name for segment in local.get_identity_segments(identifier, traits))
            for name, outcome in expected.items():
                seen[name].add(as_json(outcome))
    checks.equal("requests of the remote half", Counter(line.requests), {f"POST {IDENTITIES}": 2 * len(identities)})
    asked = sorted(set(local_line.requests))
    checks.equal("requests of the local half", asked, [f"GET {ENVIRONMENT_DOCUMENT}"])

    # Else the comparison would be of nothing much: all that the document can give has been given to somebody.
    for name, possible in possible_outcomes().items():
        checks.equal(f"outcomes of `{name}` among the identities", sorted(seen[name]), sorted(possible))
    for name, count in members.items():
        share = count / len(identities)
        checks.equal(f"segment `{name}` has {share:.0%} of the identities: from 5% to 80%", 0.05 <= share <= 0.8, True)
    kinds = {reason.split(";")[0] for reason in seen_reasons}
    checks.equal("kinds of reasons", sorted(kinds), ["DEFAULT", "SPLIT", "STATIC", "TARGETING_MATCH"])
    shares = ", ".join(f"{name} {count / len(identities):.0%}" for name, count in members.items())
    print(f"{len(identities)} identities; {sum(map(len, seen.values()))} outcomes; segments: {shares}")


def wrong_keys(checks: Checks, options: argparse.Namespace) -> None:
    # The SDK logs a refused document with its traceback, as it should.
    logging.getLogger("flagsmith").setLevel(logging.CRITICAL + 1)
    with Tap(options.edge) as tap:
        for key, local in (WRONG_KEYS[0], False), (WRONG_KEYS[1], False), (WRONG_KEYS[1], True):
            sdk = client(tap, key, local=local)
            for what, ask in (
                ("environment flags", sdk.get_environment_flags),
                ("identity flags", lambda: sdk.get_identity_flags("anna", {"plan": "gold"})),
            ):
                raised = error_of(ask)
                answer = getattr(getattr(raised, "__cause__", None), "response", None)
                got = [type(raised), getattr(answer, "status_code", None)]
                checks.equal(f"{what} with {key}{', locally' if local else ''}", got, [FlagsmithAPIError, 403])


def analytics(checks: Checks, options: argparse.Namespace) -> None:
    with Tap(options.edge) as tap:
        sdk = client(tap, options.client_key, analytics=True)
        checks.equal("a flag, counted", sdk.get_environment_flags().get_feature_value("page_size"), 25)
        # What the SDK does by itself when ten seconds have passed.
        sdk._analytics_processor.flush()
        deadline = time.monotonic() + 20
        while len(tap.statuses) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        checks.equal("requests with analytics", tap.requests, [f"GET {FLAGS}", f"POST {ANALYTICS}"])
        checks.equal("their statuses", tap.statuses, [200, 200])


def a_thousand_identities(checks: Checks, options: argparse.Namespace) -> None:
    """Identifiers made by chance alone, seeded: what the edge answers is what the published engine gives."""
    chance = random.Random(20_260_302)
    choices = CASES["population"]["traits"]
    with Tap(options.edge) as line, Tap(options.edge, only=ENVIRONMENT_DOCUMENT) as local_line:
        local = client(local_line, options.server_key, local=True)
        remote = client(line, options.server_key)
        differences = []
        for _ in range(1_000):
            identifier = f"{chance.getrandbits(64):016x}"
            picks = {key: chance.choice(values) for key, values in choices.items()}
            traits = {key: value for key, value in picks.items() if value != "(absent)"}
            expected = outcomes(local.get_identity_flags(identifier, traits))
            if as_json(outcomes(remote.get_identity_flags(identifier, traits))) != as_json(expected):
                differences.append([identifier, traits])
        checks.equal("identities for which the edge and the engine differ, of a thousand", differences, [])
        checks.equal("identities asked about", line.requests, [f"POST {IDENTITIES}"] * 1_000)


def traits_are_remembered(checks: Checks, options: argparse.Namespace) -> None:
    """Where traits are stored, an identity needs them once; the edge writes them after its answer."""
    if not options.storing_key:
        return
    times = Counter(case["identifier"] for case in CASES["situations"])
    cases = [case for case in CASES["situations"] if case["traits"] and times[case["identifier"]] == 1]
    with Tap(options.edge) as tap:
        sdk = client(tap, options.storing_key)
        for case in cases:
            traits = {name: value["value"] if isinstance(value, dict) else value for name, value in case["traits"].items()}
            first = outcomes(sdk.get_identity_flags(case["identifier"], traits))
            deadline = time.monotonic() + 10
            while (again := outcomes(sdk.get_identity_flags(case["identifier"]))) != first and time.monotonic() < deadline:
                time.sleep(0.05)
            checks.equal(f"{case['situation']}, remembered", again, first)
            gone = outcomes(sdk.get_identity_flags(case["identifier"], dict.fromkeys(traits)))
            bare = outcomes(sdk.get_identity_flags(case["identifier"], dict.fromkeys(traits), transient=True))
            checks.equal(f"{case['situation']}, deleted", gone, bare)


def client(tap: Tap, key: str, local: bool = False, analytics: bool = False) -> Flagsmith:
    # One hour: a check is over before the document is asked for again.
    return Flagsmith(
        key,
        f"{tap.url}/api/v1/",
        enable_local_evaluation=local,
        environment_refresh_interval_seconds=3600,
        enable_analytics=analytics,
    )


def reasons(flags: Flags) -> dict[str, str]:
    """The published engine writes the weight 30 as `30.0`."""
    return {flag.feature_name: flag.reason.removesuffix(".0") for flag in flags.all_flags()}


def outcomes(flags: Flags) -> dict[str, list]:
    return {flag.feature_name: [flag.enabled, flag.value] for flag in flags.all_flags()}


def expected_in(case: dict[str, Any]) -> dict[str, list]:
    return {**DEFAULTS, **case["differs"]}


def without(names: set[str], flags: dict[str, list]) -> dict[str, list]:
    return {name: flag for name, flag in flags.items() if name not in names}


def difference(of: dict, to: dict) -> dict:
    return {key: value for key, value in of.items() if key not in to or as_json(value) != as_json(to[key])}


def error_of(call: Callable[[], object]) -> BaseException | None:
    try:
        call()
    except Exception as error:
        return error
    return None


def main() -> int:
    parser = argparse.ArgumentParser(description="Check an edge that serves tests/fixtures/sdk.json with the Python SDK.")
    parser.add_argument("--edge", default="http://127.0.0.1:7676", help="where the edge answers (%(default)s)")
    parser.add_argument("--client-key", required=True, help="the environment's client-side key")
    parser.add_argument("--server-key", required=True, help="a server-side key of it, ser.…")
    parser.add_argument("--storing-key", help="the client-side key of a copy whose traits are stored")
    options = parser.parse_args()

    return Checks().run(
        options,
        environment_flags,
        situations_evaluated_remotely,
        situations_evaluated_locally,
        remote_equals_local,
        wrong_keys,
        analytics,
        traits_are_remembered,
        a_thousand_identities,
    )


if __name__ == "__main__":
    raise SystemExit(main())
