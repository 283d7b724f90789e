"""Stands on the path of supervised agents, and gives way to a package `agentwatch` that the agent has of its own.

Any Python may meet this file, so it is written for all of them.
"""

import os
import sys


def _give_way():
    here = os.path.dirname(os.path.abspath(__file__))
    folder, sdk = os.path.dirname(here), os.path.dirname(os.path.dirname(here))
    stood = list(sys.path)
    sys.path[:] = [one for one in stood if not one or os.path.abspath(one) != folder]
    ours = sys.modules.pop(__name__)
    try:
        found = __import__(__name__)
    except ImportError:
        if __name__ in sys.modules or getattr(sys.exc_info()[1], "name", __name__) not in (None, __name__):
            raise
    else:
        if not hasattr(found, "start"):
            said = "agentwatch: this agent imports another package named agentwatch, from %s; it is not ruled on."
            sys.stderr.write(said % getattr(found, "__file__", None) + " Install that one elsewhere.\n")
        return
    sys.modules[__name__] = ours
    sys.path[:] = stood
    if sys.version_info < (3, 9):
        raise ImportError("The agentwatch SDK needs Python 3.9 or newer; this is %d.%d." % sys.version_info[:2])
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location(__name__, os.path.join(sdk, "__init__.py"), submodule_search_locations=[sdk])
    module = module_from_spec(spec)
    sys.modules[__name__] = module
    spec.loader.exec_module(module)


_give_way()
