"""Start the kernel, as ``python ipykernel_launcher.py -f FILE``.

Programs look for this name in ``sys.argv[0]`` to find out whether they run in a kernel, and some
start themselves again by what stands in ``sys.argv``.
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    # No module is looked for in this folder, whatever link leads to it.
    if sys.path and Path(sys.path[0]).resolve() == Path(__file__).resolve().parent:
        del sys.path[0]
    from assay.__main__ import main

    sys.exit(main(["kernel", *sys.argv[1:]]))
