"""JSON values, and places in answers where two of them differ."""

import json
from typing import Any

Place = tuple[str, Any, Any]
"""Where, what they say there, and what we say."""

MISSING = {"": "missing"}
"""Stands for what one side does not have."""


def same(one: Any, other: Any) -> bool:
    """By their JSON: 1, 1.0 and true are three values. The order of an object's members does not count."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
