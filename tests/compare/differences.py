"""Where Jackstaff answers otherwise than Flagsmith, and why: all of it. Whatever no condition here takes in is new.

Each condition names the request, the environment or the feature, and what both sides say, so that anything else at the same
place is new. Of a flag, that is what `contents.py` gives it, by default or by an override.
"""

import re
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Callable

import contents
from comparing import Difference
from documents import is_document
from flags import is_flag, is_flags, is_identity
from values import MISSING, same


@dataclass(frozen=True)
class Known:
    name: str
    reason: str
    applies: Callable[[Difference], bool]


def classify(difference: Difference) -> Known | None:
    return next((known for known in KNOWN if known.applies(difference)), None)


# Flags: what contents.py lets them be.

SPLIT_BY_KEY = {"mv_text", "mv_all", "mv_int", "mv_bool", "mv_keyed", "mv_server_only", "mv_segment", "mv_identity"}
SPLIT_BY_KEY |= {"flag_split_half", "flag_split_tenth"}
"""Features that go by the key that an identity is hashed with."""

SPLIT_BY_IDENTIFIER = {"flag_split_by_identifier"}

FOR_NOBODY = {"flag_is_not_set", "flag_environment_name", "flag_none_of"}
"""Features with an override of a segment that holds for nobody."""


def flag_of(difference: Difference) -> str | None:
    """The feature, if a flag differs, or is there on one side alone."""
    if difference.place.startswith("flag "):
        return difference.place.removeprefix("flag ")
    if difference.place == "status":
        bodies = [body for _, body in (difference.theirs, difference.ours)]
        return next((body["feature"]["name"] for body in bodies if is_flag(body)), None)
    return None


def sides(difference: Difference) -> tuple[Any, Any]:
    """Both flags; that of an answer which says that there is none is missing."""
    if difference.place != "status":
        return difference.theirs, difference.ours
    return tuple(
        MISSING if [status, body] == [404, {"detail": "Given feature not found"}] else body
        for status, body in (difference.theirs, difference.ours)
    )


def is_default(flag: Any, name: str) -> bool:
    feature = contents.feature(name)
    return flag != MISSING and feature is not None and states(flag, feature.enabled, [feature.value])


def is_override(flag: Any, name: str) -> bool:
    """What its own segment gives the feature `flag_NAME`."""
    [override] = contents.overrides_of(name)
    return flag != MISSING and states(flag, override.enabled, [override.value])


def states(flag: dict, enabled: bool, values: list) -> bool:
    return flag["enabled"] is enabled and any(same(flag["feature_state_value"], value) for value in values)


def is_possible(flag: Any, name: str) -> bool:
    """One of the states that a feature can have for somebody without overrides of their own."""
    feature = contents.feature(name)
    if flag == MISSING or feature is None:
        return False
    options = [option.value for option in feature.options]
    keys = [option.key for option in feature.options] + ["control"] if options else [None]
    wanted = [(feature.enabled, feature.value)]
    wanted += [(override.enabled, override.value) for override in contents.overrides_of(name)]
    return flag.get("variant") in keys and any(states(flag, enabled, [value, *options]) for enabled, value in wanted)


# The differences of flags.


def is_for_flags(difference: Difference) -> bool:
    return difference.request.path.startswith("/api/v1/flags")


def evaluation_for_nobody(difference: Difference) -> bool:
    name = flag_of(difference)
    if not is_for_flags(difference) or name not in FOR_NOBODY:
        return False
    theirs, ours = sides(difference)
    hidden = difference.environment == "hide_disabled" and theirs == MISSING
    return (hidden or is_default(theirs, name)) and is_override(ours, name)


def look_ahead(difference: Difference) -> bool:
    name = "flag_regex_look_ahead"
    theirs, ours = sides(difference)
    hidden = difference.environment == "hide_disabled" and ours == MISSING
    return flag_of(difference) == name and is_override(theirs, name) and (hidden or is_default(ours, name))


def hidden_from_clients(difference: Difference) -> bool:
    feature = contents.feature(flag_of(difference) or "")
    if not is_for_flags(difference) or difference.environment != "hide_disabled" or difference.request.key != "client":
        return False
    theirs, ours = sides(difference)
    return feature is not None and feature.server_only and is_default(theirs, feature.name) and ours == MISSING


