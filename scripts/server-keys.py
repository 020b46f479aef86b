#!/usr/bin/env python3
"""Usage: scripts/server-keys.py MANIFEST FILE…

Makes a server-side key for each document's environment that has none in MANIFEST yet, and prints the keys of all:
`environment CLIENT-SIDE-KEY SERVER-SIDE-KEY`. Documents that cannot be read are left to `jackstaff publish` to refuse.
"""
import json
import os
import secrets
import sys


def client_side_key(file):
    try:
        with open(file, encoding="utf-8") as document:
            key = json.load(document)["api_key"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return key if isinstance(key, str) else None


def main(manifest_file, files):
    try:
        with open(manifest_file, encoding="utf-8") as manifest:
            keys = json.load(manifest)
    except FileNotFoundError:
        keys = {}
    environments = [key for key in map(client_side_key, files) if key is not None]
    for environment in environments:
        keys.setdefault(environment, ["ser." + secrets.token_urlsafe(16)])
    with open(manifest_file + ".new", "w", encoding="utf-8") as manifest:
        json.dump(keys, manifest, indent=2)
    os.replace(manifest_file + ".new", manifest_file)
    for environment in dict.fromkeys(environments):
        print("environment", environment, keys[environment][0])


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] in ("-h", "--help"):
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2:])
