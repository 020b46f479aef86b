"""Puts the tables of `contents.py` into the first project of a Flagsmith, and writes down what was made."""

import json
import os
import time
import urllib.parse
from pathlib import Path
from typing import Any, Callable

import contents
from contents import Feature, IdentityOverride, SegmentOverride
from flagsmith import Flagsmith, Refused
from wire import Request, Unreachable, ask

Say = Callable[[str], None]

SETTLED = 120
"""Seconds that Flagsmith has for the tasks that seeding leaves behind."""


def seed(base: str, flagsmith: Flagsmith, say: Say) -> dict:
    """What was made: `flagsmith`, `project`, `environments` (each with its `client` and `server` key), `features` (ids)."""
    project = empty_project(flagsmith)
    say(f"seeding the project `{project['name']}`")
    seeding = Seeding(flagsmith, project["id"])
    seeding.features()
    seeding.segments()
    seeding.main()
    say(f"{len(contents.FEATURES)} features, {len(contents.SEGMENTS)} segments; environments")
    seeding.environments()
    keys = seeding.keys()
    ids = {name: feature["id"] for name, feature in seeding.made.items()}
    return {"flagsmith": base, "project": project["id"], "environments": keys, "features": ids}


def empty_project(flagsmith: Flagsmith) -> dict:
    """The first project: an open-source Flagsmith's plan has no more than one."""
    projects = flagsmith.all("projects/")
    if not projects:
        raise Refused("this Flagsmith has no project: make one, and leave it empty")
    project = projects[0]
    if flagsmith.all(f"projects/{project['id']}/features/"):
        raise Refused(
            f"the project `{project['name']}` has features already. Give an empty one, or with --seeded the file that"
            " an earlier run wrote"
        )
    return project


