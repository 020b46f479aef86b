"""The Python SDK of Flagsmith, as published, in an application that reads flags and tracks events.

    target/sdk/python/bin/python tests/sdk/python/count.py --edge URL --client-key K --seconds N --experiment FEATURE FEATURE…

Prints, as one line of JSON, how often it read each feature and the events that it tracked. The SDK sends both every second:
its own ten are long for a test.
"""

import argparse
import json
import random
import time
from collections import Counter

from flagsmith import Flagsmith
from flagsmith.analytics import EventProcessorConfig


def main() -> None:
    parser = argparse.ArgumentParser(description="Read flags and track events with the Python SDK.")
    parser.add_argument("--edge", required=True, help="where the edge answers")
    parser.add_argument("--client-key", required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--experiment", required=True, help="a feature whose experiment is running")
    parser.add_argument("features", nargs="+")
    options = parser.parse_args()

    sdk = Flagsmith(
        options.client_key,
        api_url=f"{options.edge}/api/v1/",
        enable_analytics=True,
        enable_events=True,
        event_processor_config=EventProcessorConfig(events_api_url=options.edge, flush_interval_seconds=1),
    )
    counts: Counter[str] = Counter()
    # The SDK records by itself that the flag was seen, if the identity is in the experiment.
    sdk.get_experiment_flag(options.experiment, "python", {"plan": "gold"})
    counts[options.experiment] += 1
    events = ["exposure"]
    until = time.monotonic() + options.seconds
    while time.monotonic() < until:
        flags = sdk.get_identity_flags("python", {"plan": "gold"})
        for feature in random.choices(options.features, k=random.randrange(1, 40)):
            flags.get_flag(feature)
            counts[feature] += 1
        number = len(events)
        if number % 2:
            sdk.track_event("python purchase", "python", number, traits={"plan": "gold"})
        else:
            sdk.track_exposure_event(options.features[0], "python", number)
        events.append(str(number))
        sdk._analytics_processor.flush()
        time.sleep(0.2)
    sdk._event_processor.stop()
    # Requests under way are finished before the process ends.
    print(json.dumps({"counts": counts, "events": events}))


main()
