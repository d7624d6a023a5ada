"""What a run leaves out because it cannot be imported where an optional package is missing."""

import importlib.util

collect_ignore = []
if importlib.util.find_spec("torch") is None:
    collect_ignore.append("src/equipoise/losses/_torch.py")

# They hold no doctests, and of several files of one name only the first could be collected.
collect_ignore_glob = ["tests/*conftest.py"]