def row_number(difference: Difference) -> bool:
    name = flag_of(difference)
    of_somebody = difference.request.path.startswith("/api/v1/identities")
    if not of_somebody or difference.environment != "row_number_hashing" or name not in SPLIT_BY_KEY:
        return False
    pinned = (difference.request.identifier, name) == (contents.PINNED.identifier, contents.PINNED.feature)
    return not pinned and all(is_possible(flag, name) for flag in sides(difference))


def overrides_not_in_the_document(difference: Difference) -> bool:
    name = flag_of(difference)
    if difference.environment != "no_overrides_in_document":
        return False
    theirs, ours = sides(difference)
    return any(
        (override.identifier, override.feature) == (difference.request.identifier, name)
        and theirs != MISSING
        and states(theirs, override.enabled, given(override))
        and is_possible(ours, name)
        for override in contents.IDENTITY_OVERRIDES
    )


def given(override: contents.IdentityOverride) -> list:
    """The values that an override can give: that of the option with a share, if there is one."""
    options = contents.feature(override.feature).options
    return [option.value for option, share in zip(options, override.shares) if share] or [override.value]


def numeric_looking(difference: Difference) -> bool:
    name = flag_of(difference)
    if difference.request.identifier != "007" or name not in SPLIT_BY_IDENTIFIER:
        return False
    theirs, ours = sides(difference)
    hidden = difference.environment == "hide_disabled" and ours == MISSING
    return is_override(theirs, name) and (hidden or is_default(ours, name))


def made_anew(difference: Difference) -> bool:
    """The one feature of which a version was published: last on their side, and at its old place on ours."""
    if difference.environment != "versioned" or difference.place != "order of flags":
        return False
    others = [name for name in difference.ours if name != contents.VERSIONED]
    return contents.VERSIONED in difference.ours and difference.theirs == [*others, contents.VERSIONED]


def random_name(difference: Difference) -> bool:
    request = difference.request
    no_traits = not request.traits or (difference.environment == "no_client_traits" and request.key == "client")
    if request.name not in ("POST nameless identity", "body: no identifier, no traits") or not no_traits:
        return False
    if difference.place == "identifier":
        return all(re.fullmatch("[0-9a-f]{32}", name) for name in (difference.theirs, difference.ours))
    name = flag_of(difference)
    return name in SPLIT_BY_KEY | SPLIT_BY_IDENTIFIER and all(is_possible(flag, name) for flag in sides(difference))


# The differences of documents.


def is_for_the_document(difference: Difference) -> bool:
    return difference.request.path.startswith("/api/v1/environment-document/")


def document(pattern: str, holds: Callable[[Any, Any], bool]) -> Callable[[Difference], bool]:
    """At these paths, what both sides say."""

    def applies(difference: Difference) -> bool:
        at_place = is_for_the_document(difference) and re.fullmatch(pattern, difference.place) is not None
        return at_place and holds(difference.theirs, difference.ours)

    return applies


def is_time(text: Any) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except (TypeError, ValueError):
        return False


def is_uuid(text: Any) -> bool:
    try:
        return uuid.UUID(text).version == 4
    except (AttributeError, TypeError, ValueError):
        return False


