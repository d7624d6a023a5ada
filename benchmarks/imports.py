"""Cold start: what `import equipoise` costs beside `import numpy`."""

import subprocess
import sys

from benchmarks.timing import interleaved, show


def start(code: str) -> None:
    """Runs a fresh interpreter."""
    subprocess.run([sys.executable, "-c", code], check=True)


def main() -> None:
    medians = interleaved(
        {
            "equipoise": lambda: start("import equipoise"),
            "numpy": lambda: start("import numpy"),
            "nothing": lambda: start("pass"),
        }
    )
    show("cold import", medians, ours="equipoise", peer="numpy", target="<= 0.15 s")
    print(f"an interpreter alone takes {1e3 * medians['nothing']:.0f} ms")


if __name__ == "__main__":
    main()
