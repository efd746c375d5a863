"""Why a run is worth nothing."""


class BenchError(Exception):
    """Something was not measured as it should have been. Ends the run with status 1."""
