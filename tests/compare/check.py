"""A running Flagsmith and a Jackstaff edge, answer by answer. See README.md beside this file; `scripts/compare-flagsmith`
starts it."""

import argparse
import json
import os
import signal
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Iterator

import contents
from comparing import Difference, compare
from edge import ROOT, Edge, wait_until_published
from flagsmith import Flagsmith, Refused
from questions import document, questions
from raw import raw_requests
from report import Findings
from seeding import manifest, seed, settle, write
from stories import stories
from values import Place
from wire import Request, Unreachable, ask

SEEDED = ROOT / "target/compare/seeded.json"
MANIFEST = ROOT / "target/compare/server-keys.json"
RAW = "main"
"""The environment that raw requests are for."""

FOUND_NEW, UNREACHABLE, USAGE = 1, 2, 64


def say(text: str) -> None:
    print(f"==> {text}", file=sys.stderr, flush=True)


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"scripts/compare-flagsmith: {message}\n")


def arguments() -> argparse.Namespace:
    parser = Parser("scripts/compare-flagsmith", description="Compare a running Flagsmith with a Jackstaff edge.")
    parser.add_argument("url", metavar="URL", help="Flagsmith, such as http://127.0.0.1:8000")
    parser.add_argument("--email", metavar="E", help="somebody who may edit its first project")
    password = os.environ.get("FLAGSMITH_PASSWORD")
    parser.add_argument("--password", metavar="P", help="or in FLAGSMITH_PASSWORD", default=password)
    parser.add_argument("--edge", metavar="URL", help="an edge that serves its environments; one is started otherwise")
    parser.add_argument("--seeded", metavar="FILE", type=Path, help="what an earlier run wrote, instead of seeding")
    parser.add_argument("--identities", metavar="N", type=int, default=60, help="for each key (%(default)s)")
    parser.add_argument("--seed", metavar="N", type=int, default=1, help="the same identities for the same (%(default)s)")
    parser.add_argument("--only", metavar="ENVIRONMENT,…", help=", ".join(contents.ENVIRONMENTS))
    options = parser.parse_args()
    options.environments = options.only.split(",") if options.only else list(contents.ENVIRONMENTS)
    unknown = [name for name in options.environments if name not in contents.ENVIRONMENTS]
    if unknown:
        parser.error(f"there is no environment `{unknown[0]}`; there are {', '.join(contents.ENVIRONMENTS)}")
    for url in filter(None, (options.url, options.edge)):
        if not url.startswith(("http://", "https://")):
            parser.error(f"`{url}` is no URL")
    if options.identities < 0:
        parser.error("--identities wants a number that is not negative")
    if not options.seeded and not (options.email and options.password):
        parser.error("seeding needs --email, and --password or FLAGSMITH_PASSWORD; without seeding, --seeded FILE")
    options.url = options.url.rstrip("/").removesuffix("/api/v1")
    return options


def seeded(options: argparse.Namespace) -> dict:
    if options.seeded:
        try:
            found = json.loads(options.seeded.read_text()) | {"flagsmith": options.url}
        except (OSError, ValueError) as error:
            raise Refused(f"{options.seeded}: {error}") from error
        if missing := contents.ENVIRONMENTS.keys() - found.get("environments", {}).keys():
            raise Refused(f"{options.seeded} does not name the environments {', '.join(missing)}: seed anew")
    else:
        found = seed(options.url, Flagsmith(options.url, options.email, options.password), say)
        write(SEEDED, found)
        write(MANIFEST, manifest(found))
        say(f"seeded: --seeded {SEEDED.relative_to(ROOT)} compares it once more. It holds keys, as does {MANIFEST.name}")
    say("waiting until Flagsmith has settled")
    settle(found)
    return found


def compare_all(options: argparse.Namespace, found: dict, edge: str) -> Findings:
    findings = Findings()
    for name in options.environments:
        before = findings.answers, findings.differences, len(findings.new)
        for request, places in of_environment(options, name, found["environments"][name], edge):
            findings.answers += 1
            for place in places:
                findings.add(Difference(name, request, *place))
        findings.environments += 1
        answers, differences, new = (
            now - then for now, then in zip((findings.answers, findings.differences, len(findings.new)), before)
        )
        say(f"{name}: {answers} answers, {differences} differences, {new} of them new")
    return findings


Compared = Iterator[tuple[Request, list[Place]]]


def of_environment(options: argparse.Namespace, name: str, keys: dict, edge: str) -> Compared:
    requests = [request for kind in keys for request in questions(keys[kind], kind, options.identities, options.seed)]
    requests.append(document(keys["server"]))
    if name == RAW:
        requests += raw_requests(keys["client"], keys["server"], run=f"{time.time_ns():x}")
    for request in requests:
        yield request, compare(ask(options.url, request), ask(edge, request))
    # Each is asked once the one before it was answered.
    for request in stories(keys, run=f"{time.time_ns():x}") if name == RAW else ():
        yield request, compare(ask(options.url, request), ask(edge, request))


def main() -> int:
    options = arguments()
    # What was started has to be ended then, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        found = seeded(options)
        if options.edge:
            say(f"waiting until {options.edge} serves every environment; {MANIFEST.relative_to(ROOT)} is the manifest")
            wait_until_published(options.edge, found)
        else:
            say("starting an edge, and publishing to it")
        with nullcontext(options.edge) if options.edge else Edge(found) as edge:
            findings = compare_all(options, found, edge)
    except Refused as error:
        print(f"scripts/compare-flagsmith: {error}", file=sys.stderr)
        return USAGE
    except Unreachable as error:
        print(f"scripts/compare-flagsmith: {error}", file=sys.stderr)
        return UNREACHABLE
    findings.print()
    return FOUND_NEW if findings.new else 0


if __name__ == "__main__":
    raise SystemExit(main())
