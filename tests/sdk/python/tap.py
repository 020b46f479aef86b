"""A tap in the line between an SDK and the edge: it writes down every request, and can refuse all paths but one.

What it never does: change what passes through it.
"""

from http.client import HTTPConnection, HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

# They speak of one connection, and a tap has two: it says them for each anew.
OF_ONE_CONNECTION = {"connection", "content-length", "host", "keep-alive", "transfer-encoding"}


class Tap:
    """Open as long as the `with` block lasts: `with Tap(edge) as tap`."""

    def __init__(self, edge: str, only: str | None = None, port: int = 0) -> None:
        """`edge`: where to pass requests on to. `only`: the one path that is let through; any other is answered 418.

        It listens on `port`, or on any.
        """
        self.edge = urlsplit(edge)
        self.only = only
        self.requests: list[str] = []
        """What came, each as `GET /path`, refused or not."""
        self.statuses: list[int] = []
        """How each was answered."""
        self._server = ThreadingHTTPServer(("127.0.0.1", port), type("TappedHandler", (Handler,), {"tap": self}))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "Tap":
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class Handler(BaseHTTPRequestHandler):
    tap: Tap
    protocol_version = "HTTP/1.1"
    # Head and body in one write: with two, the second waits for the acknowledgement of the first.
    wbufsize = -1

    def do_GET(self) -> None:
        self.tap.requests.append(f"{self.command} {self.path}")
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.tap.only not in (None, self.path):
            self.answer(418, {}, b'{"detail":"refused by the tap"}')
            return
        to = HTTPSConnection if self.tap.edge.scheme == "https" else HTTPConnection
        line = to(self.tap.edge.netloc, timeout=10)
        try:
            line.request(self.command, self.path, body, self.of_message(self.headers.items()))
            answer = line.getresponse()
            self.answer(answer.status, self.of_message(answer.getheaders()), answer.read())
        finally:
            line.close()

    do_POST = do_GET

    def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.tap.statuses.append(status)
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @staticmethod
    def of_message(headers: list[tuple[str, str]]) -> dict[str, str]:
        return {name: value for name, value in headers if name.lower() not in OF_ONE_CONNECTION}

    def log_message(self, *_: object) -> None:
        """Not on the terminal: `Tap.requests` has it."""
