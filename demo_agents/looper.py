"""An agent that loops: it asks a server the same question and gets the same answer, again and again.

The loop rule sends it a note after the third time, which it prints and ignores, and pauses it after the fifth
(LOOP_DETECTED).  Resume it with a note, or accept the repetition.  The server is real, and its own.
"""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import agentwatch

ROUNDS = 40
PAUSE_S = 1.0


class BuildServer(BaseHTTPRequestHandler):
    """A build that never ends."""

    def do_GET(self) -> None:
        body = json.dumps({"build": 812, "status": "queued", "ahead": 3}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the journal has it already."""


@agentwatch.tool(idempotent=True, timeout_s=10)
def build_status(url: str) -> Any:
    """What the build server says."""
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.load(answer)


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), BuildServer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/builds/812"
    with agentwatch.start(goal="Deploy as soon as build 812 is done") as run:
        run.task("wait for build 812")
        for number in range(run.state["next"] if run.state else 1, ROUNDS + 1):
            with run.step(f"ask for build 812, time {number}"):
                status = build_status(url)["status"]
                time.sleep(PAUSE_S)
            for note in run.advice():
                print(f"was told: {note}")
            print(f"build 812 is {status}; asking again")
            run.checkpoint({"next": number + 1})
        run.fail(f"build 812 was not done after {ROUNDS} questions")


if __name__ == "__main__":
    main()
