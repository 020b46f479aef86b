"""An edge under Viceroy, and the `jackstaff serve` that publishes a Flagsmith's environments to it: both on this machine,
on ports of their own. The edge is there for as long as the comparison takes, and `jackstaff serve` until it has published
all: nothing changes after that, and what it polls would slow Flagsmith down."""

import json
import os
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

from seeding import manifest, write
from wire import Request, Unreachable, ask

ROOT = Path(__file__).resolve().parents[2]
VICEROY = ROOT / "target/tools/viceroy"
JACKSTAFF = ROOT / "target/release/jackstaff"
LOCAL_EDGE = ROOT / "target/local-edge/wasm32-wasip1/release/edge.wasm"
TOKEN = "local-publisher"
"""What `scripts/viceroy.toml` takes for a key of Fastly's."""

PUBLISHED = 90
"""Seconds until every environment has to be served."""
ENDED = 15
"""Seconds that a process has to end; `jackstaff serve` takes ten for a write."""


class Edge:
    def __init__(self, seeded: dict):
        missing = [path for path in (VICEROY, JACKSTAFF, LOCAL_EDGE) if not path.exists()]
        if missing:
            raise Unreachable(f"{missing[0].relative_to(ROOT)} is not there: scripts/setup builds it")
        edge, origin = free_ports(2)
        self.url = f"http://127.0.0.1:{edge}"
        self.seeded = seeded
        self.origin = f"127.0.0.1:{origin}"
        self.files = tempfile.TemporaryDirectory(prefix="jackstaff-compare-")
        self.processes: dict[str, subprocess.Popen] = {}

    def __enter__(self) -> str:
        """The edge's URL, once every environment is there."""
        try:
            self.start()
        except BaseException:
            self.end()
            raise
        return self.url

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.end()

    def start(self) -> None:
        files = Path(self.files.name)
        stored = {keys["client"]: {"traits": "stored"} for keys in self.seeded["environments"].values()}
        settings = json.dumps({"environments": stored})
        (files / "settings.json").write_text(json.dumps({"settings": settings}))
        template = (ROOT / "scripts/viceroy.toml").read_text()
        configuration = template.replace("@SETTINGS@", str(files / "settings.json"))
        (files / "viceroy.toml").write_text(configuration.replace("@ORIGIN@", f"http://{self.origin}"))
        write(files / "server-keys.json", manifest(self.seeded))

        address = self.url.removeprefix("http://")
        self.run("edge", [VICEROY, "-C", files / "viceroy.toml", "--addr", address, LOCAL_EDGE])
        wait_for(self.url, [("GET", "/health", ())], self.fault)
        serve = [JACKSTAFF, "serve", "--api", self.url, "--store", "local", "--service", "local", "--listen", self.origin]
        serve += ["--flagsmith", self.seeded["flagsmith"], "--server-keys", files / "server-keys.json", "--poll", "2"]
        self.run("serve", serve)
        wait_until_published(self.url, self.seeded, self.fault)
        self.stop("serve")

    def run(self, name: str, command: list) -> None:
        log = open(Path(self.files.name) / f"{name}.log", "wb")
        with log:
            environment = os.environ | {"FASTLY_API_TOKEN": TOKEN}
            self.processes[name] = subprocess.Popen(
                list(map(str, command)), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd=ROOT
            )

    def fault(self) -> str:
        """What a process that ended had to say."""
        for name, process in self.processes.items():
            if process.poll() is not None:
                said = (Path(self.files.name) / f"{name}.log").read_text(errors="replace")
                return f"the {name} ended ({process.returncode}): {said[-600:]}"
        return ""

    def end(self) -> None:
        # The publisher first: what it is writing, it writes to the edge.
        for name in reversed(list(self.processes)):
            self.stop(name)
        self.files.cleanup()

    def stop(self, name: str) -> None:
        process = self.processes.pop(name)
        process.terminate()
        try:
            process.wait(ENDED)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in sockets]
    for listener in sockets:
        listener.close()
    return ports


def wait_until_published(url: str, seeded: dict, fault=lambda: "") -> None:
    keys = [key for environment in seeded["environments"].values() for key in environment.values()]
    wait_for(url, [("GET", "/api/v1/flags/", (("X-Environment-Key", key),)) for key in keys], fault)


def wait_for(url: str, requests: list[tuple], fault) -> None:
    deadline = time.monotonic() + PUBLISHED
    for request in requests:
        while True:
            answered = "nothing"
            try:
                answered = str(ask(url, Request("waiting", *request)).status)
            except Unreachable:
                pass
            if answered == "200":
                break
            if fault():
                raise Unreachable(fault())
            if time.monotonic() > deadline:
                raise Unreachable(f"{url}: {request[1]} answers {answered} after {PUBLISHED} s, and not 200")
            time.sleep(0.2)
