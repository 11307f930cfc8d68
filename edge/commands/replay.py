"""The console's replay command: of recordings and of other people's rasters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from edge.imports.found import ImportSettings


def replay(
    source: Annotated[Path, typer.Argument(help="A recording's folder, or a raster: a file or folder of many kinds.")],
    out: Annotated[Path, typer.Option(help="Folder for report and maps.")],
    rate: Annotated[
        float | None, typer.Option(help="Fraction of the cells to measure; 0.1 when not given.", show_default=False)
    ] = None,
    mask: Annotated[
        str | None,
        typer.Option(help="Where to measure; adaptive: by listening to what is measured.", show_default="compare"),
    ] = None,
    reconstruct: Annotated[
        str | None, typer.Option(help="How to fill the maps.", show_default="automatic, or compare")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the mask.")] = 0,
    model: Annotated[Path | None, typer.Option(help="A mask network's ONNX file, for --mask netm.")] = None,
    plan: Annotated[
        Path | None, typer.Option(help="Measure the cells of this plan, of the same grid.", show_default=False)
    ] = None,
    coarse: Annotated[
        str | None,
        typer.Option(help="Measure a coarse raster: FACTOR, or FACTOR,strokes.", show_default=False),
    ] = None,
    error: Annotated[
        list[str] | None,
        typer.Option(help="With --mask adaptive: stop once the maps are so near, as in scan.", show_default=False),
    ] = None,
    is_quick: Annotated[bool, typer.Option("--quick", help="Compare the least that answers, in minutes.")] = False,
    within: Annotated[
        str | None, typer.Option(help="Compare for no longer than this: 2h, 90min.", show_default="30min")
    ] = None,
    pitch_mm: Annotated[
        float | None,
        typer.Option("--pitch", help="Side of a cell, mm, to predict times.", show_default="the source's, or 1"),
    ] = None,
    dwell_s: Annotated[
        float | None, typer.Option("--dwell", help="Time on a cell, s, to predict times.", show_default="0.1")
    ] = None,
    stage: Annotated[
        str | None,
        typer.Option(
            help="To predict times: a scan's configuration, or SPEED,ACCELERATION[,SETTLE[,OVERHEAD]].",
            show_default="the recording's, or 50,500",
        ),
    ] = None,
    against: Annotated[
        Path | None, typer.Option(help="Compare with this recording or raster instead.", show_default=False)
    ] = None,
    rgb: Annotated[Path | None, typer.Option(help="Photograph of the object.", show_default=False)] = None,
    match: Annotated[
        list[str] | None,
        typer.Option(help="The same point on both: ROW,COLUMN=X,Y; or a file of such lines.", show_default=False),
    ] = None,
    calibration: Annotated[
        str | None, typer.Option(help="Energy scale of spectra: OFFSET_KEV,KEV_PER_CHANNEL.", show_default="the file's")
    ] = None,
    tube: Annotated[str | None, typer.Option(help="Excitation: ANODE,KV.", show_default="the file's, or Rh,40")] = None,
    live_s: Annotated[
        float | None, typer.Option("--live-time", help="Live time of each cell, s.", show_default="the file's")
    ] = None,
    elements: Annotated[
        str | None, typer.Option(help="Elements to map of spectra: Pb,Fe.", show_default="those that they show")
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="Where in an HDF5 file: /entry/maps.", show_default=False)] = None,
    channels: Annotated[
        str | None,
        typer.Option(help="Axis of channels of an HDF5 cube: first or last.", show_default="as its lengths say"),
    ] = None,
) -> None:
    """Measure a recorded scan or full raster again, sparsely, and score the maps against what was left out.

    Without --mask and --reconstruct, masks, reconstructions and rates are compared.
    """
    from edge.faults import UsageError
    from edge.replaying.coarse import AskedRaster
    from edge.replaying.replay import replay_coarse, replay_plan, replay_source
    from edge.stopping.asked import asked_stop

    settings = _settings(rgb, match or [], calibration, tube, live_s, elements, dataset, channels)
    if against is not None:
        from edge.replay_against.run import compare_recordings

        asked = (rate, mask, reconstruct, model, plan, coarse, error, within, pitch_mm, dwell_s, stage)
        if seed or is_quick or any(one is not None for one in asked):
            raise UsageError("--against compares what was recorded: leave all options of a replay out")
        compare_recordings(source, against, out, settings=settings, say=typer.echo)
        return
    if plan is None and coarse is None and mask is None and reconstruct is None and not error:
        from edge.configuration.durations import seconds_of
        from edge.replay_matrix.run import compare_masks
        from edge.replay_matrix.stated import Wanted

        within_s = None if within is None else seconds_of(within)
        wanted = Wanted(rate, seed, model, is_quick, within_s, pitch_mm, dwell_s, stage)
        result = compare_masks(source, out, wanted, settings=settings, say=typer.echo)
    elif is_quick or any(one is not None for one in (within, pitch_mm, dwell_s, stage)):
        raise UsageError(
            "--quick, --within, --pitch, --dwell and --stage are of a comparison: leave them out, or --mask, "
            "--reconstruct, --plan, --coarse and --error"
        )
    elif coarse is not None:
        if plan is not None or rate is not None or mask is not None or model is not None or seed or error:
            raise UsageError(
                "--coarse measures every block: leave --plan, --rate, --mask, --model, --seed and --error out"
            )
        asked_raster = AskedRaster.of(coarse)
        result = replay_coarse(source, asked_raster, method=reconstruct or "automatic", out=out, settings=settings)
    elif plan is not None:
        if rate is not None or mask is not None or model is not None or seed or error:
            raise UsageError("--plan names the cells: leave --rate, --mask, --model, --seed and --error out")
        result = replay_plan(source, plan, method=reconstruct or "automatic", out=out, settings=settings)
    else:
        result = replay_source(
            source,
            rate=0.1 if rate is None else rate,
            mask=mask,
            method=reconstruct or "automatic",
            seed=seed,
            model=model,
            out=out,
            stop=asked_stop(error or []),
            settings=settings,
        )
    typer.echo(result.summary())
    for remark in result.maps.remarks:
        typer.echo(remark)


def _settings(
    rgb: Path | None,
    match: list[str],
    calibration: str | None,
    tube: str | None,
    live_s: float | None,
    elements: str | None,
    dataset: str | None,
    channels: str | None,
) -> ImportSettings:
    """What the options say of somebody else's file."""
    from edge.faults import UsageError
    from edge.imports.found import ChannelsAxis, ImportSettings
    from edge.imports.points import pairs_of

    scale = None if calibration is None else _numbers(calibration, "--calibration", "OFFSET_KEV,KEV_PER_CHANNEL")
    anode, _, kv = (tube or "").partition(",")
    if tube is not None and not (anode.isalpha() and kv):
        raise UsageError(f"--tube {tube}: write ANODE,KV, such as Rh,40")
    if live_s is not None and not 0 < live_s < 1e5:
        raise UsageError(f"--live-time {live_s:g} is no time on a cell: give seconds above 0")
    axis: ChannelsAxis | None = None
    match channels:
        case "first" | "last":
            axis = channels
        case str():
            raise UsageError(f"--channels {channels}: say first or last")
    return ImportSettings(
        calibration=scale,
        tube_kv=None if tube is None else _numbers(f"0,{kv}", "--tube", "ANODE,KV")[1],
        anode=None if tube is None else anode,
        live_s=live_s,
        elements=tuple(name.strip() for name in (elements or "").split(",") if name.strip()),
        channels=axis,
        dataset=dataset,
        photograph=rgb,
        pairs=pairs_of(match),
    )


def _numbers(text: str, option: str, form: str) -> tuple[float, float]:
    import math

    from edge.faults import UsageError

    try:
        first, second = (float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"{option} {text}: write {form}, two numbers with a comma between") from None
    if not (math.isfinite(first) and math.isfinite(second)):
        raise UsageError(f"{option} {text}: write {form}, two numbers with a comma between")
    return first, second
