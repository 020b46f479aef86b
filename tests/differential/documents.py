"""Random environment documents, and identities to evaluate them for: what the contexts of `contexts.py` say, as documents."""

from random import Random
from uuid import UUID
from zlib import crc32

from contexts import dependencies, general, variant


def document(seed: str, number: int) -> dict:
    """A `document` and the `identity` to evaluate it for; none for nobody."""
    random = Random(f"{seed}/document/{number}")
    made = dependencies(random) if random.random() < 0.1 else general(random)
    names = list(made["features"])
    identity = made.get("identity")
    identifiers = [f"user-{at}" for at in range(3)] + ([identity["identifier"]] * 2 if identity else [])
    document = {
        "api_key": made["environment"]["key"],
        "name": made["environment"]["name"],
        "feature_states": [state(random, feature) for feature in made["features"].values()],
        "project": {"segments": [segment(random, at, s) for at, s in enumerate(made["segments"].values())]},
        "identity_overrides": [override(random, identifiers, names) for _ in range(random.choice([0, 1, 2, 4])) if names],
    }
    if random.random() < 0.3:
        document["use_identity_composite_key_for_hashing"] = random.random() < 0.5
    return {"document": document, "identity": identity}


def state(random: Random, feature: dict) -> dict:
    made = {
        "feature": {"id": 1 + crc32(feature["name"].encode()), "name": feature["name"], "type": "STANDARD"},
        "enabled": feature["enabled"],
        "feature_state_value": feature["value"],
        "django_id": random.choice([None, 0, 1, 2, 10, 10]),
        "featurestate_uuid": str(UUID(int=random.getrandbits(128))),
        "multivariate_feature_state_values": [
            {
                "id": random.choice([None, 0, 1, 2, 3]),
                "mv_fs_value_uuid": str(UUID(int=random.getrandbits(128))),
                "percentage_allocation": variant["weight"],
                "multivariate_feature_option": {"value": variant["value"], "key": variant.get("key")},
            }
            for variant in feature.get("variants") or ()
        ],
    }
    if feature.get("priority") is not None:
        made["feature_segment"] = {"priority": feature["priority"]}
    return made


def segment(random: Random, at: int, segment: dict) -> dict:
    overrides = segment.get("overrides") or ()
    return {
        "id": 10 * at + random.randint(1, 9),
        "name": segment["name"],
        "rules": [rule(part) for part in segment["rules"]],
        "feature_states": [state(random, feature) for feature in overrides],
    }


def rule(of: dict) -> dict:
    conditions = [
        {"property_": part.get("property"), "operator": part["operator"], "value": part.get("value")}
        for part in of.get("conditions") or ()
    ]
    return {"type": of["type"], "conditions": conditions, "rules": [rule(part) for part in of.get("rules") or ()]}


def override(random: Random, identifiers: list[str], names: list[str]) -> dict:
    """An identity's own values, some with variants of their own. Texts and null: the SDK takes 1, 1.0 and true for one value
    when it gathers identities."""
    overridden = random.sample(names, random.randint(0, len(names)))
    features = [
        {
            "key": "",
            "name": name,
            "enabled": random.random() < 0.5,
            "value": random.choice(["own", "other", None]),
            "variants": [variant(random) for _ in range(random.choice([0, 0, 1, 3]))],
        }
        for name in overridden
    ]
    identity_features = [state(random, feature) for feature in features]
    return {"identifier": random.choice(identifiers), "identity_features": identity_features}
