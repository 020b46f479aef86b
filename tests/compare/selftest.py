"""Tests of what needs no server: comparing two answers and two documents, and the list of differences.

    python3 tests/compare/selftest.py
"""

import json
import unittest
from typing import Any

import contents
from comparing import Difference, compare
from differences import KNOWN, classify
from documents import compare_documents
from questions import questions
from raw import raw_requests
from report import Findings, alike
from values import MISSING
from wire import Answer, Request


def flag(name: str, enabled: bool, value: Any, **more: Any) -> dict:
    feature = {"id": 1, "name": name, "type": "STANDARD"}
    return {"feature": feature, "enabled": enabled, "feature_state_value": value, **more}


def of_core(flag: dict) -> dict:
    """As Flagsmith's core answers."""
    more = {"id": 7, "environment": 3, "identity": None, "feature_segment": None}
    of_feature = {"created_date": "2026-01-01", "description": None, "initial_value": "x", "default_enabled": True}
    return flag | more | {"feature": flag["feature"] | of_feature}


def identity(flags: list[dict], traits: list[dict] | None = None) -> dict:
    return {"identifier": "ann", "traits": traits or [], "flags": flags}


def answer(body: Any, status: int = 200, content_type: str = "application/json") -> Answer:
    return Answer(status, content_type, body)


def places(theirs: Any, ours: Any) -> list[str]:
    return [place for place, _, _ in compare(answer(theirs), answer(ours))]


class Answers(unittest.TestCase):
    def test_what_only_the_core_has_is_left_out_on_its_side_alone(self) -> None:
        one = flag("text", True, "blue", variant=None)
        stored = {"trait_key": "plan", "trait_value": "gold"}
        self.assertEqual(places([of_core(one)], [one]), [])
        self.assertEqual(places(of_core(one), one), [])
        of_theirs = identity([of_core(one)], [stored | {"id": 5, "transient": False}])
        self.assertEqual(places(of_theirs, identity([one], [stored])), [])
        self.assertEqual(places([one], [of_core(one)]), ["flag text"])
        self.assertEqual(places(identity([], [stored]), identity([], [stored | {"transient": False}])), ["traits"])

    def test_members_that_are_not_known_are_compared(self) -> None:
        one = flag("text", True, "blue")
        self.assertEqual(places([of_core(one) | {"more": 1}], [one]), ["flag text"])
        self.assertEqual(places([of_core(one)], [one | {"more": 1}]), ["flag text"])
        self.assertEqual(places(identity([one]) | {"more": 1}, identity([one])), ["more"])

    def test_reasons_are_compared_where_flagsmith_has_them(self) -> None:
        one, split = (flag("text", True, "blue", reason=reason) for reason in ("DEFAULT", "SPLIT; weight=30"))
        self.assertEqual(places([of_core(flag("text", True, "blue"))], [one]), [])
        self.assertEqual(places([of_core(one)], [one]), [])
        self.assertEqual(places([of_core(one)], [split]), ["flag text"])
        self.assertEqual(places([of_core(one)], [flag("text", True, "blue")]), ["flag text"])
        self.assertEqual(places([], [one]), ["flag text"])

    def test_types_of_values_count(self) -> None:
        for theirs, ours in [(1, True), (1, 1.0), (0, False), ("1", 1), (None, ""), ("", False)]:
            self.assertEqual(places([flag("f", True, theirs)], [flag("f", True, ours)]), ["flag f"], (theirs, ours))
            traits = [[{"trait_key": "k", "trait_value": value}] for value in (theirs, ours)]
            self.assertEqual(places(identity([], traits[0]), identity([], traits[1])), ["traits"], (theirs, ours))

    def test_order_counts(self) -> None:
        f, g = flag("f", True, 1), flag("g", True, 2)
        self.assertEqual(places([f, g], [g, f]), ["order of flags"])
        self.assertEqual(places([f, g], [g]), ["flag f"])
        a, b = ({"trait_key": key, "trait_value": 1} for key in "ab")
        self.assertEqual(places(identity([], [a, b]), identity([], [b, a])), ["traits"])

    def test_status_and_content_type_come_first(self) -> None:
        self.assertEqual(compare(answer("no", 404), answer("no", 500)), [("status", [404, "no"], [500, "no"])])
        [(place, *_)] = compare(answer("a", content_type="text/html"), answer("b"))
        self.assertEqual(place, "content type")
        self.assertEqual(places({"detail": "a"}, {"detail": "b"}), ["body"])


