"""An agent that crashes once in the middle of its work, is started again, and completes at its second attempt.

It books twelve orders in a real ledger (SQLite) and is killed right after the eighth; its last checkpoint was taken
after the sixth.  The second attempt begins there: the gate answers the bookings of orders seven and eight from the
record, so that no order is booked twice, and the agent counts them at the end to be sure.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import Any

import agentwatch

ORDERS = 12
CRASHES_AFTER = 8
PAUSE_S = 0.8


@agentwatch.tool(key="book-{order}", check_hint="SELECT * FROM bookings WHERE number = …")
def book(ledger: str, order: int, cents: int) -> dict[str, int]:
    """Book one order; doing it twice would charge somebody twice."""
    with sqlite3.connect(ledger) as database:
        row = database.execute("INSERT INTO bookings VALUES (?, ?)", (order, cents)).lastrowid
    return {"row": row or 0, "cents": cents}


def main() -> None:
    with agentwatch.start(goal=f"Book {ORDERS} orders, each exactly once") as run:
        state: dict[str, Any] = run.state or {"next": 1, "folder": tempfile.mkdtemp(prefix="agentwatch-demo-")}
        ledger = str(Path(state["folder"], "ledger.db"))
        with sqlite3.connect(ledger) as database:
            database.execute("CREATE TABLE IF NOT EXISTS bookings (number INTEGER, cents INTEGER)")
        if run.state is None:
            run.checkpoint(state, label="nothing booked yet")
        print(f"attempt {run.attempt} begins with order {state['next']}")
        for order in range(state["next"], ORDERS + 1):
            run.task(f"order {order} of {ORDERS}")
            with run.step(f"book order {order}"):
                print(f"order {order}:", book(ledger, order, 100 * order))
                time.sleep(PAUSE_S)
            run.progress("orders booked", done=order, of=ORDERS)
            if order == CRASHES_AFTER and run.attempt == 1 and "AGENTWATCH_RUN" in os.environ:
                os.kill(os.getpid(), signal.SIGKILL)
            if order % 3 == 0:
                run.checkpoint(state | {"next": order + 1}, label=f"{order} orders")
        with sqlite3.connect(ledger) as database:
            numbers = [number for (number,) in database.execute("SELECT number FROM bookings ORDER BY number")]
        if numbers != list(range(1, ORDERS + 1)):
            run.fail(f"the ledger holds {numbers}")
            return
        shutil.rmtree(state["folder"])
        print(f"the ledger held each of the {ORDERS} orders once")
        run.complete({"orders": len(numbers), "attempts": run.attempt})


if __name__ == "__main__":
    main()
