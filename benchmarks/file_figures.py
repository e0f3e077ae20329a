"""What a client of `benchmarks.files` prints when it is done."""

import json
import resource


def tell(seconds: float, late_ms: float | None = None) -> None:
    """Print one line: seconds, peak memory in MiB, and how late a probe was."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak": peak, "late": late_ms}), flush=True)
