"""The Python SDK of Flagsmith, as published, listening for changes.

    target/sdk/python/bin/python tests/sdk/python/listen.py --edge URL --server-key ser.S --feature F
    target/sdk/python/bin/python tests/sdk/python/listen.py --edge URL --stream-of KEY

With a server-side key: local evaluation with realtime updates; prints the feature's value, as a line of JSON, whenever it
is another. With `--stream-of`: the SDK's part that holds the stream open, alone, as it goes on in an application whose
environment went away; prints each event. The SDK's own errors go to standard error. Ends when its input does.
"""

import argparse
import json
import sys
from select import select

from flagsmith import Flagsmith
from flagsmith.streaming_manager import EventStreamManager

OFTEN = 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description="Listen for changes with the Python SDK.")
    parser.add_argument("--edge", default="http://127.0.0.1:7676", help="where the edge answers (%(default)s)")
    parser.add_argument("--feature", help="whose value is printed")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--server-key", help="a server-side key of the environment, ser.…")
    which.add_argument("--stream-of", metavar="KEY", help="hold the stream of this key open, and do nothing else")
    options = parser.parse_args()

    if options.stream_of:
        stream = f"{options.edge}/sse/environments/{options.stream_of}/stream"
        EventStreamManager(
            stream_url=stream, on_event=lambda event: say(event["updated_at"].isoformat()), daemon=True
        ).start()
        wait_for_end()
        return

    sdk = Flagsmith(
        options.server_key,
        api_url=f"{options.edge}/api/v1/",
        realtime_api_url=options.edge,
        enable_local_evaluation=True,
        enable_realtime_updates=True,
    )
    last = None
    while not is_at_end():
        value = sdk.get_environment_flags().get_feature_value(options.feature)
        if value != last:
            say(value)
        last = value


def say(value: object) -> None:
    print(json.dumps(value), flush=True)


def wait_for_end() -> None:
    while not is_at_end():
        pass


def is_at_end() -> bool:
    """Waits for a moment, too."""
    readable, _, _ = select([sys.stdin], [], [], OFTEN)
    return bool(readable) and not sys.stdin.buffer.read1()


if __name__ == "__main__":
    main()
