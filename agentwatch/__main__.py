"""The launcher: finds the rooms of the application and hands over to the one that is asked for."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent
APP = _HERE / "_app" if (_HERE / "_app").is_dir() else _HERE.parent
"""The folder that holds `store`, `runtime` and `tui`: inside the installed package, else the checkout."""


def main() -> None:
    """Run the command line, or (`_serve`) the runtime in this process."""
    _open_standard_streams()
    for folder in (str(_HERE.parent), str(APP)):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    if sys.argv[1:2] == ["_serve"]:
        from runtime.server import main as serve

        sys.exit(serve(sys.argv[2:]))
    from tui.cli import main as command_line

    sys.exit(command_line())


def _open_standard_streams() -> None:
    """Open what the caller closed (`>&-`) to nothing, before a database could be given its number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            os.set_inheritable(number, True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "r" if number == 0 else "w", encoding="utf-8", closefd=False))  # noqa: SIM115


if __name__ == "__main__":
    main()
