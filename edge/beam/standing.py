"""What a scan says to an order, by what it is at: pure, so that whoever asks has an answer at once."""

from __future__ import annotations

from edge.control.messages import Order, Reply, Standing

_WORDS: dict[Standing, str] = {
    "preparing": "photograph and plan are being made, or looked at; the shutter is closed",
    "waiting to be armed": "the shutter is closed until the scan is armed at a terminal of this computer",
    "measuring": "the scan is measuring",
    "pausing": "the scan is about to pause",
    "paused": "the scan is paused, the shutter closed",
    "ending": "the scan is ending",
}
_AT_TERMINAL = "let it go on at its own terminal, or with pointillist arm at a terminal of this computer"


def answer_to(
    order: Order,
    *,
    standing: Standing,
    is_by_instrument: bool,
    plan_digest: str,
    has_terminal: bool,
    measured: int = 0,
) -> Reply:
    """Whether an order is obeyed, and the sentence for whoever sent it.

    Parameters
    ----------
    is_by_instrument
        Of a pause: whether the instrument, or somebody there, brought it about.
    plan_digest
        Of the plan that waits to be armed.
    has_terminal
        Whether the order comes from a process at a terminal.
    measured
        Exposures that a scan which waits to be armed has from before.
    """
    refusal = ""
    match order.do:
        case "status":
            return Reply(True, _WORDS[standing], standing)
        case "pause":
            refusal, done = _pause(standing)
        case "resume":
            refusal, done = _resume(standing, is_by_instrument)
        case "finish":
            refusal, done = _finish(standing, measured)
        case "stop":
            done = "stopping: the shutter closes after the exposure in progress, and the scan can be resumed"
            refusal = _WORDS[standing] if standing == "ending" else ""
        case "arm":
            refusal, done = _arm(order, standing, plan_digest, has_terminal)
    return Reply(not refusal, refusal or done, standing)


def _pause(standing: Standing) -> tuple[str, str]:
    match standing:
        case "ending" | "waiting to be armed":
            return _WORDS[standing], ""
        case "paused" | "pausing":
            return "", _WORDS[standing]
        case "preparing":
            return "", "noted: the shutter stays closed until the scan is resumed"
    return "", "pausing: the shutter closes after the exposure in progress"


def _resume(standing: Standing, is_by_instrument: bool) -> tuple[str, str]:
    match standing:
        case "paused" if is_by_instrument:
            return f"the scan was paused at the instrument: {_AT_TERMINAL}", ""
        case "paused":
            return "", "resuming, once the object is seen to lie where it lay"
        case "preparing" | "pausing":
            return "", "noted: the scan goes on by itself"
    return f"nothing is paused: {_WORDS[standing]}", ""


def _finish(standing: Standing, measured: int) -> tuple[str, str]:
    match standing:
        case "waiting to be armed" if measured:
            return (
                "",
                f"finishing: the shutter stays closed, and maps are made of the {measured} exposures that there are",
            )
        case "preparing" | "waiting to be armed":
            return "nothing is measured yet that could be finished: stop the scan instead", ""
        case "ending":
            return _WORDS[standing], ""
    return "", "finishing: the shutter closes after the exposure in progress, and the maps are made"


def _arm(order: Order, standing: Standing, plan_digest: str, has_terminal: bool) -> tuple[str, str]:
    if standing not in ("waiting to be armed", "paused"):
        return f"there is nothing to arm: {_WORDS[standing]}", ""
    if not has_terminal:
        return "a scan is armed at a terminal of this computer alone: pointillist arm", ""
    if standing == "waiting to be armed" and order.plan != plan_digest:
        return "the scan's plan is not the one that was looked at: look at it again", ""
    return "", "armed: the shutter opens once the object is seen to lie where it lay"