class Documents(unittest.TestCase):
    def test_items_are_known_by_what_names_them(self) -> None:
        theirs = {"feature_states": [flag("f", True, 1), flag("g", True, 2)]}
        ours = {"feature_states": [flag("g", False, 2), flag("f", True, 1)]}
        found = compare_documents(theirs, ours)
        self.assertIn(("feature_states[g].enabled", True, False), found)
        self.assertEqual(found[-1][0], "order of feature_states")
        self.assertEqual(len(found), 2)

    def test_variants_are_known_by_the_order_of_their_ids(self) -> None:
        variants = [{"id": 12, "percentage_allocation": 1.0}, {"id": 11, "percentage_allocation": 2.0}]
        derived = [{"id": 1, "percentage_allocation": 2.0}, {"id": 2, "percentage_allocation": 1.0}]
        name = "multivariate_feature_state_values"
        found = [place for place, _, _ in compare_documents({name: variants}, {name: derived})]
        self.assertEqual(found, [f"{name}[2].id", f"{name}[1].id", f"order of {name}"])

    def test_what_one_side_lacks(self) -> None:
        self.assertEqual(compare_documents({"a": None}, {}), [("a", None, MISSING)])
        self.assertEqual(compare_documents({"rules": [{}]}, {"rules": []}), [("rules", [{}], [])])
        self.assertEqual(compare_documents({"a": {"b": 1}}, {"a": {"b": 1.0}}), [("a.b", 1, 1.0)])


def name_of(environment: str, request: Request, place: str, theirs: Any, ours: Any) -> str | None:
    known = classify(Difference(environment, request, place, theirs, ours))
    return known and known.name


FLAGS = Request("GET flags", "GET", "/api/v1/flags/", key="client")
IDENTITY = Request("POST identity", "POST", "/api/v1/identities/", key="client", identifier="user-9", traits=("plan",))
DOCUMENT = Request("GET environment-document", "GET", "/api/v1/environment-document/", key="server")
UUIDS = "3b0b3b0e-60ac-4c44-9a3c-0c7a2d0a7d11", "c2b7a8b3-5bb7-4cd0-8e0e-4b2f7c6ad001"


