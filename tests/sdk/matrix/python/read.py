"""One version of the Python SDK reads every document of the matrix, and answers the matrix's questions about it.

    PYTHONPATH=target/sdk/versions/python/VERSION python3 tests/sdk/matrix/python/read.py QUESTIONS EDGE DOCUMENTS

QUESTIONS: a JSON file that lists the documents with their server-side keys, and the identities. EDGE: the base URL of the
API. DOCUMENTS: a base URL that answers nothing but the environment document. Prints one line of JSON for each document.
"""

import json
import logging
import sys

from flagsmith import Flagsmith

# A document that is refused is logged with its traceback.
logging.disable(logging.CRITICAL)


def flags(answer):
    return {flag.feature_name: [flag.enabled, flag.value] for flag in answer.all_flags()}


def answers(questions, key, url, local):
    try:
        # Old versions take an integer. One hour: the reading ends before the document is fetched again.
        sdk = Flagsmith(key, url, enable_local_evaluation=local, environment_refresh_interval_seconds=3600)
        if local:
            # Versions before 3.4 fetch the document in a thread of their own, and ask remotely until it is there.
            sdk.update_environment()
        asked = [sdk.get_environment_flags]
        asked += [lambda who=who: sdk.get_identity_flags(who["identifier"], who["traits"]) for who in questions["identities"]]
        return [flags(ask()) for ask in asked]
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"[:300]}


def main():
    file, edge, documents = sys.argv[1:]
    with open(file, encoding="utf-8") as opened:
        questions = json.load(opened)
    for document in questions["documents"]:
        key = document["server_key"]
        local = answers(questions, key, documents, True)
        remote = answers(questions, key, edge, False)
        print(json.dumps({"document": document["name"], "local": local, "remote": remote}), flush=True)


if __name__ == "__main__":
    main()
    # Polling threads of some versions are no daemons.
    sys.stdout.flush()
    import os

    os._exit(0)
