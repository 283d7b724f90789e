"""The launcher: finds the rooms of the application and hands over to the one that is asked for."""

from __future__ import annotations

import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent
APP = _HERE / "_app" if (_HERE / "_app").is_dir() else _HERE.parent
"""The folder that holds `store`, `runtime` and `tui`: inside the installed package, else the checkout."""


def main() -> None:
    """Run the command line, or (`_serve`) the runtime in this process."""
    for folder in (str(_HERE.parent), str(APP)):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    if sys.argv[1:2] == ["_serve"]:
        from runtime.server import main as serve

        sys.exit(serve(sys.argv[2:]))
    from tui.cli import main as command_line

    sys.exit(command_line())


if __name__ == "__main__":
    main()