class List(unittest.TestCase):
    def test_flags_for_nobody(self) -> None:
        name = "flag_is_not_set"
        theirs, ours = flag(name, False, "default"), flag(name, True, "matched is_not_set")
        place = f"flag {name}"
        self.assertEqual(name_of("main", FLAGS, place, theirs, ours), "flags for nobody")
        self.assertEqual(name_of("hide_disabled", FLAGS, place, MISSING, ours), "flags for nobody")
        self.assertIsNone(name_of("main", FLAGS, place, MISSING, ours))
        self.assertIsNone(name_of("main", FLAGS, place, ours, theirs))
        self.assertIsNone(name_of("main", FLAGS, place, theirs, ours | {"feature_state_value": "other"}))
        self.assertIsNone(name_of("main", IDENTITY, place, theirs, ours))

    def test_the_same_of_a_feature_that_needs_somebody_is_new(self) -> None:
        theirs, ours = flag("flag_is_set", False, "default"), flag("flag_is_set", True, "matched is_set")
        self.assertIsNone(name_of("main", FLAGS, "flag flag_is_set", theirs, ours))

    def test_server_only_where_disabled_flags_are_hidden(self) -> None:
        one = flag("server_only", True, "secret")
        self.assertIsNotNone(name_of("hide_disabled", FLAGS, "flag server_only", one, MISSING))
        self.assertIsNone(name_of("main", FLAGS, "flag server_only", one, MISSING))
        self.assertIsNone(name_of("hide_disabled", FLAGS, "flag server_only", MISSING, one))
        self.assertIsNone(name_of("hide_disabled", FLAGS, "flag text", flag("text", True, "blue"), MISSING))

    def test_row_numbers_change_splits_and_nothing_else(self) -> None:
        left, control = flag("mv_text", True, "left", variant=None), flag("mv_text", True, "control", variant="control")
        self.assertEqual(name_of("row_number_hashing", IDENTITY, "flag mv_text", left, control), "row numbers")
        self.assertIsNone(name_of("main", IDENTITY, "flag mv_text", left, control))
        self.assertIsNone(name_of("row_number_hashing", IDENTITY, "flag mv_text", left, control | {"enabled": False}))
        self.assertIsNone(name_of("row_number_hashing", IDENTITY, "flag mv_text", left, control | {"variant": "left"}))
        pinned = flag("mv_identity", True, "left", variant=None), flag("mv_identity", True, "control", variant="control")
        self.assertIsNone(name_of("row_number_hashing", IDENTITY, "flag mv_identity", *pinned))

    def test_overrides_that_are_in_no_document(self) -> None:
        theirs = flag("mv_identity", True, "left", variant=None)
        ours = flag("mv_identity", True, "control", variant="control")
        where = "no_overrides_in_document"
        self.assertIsNotNone(name_of(where, IDENTITY, "flag mv_identity", theirs, ours))
        self.assertIsNone(name_of("main", IDENTITY, "flag mv_identity", theirs, ours))
        self.assertIsNone(name_of(where, IDENTITY, "flag mv_identity", ours, theirs))

    def test_random_names_are_only_for_those_without_name_and_traits(self) -> None:
        nameless = Request("POST nameless identity", "POST", "/api/v1/identities/", key="client", traits=("plan",))
        names = "0" * 32, "f" * 32
        self.assertEqual(name_of("no_client_traits", nameless, "identifier", *names), "random names")
        self.assertIsNone(name_of("main", nameless, "identifier", *names))
        self.assertIsNone(name_of("no_client_traits", nameless, "identifier", names[0], "ann"))

    def test_documents(self) -> None:
        of = lambda *pair: name_of("main", DOCUMENT, *pair)  # noqa: E731
        self.assertEqual(of("identity_overrides[a.b].identity_uuid", *UUIDS), "document: identity_uuid")
        self.assertIsNone(of("identity_overrides[a.b].identity_uuid", UUIDS[0], None))
        self.assertIsNone(of("identity_overrides[a.b].identifier", *UUIDS))
        variant = "feature_states[mv].multivariate_feature_state_values[2].id"
        self.assertEqual(of(variant, 40, 2), "document: ids of variants")
        self.assertIsNone(of(variant, 40, 1))
        order = "order of identity_overrides"
        self.assertEqual(of(order, ["b", "a"], ["a", "b"]), "document: order")
        self.assertIsNone(of(order, ["a", "b"], ["b", "a"]))
        self.assertIsNone(of("order of feature_states", ["b", "a"], ["a", "b"]))
        self.assertIsNone(of("name", "main", "other"))

    def test_odd_requests(self) -> None:
        def of(name: str, place: str, theirs: Any, ours: Any, environment: str = "main") -> str | None:
            return name_of(environment, Request(name, "POST", "/api/v1/identities/", key="server"), place, theirs, ours)

        found = identity([flag("f", True, 1)])
        wrong = {"detail": "JSON parse error - why"}
        self.assertEqual(of("identities: no slash", "status", [301, ""], [200, found]), "odd: slashes")
        self.assertIsNone(of("identities: no slash", "status", [301, ""], [500, ""]))
        self.assertIsNone(of("identities: no slash", "status", [301, ""], [200, found], "fresh"))
        self.assertEqual(of("body: no JSON", "body", wrong, {"detail": "JSON parse error - other"}), "odd: no JSON")
        self.assertIsNone(of("body: no JSON", "body", wrong, {"detail": "other"}))
        self.assertIsNone(of("body: a list", "body", wrong, wrong))
        self.assertEqual(of("body: 2^31", "status", [500, "<html>"], [200, found]), "odd: Flagsmith fails")
        self.assertIsNone(of("body: 2^31", "status", [500, "<html>"], [503, {}]))
        self.assertIsNone(of("body: 2^31", "status", [200, found], [400, {}]))

    def test_numeric_looking_identifiers(self) -> None:
        name = "flag_split_by_identifier"
        theirs, ours = flag(name, True, "matched split_by_identifier"), flag(name, False, "default")
        of = lambda identifier: Request("GET identity", "GET", "/api/v1/identities/", key="client", identifier=identifier)
        self.assertEqual(name_of("main", of("007"), f"flag {name}", theirs, ours), "numeric-looking text")
        self.assertEqual(name_of("hide_disabled", of("007"), f"flag {name}", theirs, MISSING), "numeric-looking text")
        self.assertIsNone(name_of("main", of("user-9"), f"flag {name}", theirs, ours))
        self.assertIsNone(name_of("main", of("007"), f"flag {name}", theirs, MISSING))

    def test_order_after_a_new_version(self) -> None:
        theirs, ours = ["number", "json_text", "text"], ["number", "text", "json_text"]
        self.assertEqual(name_of("versioned", FLAGS, "order of flags", theirs, ours), "order after a new version")
        self.assertIsNone(name_of("main", FLAGS, "order of flags", theirs, ours))
        self.assertIsNone(name_of("versioned", FLAGS, "order of flags", ["json_text", "number", "text"], ours))

    def test_a_trait_sent_twice(self) -> None:
        request = Request("body: one trait stored and transient", "POST", "/api/v1/identities/", key="server")
        last = {"trait_key": "s", "trait_value": "b", "transient": True}
        both = [{"trait_key": "s", "trait_value": "a"}, last]
        self.assertEqual(name_of("main", request, "traits", both, [last]), "odd: a trait sent twice")
        self.assertIsNone(name_of("main", request, "traits", [last], both))

    def test_marks_of_transient_traits(self) -> None:
        request = Request("body: transient identity", "POST", "/api/v1/identities/", key="server")
        sent = [{"trait_key": "plan", "trait_value": "gold"}]
        marked = [sent[0] | {"transient": True}]
        self.assertEqual(name_of("main", request, "traits", marked, sent), "odd: transient by the identity")
        self.assertIsNone(name_of("main", request, "traits", sent, marked))
        self.assertIsNone(name_of("main", request, "traits", marked, []))

    def test_each_has_a_name_of_its_own_and_a_reason(self) -> None:
        names = [known.name for known in KNOWN]
        self.assertEqual(len(names), len(set(names)))
        self.assertTrue(all(known.reason for known in KNOWN))


