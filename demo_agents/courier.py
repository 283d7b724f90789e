"""An agent of a fleet whose one dependency goes down: what would be a storm of retries is one breaker and one probe.

Three of them bring orders to one warehouse, an HTTP server in the process of whichever came first; for a while it
answers nothing but 503.  No courier contains a retry.  After the first few failures the breaker of `warehouse` opens
for all three at once: they wait (WAITING, with the time of the next probe), one call at a time tries whether it is
back, and when it is they go on by themselves and complete.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import tempfile
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import agentwatch

COURIERS = 3
ORDERS = 24
PAUSE_S = 0.5
DOWN_FROM_S = 4.0
DOWN_TO_S = 16.0
PATIENCE_S = 60.0
"""How long the courier that houses the warehouse waits for the others."""


class Warehouse(ThreadingHTTPServer):
    """Takes orders; overloaded for a while."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Door)
        self.opened = time.monotonic()
        self.taken: set[str] = set()

    @property
    def down(self) -> bool:
        return DOWN_FROM_S <= time.monotonic() - self.opened < DOWN_TO_S


class Door(BaseHTTPRequestHandler):
    """One request to the warehouse."""

    server: Warehouse

    def do_PUT(self) -> None:
        order = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        if not self.server.down:
            self.server.taken.add(order)
        body = json.dumps({"taken": len(self.server.taken)}).encode()
        self.send_response(503 if self.server.down else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the journal has it already."""


@agentwatch.tool(dependency="warehouse", idempotent=True, timeout_s=10)
def bring(url: str, order: str) -> Any:
    """Bring one order to the warehouse."""
    with urllib.request.urlopen(urllib.request.Request(url, order.encode(), method="PUT"), timeout=5) as answer:
        return json.load(answer)


def find_warehouse() -> tuple[int, Warehouse | None]:
    """The port of the warehouse; whoever finds none opens it.

    Its port stands in a file that is locked for as long as it is open.
    """
    fleet = hashlib.sha256(os.environ.get("AGENTWATCH_SOCKET", "").encode()).hexdigest()[:12]
    place = Path(tempfile.gettempdir(), f"agentwatch-demo-warehouse-{os.getuid()}-{fleet}")
    while True:
        descriptor = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            port = os.pread(descriptor, 10, 0).decode()
            os.close(descriptor)
            if port:
                return int(port), None
            time.sleep(0.05)
            continue
        warehouse = Warehouse()
        threading.Thread(target=warehouse.serve_forever, daemon=True).start()
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(warehouse.server_port).encode(), 0)
        return warehouse.server_port, warehouse


def main() -> None:
    with agentwatch.start(goal=f"Bring {ORDERS} orders to the warehouse") as run:
        port, warehouse = find_warehouse()
        print("houses the warehouse" if warehouse else "found the warehouse", "at port", port)
        for number in range(run.state["next"] if run.state else 1, ORDERS + 1):
            run.task(f"order {number} of {ORDERS}")
            with run.step(f"bring order {number}"):
                bring(f"http://127.0.0.1:{port}/orders", f"{os.environ.get('AGENTWATCH_RUN', 'alone')}/{number}")
                time.sleep(PAUSE_S)
            run.progress("orders brought", done=number, of=ORDERS)
            if number % 6 == 0:
                run.checkpoint({"next": number + 1}, label=f"{number} orders")
        if warehouse is not None:
            run.task("wait for the others")
            waits_until = time.monotonic() + PATIENCE_S
            while len(warehouse.taken) < COURIERS * ORDERS and time.monotonic() < waits_until:
                time.sleep(0.1)
        run.complete({"orders": ORDERS})


if __name__ == "__main__":
    main()
