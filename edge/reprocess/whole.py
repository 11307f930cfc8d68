"""Maps and report of a scan that fits into one memory: the very steps that follow a scan, from fitted parts."""

from __future__ import annotations

from edge.finish import write_finished
from edge.reprocess.look import Look, opened_whole
from edge.reprocess.result import Result, kept_result
from edge.reprocess.spectra import Learned, fitted_parts
from edge.results import FittedRecording, results_from


def finish_whole(look: Look, learned: Learned) -> Result:
    """Write ``maps.h5`` and ``report.html``."""
    look.job.enter()
    results = look.job.results
    results.folder.mkdir(parents=True, exist_ok=True)
    with opened_whole(look.job) as (recording, planned):
        parts = list(fitted_parts(look, learned))
        fitted = FittedRecording.of(parts, learned.fit, learned.standard, planned.plan, sum_counts=learned.sum_counts)
        lines = write_finished(recording, planned, results_from(fitted, planned), results, look.job.attributes)
    return kept_result(look, lines[:-2], pieces=1)