class Reports(unittest.TestCase):
    def test_what_is_alike_is_shown_once(self) -> None:
        of = lambda environment, ours: Difference(environment, FLAGS, "flag f", 1, ours)  # noqa: E731
        kinds = alike([of("main", 2), of("fresh", 2), of("main", 3)])
        self.assertEqual([len(found) for found in kinds], [2, 1])

    def test_what_is_not_listed_is_new(self) -> None:
        findings = Findings()
        findings.add(Difference("main", FLAGS, "flag text", 1, 2))
        findings.add(Difference("main", DOCUMENT, "identity_overrides[vip].identity_uuid", *UUIDS))
        self.assertEqual((findings.differences, len(findings.new)), (2, 1))


class Requests(unittest.TestCase):
    def test_the_same_for_the_same_seed(self) -> None:
        of = lambda seed: list(questions("key", "client", 20, seed))  # noqa: E731
        self.assertEqual(of(1), of(1))
        self.assertNotEqual(of(1), of(2))

    def test_traits_are_transient(self) -> None:
        bodies = [json.loads(request.body) for request in questions("key", "client", 50, 1) if request.body]
        self.assertTrue(all(trait["transient"] for body in bodies for trait in body["traits"]))

    def test_odd_requests_have_names_of_their_own(self) -> None:
        names = [request.name for request in raw_requests("key", "ser.key", run="1")]
        self.assertEqual(len(names), len(set(names)))


    def test_identities_of_odd_requests_are_new_in_each_run(self) -> None:
        bodies = [request.body for request in raw_requests("key", "ser.key", run="7f") if request.body]
        self.assertTrue(any(b'"raw-7f-1"' in body for body in bodies))
        self.assertFalse(any(b'"raw-1"' in body for body in bodies))


class Contents(unittest.TestCase):
    def test_all_operators_occur(self) -> None:
        found: set[str] = set()

        def walk(rules: list[dict]) -> None:
            for rule in rules:
                found.update(condition["operator"] for condition in rule["conditions"])
                walk(rule["rules"])

        for segment in contents.SEGMENTS:
            walk(segment.rules)
        self.assertEqual(len(found), 14, found)

    def test_what_is_named_is_there(self) -> None:
        names = {feature.name for feature in contents.FEATURES}
        segments = {segment.name for segment in contents.SEGMENTS}
        for override in contents.SEGMENT_OVERRIDES:
            self.assertIn(override.feature, names)
            self.assertIn(override.segment, segments)
        for override in contents.IDENTITY_OVERRIDES:
            self.assertIn(override.feature, names)


if __name__ == "__main__":
    unittest.main()
