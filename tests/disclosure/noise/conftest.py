"""Puts this folder's reference module on the path."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
