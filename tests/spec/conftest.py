"""Make the repository's root importable: spec/ is a folder of data, not an installed package."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

sys.path.insert(0, str(ROOT))