def both(holds: Callable[[Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda theirs, ours: holds(theirs) and holds(ours)


def is_sorted(theirs: list, ours: list) -> bool:
    return sorted(theirs) == ours


OF_IDENTITY = r"identity_overrides\[.*\]"
OF_VARIANT = r".*\.multivariate_feature_state_values\[\d+\]"


def rank(difference: Difference) -> bool:
    place = re.fullmatch(r".*\.multivariate_feature_state_values\[(\d+)\]\.id", difference.place)
    if not is_for_the_document(difference) or place is None:
        return False
    return isinstance(difference.theirs, int) and difference.ours == int(place[1])


# The differences of odd requests.

Says = Callable[[Any], bool]
"""Of one side: what it says, which is [status, body], [content type, body] or the place's value."""


def odd(names: str, place: str, theirs: Says, ours: Says) -> Callable[[Difference], bool]:
    """Of requests with these names (a pattern), at this place, what both sides say."""

    def applies(difference: Difference) -> bool:
        named = difference.environment == "main" and re.fullmatch(names, difference.request.name) is not None
        return named and difference.place == place and theirs(difference.theirs) and ours(difference.ours)

    return applies


def one_of(*conditions: Callable[[Difference], bool]) -> Callable[[Difference], bool]:
    return lambda difference: any(applies(difference) for applies in conditions)


def exactly(value: Any) -> Says:
    return lambda side: same(side, value)


def head(value: Any) -> Says:
    """A status or a content type, with any body."""
    return lambda side: same(side[0], value)


def served(side: Any) -> bool:
    status, body = side
    return status in (200, "application/json") and (is_flags(body) or is_identity(body) or is_document(body))


def refused(side: Any) -> bool:
    """With words for what is wrong."""
    return side[0] == 400 and isinstance(side[1], dict)


def no_json(body: Any) -> bool:
    return isinstance(body, dict) and list(body) == ["detail"] and body["detail"].startswith("JSON parse error - ")


def marked(difference: Difference) -> bool:
    """The same traits, each of them transient on their side alone."""
    of_whom = "body: (transient identity(, as text)?|identifier (null|empty|blank)|no identifier(, null trait)?)"
    if difference.place != "traits" or not re.fullmatch(of_whom, difference.request.name):
        return False
    return same(difference.theirs, [trait | {"transient": True} for trait in difference.ours])


ROUTE = "(flags|identities|environment-document)"
FAILS = (
    "identities: (NUL|2001 characters)"
    r"|body: (2\^31|2\^63|1e400|one trait twice|identifier of 2001 characters|trait with NUL|half a surrogate pair)"
    "|story: one trait, wrong 2"
)
NOT_FOUND = {"detail": "Not Found"}


KNOWN = [
    Known(
        "flags for nobody",
        "GET /flags/ is the evaluation for nobody: segments that need nobody count. Flagsmith 2.265 gives the environment's"
        " defaults",
        evaluation_for_nobody,
    ),
    Known(
        "look-ahead",
        "regular expressions run in linear time, so that look-around never matches; a warning says so at publication",
        look_ahead,
    ),
    Known(
        "server-only where disabled flags are hidden",
        "with hide_disabled_flags, Flagsmith shows a client's key enabled server-only features in GET /flags/",
        hidden_from_clients,
    ),
    Known(
        "row numbers",
        "without use_identity_composite_key_for_hashing Flagsmith hashes the number of its row, which no document has",
        row_number,
    ),
    Known(
        "overrides that are in no document",
        "without use_identity_overrides_in_local_eval overrides of identities are not in the document",
        overrides_not_in_the_document,
    ),
    Known(
        "numeric-looking text",
        "a split on $.identity.identifier goes by the text 007; Flagsmith's engine makes the number 7 of it first",
        numeric_looking,
    ),
    Known(
        "order after a new version",
        "a feature keeps its place in the document when a version of it is published; Flagsmith lists it last",
        made_anew,
    ),
    Known(
        "random names",
        "somebody without a name and without traits is named at random, on both sides; a client's traits do not count where"
        " allow_client_traits is off",
        random_name,
    ),
    Known(
        "document: updated_at",
        "Jackstaff gives the time of the revision, since Flagsmith's sometimes goes backwards",
        document("updated_at", both(is_time)),
    ),
    Known(
        "document: options without a key",
        "the key of an option is left out where it has none: Python before 3.3 cannot read null",
        document(r".*multivariate_feature_option\.key", lambda theirs, ours: theirs is None and ours == MISSING),
    ),
    Known(
        "document: identity_uuid",
        "Flagsmith makes up a new one for each answer; Jackstaff derives one",
        document(rf"{OF_IDENTITY}\.identity_uuid", both(is_uuid)),
    ),
    Known(
        "document: dates and rows of identities",
        "no evaluation reads created_date and django_id: they are one date, and null",
        one_of(
            document(rf"{OF_IDENTITY}\.created_date", both(is_time)),
            document(rf"{OF_IDENTITY}\.django_id", lambda theirs, ours: isinstance(theirs, int) and ours is None),
        ),
    ),
    Known(
        "document: dashboard_alias",
        "a member for Flagsmith's pages, which Jackstaff leaves out",
        document(rf"{OF_IDENTITY}\.dashboard_alias", lambda theirs, ours: theirs is None and ours == MISSING),
    ),
    Known(
        "document: featurestate_uuid",
        "derived from the django_id beside it, by which SDKs hash",
        document(r".*\.?(feature_states|identity_features)\[[^\]]*\]\.featurestate_uuid", both(is_uuid)),
    ),
    Known(
        "document: ids of variants",
        "SDKs order variants by them, and nothing else: id is the place in that order, and mv_fs_value_uuid derived from it",
        one_of(rank, document(rf"{OF_VARIANT}\.mv_fs_value_uuid", both(is_uuid))),
    ),
    Known(
        "document: order",
        "what has no order is sorted: identities, their overrides, overrides of a segment, variants, server-only features",
        document(
            rf"order of (identity_overrides|{OF_IDENTITY}\.identity_features|project\.segments\[.*\]\.feature_states"
            r"|.*\.multivariate_feature_state_values)|project\.server_key_only_feature_ids",
            is_sorted,
        ),
    ),
    Known(
        "document: identities without overrides",
        "they are as if they were not there, and are left out",
        document(OF_IDENTITY, lambda theirs, ours: theirs.get("identity_features") == [] and ours == MISSING),
    ),
    Known(
        "odd: slashes",
        "paths are served with and without the slash at the end, and with two: a redirect would cost a POST its body",
        one_of(
            odd(f"{ROUTE}: no slash|identities: POST without a slash", "status", exactly([301, ""]), served),
            odd(f"{ROUTE}: two slashes", "status", head(404), served),
        ),
    ),
    Known(
        "odd: OPTIONS",
        "OPTIONS is answered for browsers alone, with an empty 200, and needs no key; Flagsmith describes the route",
        one_of(
            odd(f"{ROUTE}: OPTIONS", "content type", head("application/json"), exactly(["", ""])),
            odd(f"{ROUTE}: OPTIONS without a key", "status", head(403), exactly([200, ""])),
            odd(f"{ROUTE}: preflight", "content type", exactly(["text/html", ""]), exactly(["", ""])),
        ),
    ),
    Known(
        "odd: Accept",
        "there is JSON and nothing else; Flagsmith has pages for some routes, and a 406",
        one_of(
            odd(f"{ROUTE}: Accept (text/html|application/xml)", "status", head(406), served),
            odd(f"{ROUTE}: Accept text/html", "content type", head("text/html"), served),
        ),
    ),
    Known(
        "odd: empty feature",
        "an empty ?feature= asks for all flags; Flagsmith gives whichever is the first",
        odd("flags: empty feature", "body", is_flag, is_flags),
    ),
    Known(
        "odd: feature in another case",
        "?feature= finds a feature in another case on every route; Flagsmith on /flags/ alone",
        odd(
            "identities: feature in another case",
            "status",
            exactly([404, {"detail": "Given feature not found"}]),
            lambda side: side[0] == 200 and is_flag(side[1]),
        ),
    ),
    Known(
        "odd: missing identifier",
        "a GET without an identifier is a mistake of the client, and a 400; Flagsmith says so with a 200",
        odd(
            "identities: (no|empty) identifier",
            "status",
            exactly([200, {"detail": "Missing identifier"}]),
            exactly([400, {"detail": "Missing identifier"}]),
        ),
    ),
    Known(
        "odd: letter of a 403",
        "Flagsmith writes `key` or `Key`, by the key's prefix, for the document",
        odd(
            "environment-document: unknown client key",
            "body",
            exactly({"detail": "Invalid or missing Environment key"}),
            exactly({"detail": "Invalid or missing Environment Key"}),
        ),
    ),
    Known(
        "odd: no JSON",
        "the words after `JSON parse error - ` are those of another parser",
        odd("body: (broken JSON|no JSON|comma at the end|bad UTF-8|byte order mark|NaN)", "body", no_json, no_json),
    ),
    Known(
        "odd: null as the body",
        "refused with other words",
        odd(
            "body: null",
            "body",
            exactly({"non_field_errors": ["No data provided"]}),
            exactly({"non_field_errors": ["Invalid data. Expected a dictionary, but got NoneType."]}),
        ),
    ),
    Known(
        "odd: no body, one member twice",
        "both are refused; to Flagsmith the one is somebody without a name, and of the other the last counts",
        odd("body: (empty|one member twice)", "status", served, lambda side: side[0] == 400 and no_json(side[1])),
    ),
    Known(
        "odd: ignored members",
        "null in place of traits, and null or nonsense in place of an identity's `transient`, are as if they were not there",
        odd("body: (traits null|transient identity: (null|nonsense)|transient trait: null)", "status", refused, served),
    ),
    Known(
        "odd: media types",
        "a body without a media type is taken for JSON, which all SDKs send, and a form is not taken",
        one_of(
            odd("media type: none", "status", head(415), served),
            odd("media type: form", "status", served, head(415)),
        ),
    ),
    Known(
        "odd: transient by the identity",
        "traits come back as they were sent; Flagsmith marks each as transient if the identity is, or has no name",
        marked,
    ),
    Known(
        "odd: a trait sent twice",
        "of two entries for one trait the last is given back; Flagsmith gives back both if one is transient",
        odd(
            "body: one (transient trait twice|trait stored and transient)",
            "traits",
            lambda traits: [trait["trait_key"] for trait in traits] == ["s", "s"],
            lambda traits: [trait["trait_key"] for trait in traits] == ["s"],
        ),
    ),
    Known(
        "odd: transient null",
        "a trait that is deleted leaves no trace; Flagsmith gives back a transient one",
        odd(
            "body: transient null trait",
            "traits",
            exactly([{"trait_key": "s", "trait_value": None, "transient": True}]),
            exactly([]),
        ),
    ),
    Known(
        "odd: pages",
        "a page that is not there is gone; Flagsmith knows no pages",
        odd("document: page_id", "status", served, head(410)),
    ),
    Known(
        "odd: routes of other servers of Flagsmith's",
        "events, identities in bulk and OpenFeature's protocol are taken here; with Flagsmith, other servers do that, or none",
        odd(
            "route: (events|bulk identities|/ofrep/v1/evaluate/flags)|story: of several 0",
            "status",
            head(404),
            lambda side: side[0] in (202, 400, 405),
        ),
    ),
    Known(
        "story: one trait twice",
        "of two entries for one trait of one request the last counts; with Flagsmith the first, where it was not set before",
        odd("story: several traits 6", "traits", lambda traits: traits[-1]["trait_value"] == 1, lambda traits: traits[-1]["trait_value"] == 2),
    ),
    Known(
        "story: an object in place of a list",
        "what is no list is refused; to Flagsmith an empty object is an empty list",
        odd("story: several traits, wrong 0", "status", exactly([200, []]), head(400)),
    ),
    Known(
        "odd: Flagsmith fails",
        "where Flagsmith answers 500, Jackstaff serves, or says what is wrong",
        odd(FAILS, "status", head(500), lambda side: served(side) or refused(side)),
    ),
    Known(
        "odd: a feature of a POST",
        "?feature= is heard in a POST, too",
        odd("identities: POST with a feature", "body", is_identity, is_flag),
    ),
    Known(
        "odd: conditions",
        "If-None-Match is heard, and If-Unmodified-Since is not: nothing is ever written here",
        one_of(
            odd("document: If-None-Match any", "status", served, exactly([304, ""])),
            odd("document: If-Unmodified-Since long ago", "status", exactly([412, ""]), served),
        ),
    ),
    Known(
        "odd: other routes",
        "what SDKs do not need is 404, and JSON; Flagsmith still has routes of SDKs before 2020, and says 404 in HTML",
        one_of(
            odd("route: .*", "content type", head("text/html"), exactly(["application/json", NOT_FOUND])),
            odd("route: (identities by path|flags by path|/robots.txt)", "status", head(200), exactly([404, NOT_FOUND])),
        ),
    ),
]
"""The first whose condition holds has a difference."""
