"""An agent that takes failures for successes: every seat it books from the fifth on is refused, and it books on.

The shop answers 200 OK, and `{"ok": false, "error": "card declined"}` within: no exception, no status, nothing that a
careless program would notice.  The outcome rule does: it notes the first, sends the agent a note at the third, and
pauses it at the fifth (TOOL_FAILURE) with the line that gave it away.  The shop is a server of its own.
"""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import agentwatch

SEATS = 30
LIMIT = 4
"""Seats that the card pays for."""
PAUSE_S = 1.0


class Shop(BaseHTTPRequestHandler):
    """Sells seats for as long as the card has money."""

    sold = 0

    def do_POST(self) -> None:
        seat = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))["seat"]
        answer: dict[str, Any] = {"ok": False, "error": "card declined", "seat": seat}
        if Shop.sold < LIMIT:
            Shop.sold += 1
            answer = {"ok": True, "seat": seat, "ticket": f"T-{1000 + seat}"}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the journal has it already."""


@agentwatch.tool(key="seat-{seat}", timeout_s=10, check_hint="the shop's list of tickets")
def book_seat(url: str, seat: int) -> Any:
    """Book one seat."""
    asked = urllib.request.Request(url, json.dumps({"seat": seat}).encode(), method="POST")
    with urllib.request.urlopen(asked, timeout=5) as answer:
        return json.load(answer)


def main() -> None:
    shop = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    threading.Thread(target=shop.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{shop.server_port}/seats"
    with agentwatch.start(goal=f"Book {SEATS} seats for the excursion") as run:
        for seat in range(run.state["next"] if run.state else 1, SEATS + 1):
            run.task(f"seat {seat} of {SEATS}")
            with run.step(f"book seat {seat}"):
                book_seat(url, seat)  # Came back without an exception: booked, or so it believes.
                time.sleep(PAUSE_S)
            for note in run.advice():
                print(f"was told: {note}")
            print(f"seat {seat} is booked")
            run.checkpoint({"next": seat + 1})
        run.complete({"seats": SEATS})


if __name__ == "__main__":
    main()