class Seeding:
    def __init__(self, flagsmith: Flagsmith, project: int):
        self.flagsmith = flagsmith
        self.project = project
        self.made: dict[str, dict] = {}
        """Features, as Flagsmith has them."""
        self.segment_ids: dict[str, int] = {}
        self.environment: dict[str, dict] = {}

    def features(self) -> None:
        self.environment["main"] = self.flagsmith.post("environments/", {"name": "main", "project": self.project})
        for feature in contents.FEATURES:
            self.made[feature.name] = self.feature(feature)

    def feature(self, feature: Feature) -> dict:
        path = f"projects/{self.project}/features/"
        body: dict[str, Any] = {
            "name": feature.name,
            "default_enabled": feature.enabled,
            "is_server_key_only": feature.server_only,
        }
        if isinstance(feature.value, str):
            body["initial_value"] = feature.value
        if feature.options:
            body["type"] = "MULTIVARIATE"
        made = self.flagsmith.post(path, body)
        for option in feature.options:
            share = {"feature": made["id"], "key": option.key, "default_percentage_allocation": option.share}
            self.flagsmith.post(f"{path}{made['id']}/mv-options/", {**typed(option.value), **share})
        if feature.archived:
            self.flagsmith.patch(f"{path}{made['id']}/", {"is_archived": True})
        return self.flagsmith.get(f"{path}{made['id']}/")

    def segments(self) -> None:
        path = f"projects/{self.project}/segments/"
        for segment in contents.SEGMENTS:
            body = {"name": segment.name, "project": self.project, "description": "", "rules": segment.rules}
            if segment.feature:
                body["feature"] = self.made[segment.feature]["id"]
            self.segment_ids[segment.name] = self.flagsmith.post(path, body)["id"]

    def main(self) -> None:
        """The environment that the others are cloned from, before identities have overrides."""
        main = self.environment["main"]
        for feature in contents.FEATURES:
            # What is no text cannot be a feature's initial value.
            if not isinstance(feature.value, str | None):
                self.set_value(main, feature)
        places: dict[str, int] = {}
        for override in contents.SEGMENT_OVERRIDES:
            place = places[override.feature] = places.get(override.feature, -1) + 1
            self.override_segment(main, override, place)

    def set_value(self, environment: dict, feature: Feature) -> None:
        path = f"environments/{environment['api_key']}/featurestates/"
        states = self.flagsmith.all(f"{path}?feature={self.made[feature.name]['id']}")
        [state] = [state for state in states if state["feature_segment"] is None and state["identity"] is None]
        self.flagsmith.put(f"{path}{state['id']}/", {"enabled": feature.enabled, "feature_state_value": feature.value})

    def override_segment(self, environment: dict, override: SegmentOverride, priority: int) -> None:
        feature = self.made[override.feature]
        body = {
            "feature_segment": {"segment": self.segment_ids[override.segment], "priority": priority},
            "enabled": override.enabled,
            "feature_state_value": typed(override.value),
        }
        path = f"environments/{environment['api_key']}/features/{feature['id']}/create-segment-override/"
        made = self.flagsmith.post(path, body)
        if override.shares:
            segment = made["feature_segment"]
            body["feature_segment"] = segment["id"] if isinstance(segment, dict) else segment
            body |= {"feature": feature["id"], "environment": environment["id"]}
            body["multivariate_feature_state_values"] = self.shares(override)
            self.flagsmith.put(f"features/featurestates/{made['id']}/", body)

    def environments(self) -> None:
        for name, switches in contents.ENVIRONMENTS.items():
            if name == "main":
                continue
            if name == "fresh":
                body = {"name": name, "project": self.project}
                self.environment[name] = self.flagsmith.post("environments/", body)
                continue
            self.environment[name] = self.clone(name, switches)
        for name, environment in self.environment.items():
            if name != "fresh":
                for override in contents.IDENTITY_OVERRIDES:
                    self.override_identity(environment, override)
        self.publish_version(self.environment["versioned"])

    def clone(self, name: str, switches: dict[str, bool]) -> dict:
        key = self.environment["main"]["api_key"]
        made = self.flagsmith.post(f"environments/{key}/clone/", {"name": name})
        path = f"environments/{made['api_key']}/"
        self.eventually(path, lambda environment: not environment["is_creating"])
        if switches:
            made = self.flagsmith.patch(path, {"name": name, "project": self.project, **switches})
        if name == "versioned":
            self.flagsmith.post(f"{path}enable-v2-versioning/", {})
            self.eventually(path, lambda environment: environment["use_v2_feature_versioning"])
        return made

    def eventually(self, path: str, done: Callable[[dict], bool]) -> None:
        deadline = time.monotonic() + SETTLED
        while not done(self.flagsmith.get(path)):
            if time.monotonic() > deadline:
                raise Unreachable(f"{self.flagsmith.base}: {path} is not done after {SETTLED} s: does it run its tasks?")
            time.sleep(0.5)

    def override_identity(self, environment: dict, override: IdentityOverride) -> None:
        path = f"environments/{environment['api_key']}/identities/"
        asked = urllib.parse.quote(f'"{override.identifier}"')
        found = self.flagsmith.all(f"{path}?q={asked}")
        identity = found[0] if found else self.flagsmith.post(path, {"identifier": override.identifier})
        body = {
            "feature": self.made[override.feature]["id"],
            "enabled": override.enabled,
            "feature_state_value": override.value,
        }
        if override.shares:
            body["multivariate_feature_state_values"] = self.shares(override)
        self.flagsmith.post(f"{path}{identity['id']}/featurestates/", body)

    def shares(self, override: SegmentOverride | IdentityOverride) -> list[dict]:
        # Flagsmith lists them in any order; their ids tell which was made first.
        options = sorted(self.made[override.feature]["multivariate_options"], key=lambda option: option["id"])
        return [
            {"multivariate_feature_option": option["id"], "percentage_allocation": share}
            for option, share in zip(options, override.shares, strict=True)
        ]

    def publish_version(self, environment: dict) -> None:
        feature = self.made[contents.VERSIONED]
        state = {"enabled": True, "feature_state_value": typed(contents.VERSIONED_VALUE)}
        path = f"environments/{environment['id']}/features/{feature['id']}/versions/"
        self.flagsmith.post(path, {"feature_states_to_update": [state], "publish_immediately": True})

    def keys(self) -> dict[str, dict[str, str]]:
        keys = {}
        for name, environment in self.environment.items():
            key = self.flagsmith.post(f"environments/{environment['api_key']}/api-keys/", {"name": "compare"})["key"]
            keys[name] = {"client": environment["api_key"], "server": key}
        return keys


def typed(value: Any) -> dict:
    """As options and states of overrides have it."""
    if isinstance(value, bool):
        return {"type": "bool", "boolean_value": value}
    if isinstance(value, int):
        return {"type": "int", "integer_value": value}
    return {"type": "unicode", "string_value": value}




def settle(seeded: dict) -> None:
    """Waits until no document changes any more: Flagsmith does much of its work after it has answered."""
    deadline = time.monotonic() + SETTLED
    before: list[str] = []
    while True:
        now = [lasting(seeded["flagsmith"], keys["server"]) for keys in seeded["environments"].values()]
        if now == before:
            return
        if time.monotonic() > deadline:
            raise Unreachable(f"{seeded['flagsmith']}: documents still change after {SETTLED} s")
        before = now
        time.sleep(2)


def lasting(base: str, key: str) -> str:
    """A document without what Flagsmith makes up anew for each answer."""
    request = Request("document", "GET", "/api/v1/environment-document/", (("X-Environment-Key", key),))
    answer = ask(base, request)
    if answer.status != 200:
        raise Refused(f"{base} does not know the environments: it is another Flagsmith, or another project")
    for identity in answer.body["identity_overrides"]:
        del identity["identity_uuid"]
    return json.dumps(answer.body)


def write(path: Path, value: Any) -> None:
    """For this user alone, since it holds keys."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(value, file, indent=1)


def manifest(seeded: dict) -> dict[str, list[str]]:
    """For `jackstaff serve --server-keys`."""
    return {keys["client"]: [keys["server"]] for keys in seeded["environments"].values()}
