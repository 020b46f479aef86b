"""`jackstaff evaluate`, a line in, a line out, for as long as it is wanted."""

import json
import subprocess
from pathlib import Path
from tempfile import NamedTemporaryFile


class Jackstaff:
    """Open as long as the `with` block lasts."""

    def __init__(self, program: Path) -> None:
        self._program = program
        self._process = subprocess.Popen([program, "evaluate"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self) -> "Jackstaff":
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def evaluate(self, line: str) -> str:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer.endswith(b"\n"):
            raise RuntimeError(f"jackstaff ended, exit code {self._process.wait()}, on: {line}")
        return answer.decode()

    def evaluate_document(self, document: str, identity: list[str]) -> str:
        """The answer for a document and the arguments that name an identity, or what it is refused with."""
        with NamedTemporaryFile("w", encoding="utf-8", suffix=".json") as file:
            file.write(document)
            file.flush()
            arguments = [self._program, "evaluate", "--json", "--document", file.name, *identity]
            finished = subprocess.run(arguments, capture_output=True)
        if finished.returncode:
            return json.dumps({"error": finished.stderr.decode()})
        return finished.stdout.decode()
