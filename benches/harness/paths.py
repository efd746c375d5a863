"""Where things are."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BENCHES = ROOT / "benches"
#: Everything that a run builds, installs and finds out.
WORK = ROOT / "target" / "bench"
