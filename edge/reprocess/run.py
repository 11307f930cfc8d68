"""`pointillist reprocess`: an archive's recordings, each fitted and reconstructed again, and one page about all."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from edge.console import Console
from edge.faults import DeviceError, EdgeError, IntegrityError, ScanStopped, UsageError
from edge.reprocess.archive import mark, recordings_below, results_folder
from edge.reprocess.changes import Settings
from edge.reprocess.cluster import connected
from edge.reprocess.drive import Executor, Failure, Outcome, drive
from edge.reprocess.job import Job
from edge.reprocess.recipe import recipe_for
from edge.reprocess.software import software_digest
from edge.reprocess.summary import SUMMARY, write_summary

_PARTS = 1_000
"""Of the progress bar."""


def reprocess_archive(
    archive: Path,
    *,
    out: Path | None,
    settings: Settings,
    scheduler: str | None,
    workers: int | None,
    console: Console,
) -> None:
    """Reprocess every recording below a folder.

    Raises
    ------
    UsageError
        Nothing can be done with what was given; nothing was begun.
    DeviceError
        The scheduler does not answer.
    EdgeError
        Scans failed; the others are done. The code is that of the first failure.
    """
    names = recordings_below(archive)
    folder = results_folder(archive, out)
    with connected(scheduler, workers, warn=console.warn) as executor:
        folder.mkdir(parents=True, exist_ok=True)
        console.say(f"{len(names)} recordings below {archive}; results go to {folder}")
        if not executor.workers():
            console.say(f"No worker yet: start some with dask worker {scheduler}; the run begins with the first")
        outcomes = reprocess(archive, names, folder, settings, executor, console)
    failed = {name: one for name, one in outcomes.items() if isinstance(one, Failure)}
    console.say(f"Summary: {folder / SUMMARY}")
    if failed:
        raise _failure(failed, len(names), folder / SUMMARY)


def reprocess(
    archive: Path, names: tuple[str, ...], folder: Path, settings: Settings, executor: Executor, console: Console
) -> dict[str, Outcome]:
    """Carry all recordings through, and keep the page up to date meanwhile; what became of each, by name.

    Raises
    ------
    ScanStopped
        The operator, or a cluster that is gone, ended it. What is finished is kept.
    """
    began = datetime.now(UTC)
    mark(folder, archive)
    outcomes: dict[str, Outcome] = {}
    job = Job(archive.absolute(), "", folder.absolute(), settings, software_digest())

    def ended(name: str, outcome: Outcome) -> None:
        outcomes[name] = outcome
        if isinstance(outcome, Failure):
            console.say(f"{name}: {outcome.sentence}")
        failures = sum(isinstance(one, Failure) for one in outcomes.values())
        console.note = f"{len(outcomes)} of {len(names)} scans" + (f", {failures} failed" if failures else "")
        write_summary(folder, job, names, outcomes, began)

    recipes = {name: recipe_for(Job(job.archive, name, job.out, settings, job.software)) for name in names}
    write_summary(folder, job, names, outcomes, began)
    with console.progress("Reprocessed, per mille", _PARTS) as show:
        try:
            drive(recipes, executor, ended=ended, advanced=lambda share: show(round(_PARTS * share)))
        except KeyboardInterrupt:
            raise ScanStopped(f"stopped by the operator: what is finished is kept, go on with --out {folder}") from None
    return outcomes


def _failure(failed: dict[str, Failure], scans: int, page: Path) -> EdgeError:
    """All failures as one sentence, with the code of the first."""
    name, first = next(iter(sorted(failed.items())))
    what = f"{len(failed)} of {scans} scans could not be reprocessed, the first, {name}, because {first.sentence}"
    kinds = {kind.exit_code: kind for kind in (UsageError, DeviceError, IntegrityError)}
    return kinds.get(first.exit_code, EdgeError)(f"{what}; see {page}")
