"""Setting a DP5 up, and making sure that it took what was asked. Never writes its flash."""

from __future__ import annotations

from collections.abc import Mapping

from firmware_bridge.dp5.codec import Dp5CodecError
from firmware_bridge.dp5.exchange import OK, Dp5Exchange
from firmware_bridge.dp5.text import RESET, as_questions, as_settings, as_texts, is_same_value, read_text
from firmware_bridge.dp5.vocabulary import ASK_CONFIGURATION, CONFIGURATION, CONFIGURE
from firmware_bridge.faults import ProtocolViolation, SettingRefused

_OURS = {
    "RESC": "every configuration begins from the maker's defaults",
    "PRET": "exposures set it",
    "PRER": "exposures set it",
    "PREC": "an exposure ends by time",
}
_ALWAYS_READ = "MCAC"


def configure(exchange: Dp5Exchange, asked: Mapping[str, str], *, from_defaults: bool) -> dict[str, str]:
    """Send settings, read them back, compare; returns what the device says of them and of its channels.

    Parameters
    ----------
    from_defaults
        Whether everything that isn't named gets the maker's default first; then presets may not be named.

    Raises
    ------
    SettingRefused
        A setting cannot be sent, is refused, or reads back as something else.
    """
    try:
        settings = as_settings(asked)
    except Dp5CodecError as error:
        raise SettingRefused(f"{error} (settings of {exchange.name})") from error
    if from_defaults:
        _refuse_ours(settings)
    texts = as_texts({**({"RESC": "Y"} if from_defaults else {}), **settings})
    assert not from_defaults or texts[0].startswith(RESET.encode())
    for text in texts:
        exchange.ask(CONFIGURE, text, expected=OK)
    told = read_settings(exchange, list(dict.fromkeys([*settings, *([_ALWAYS_READ] if from_defaults else [])])))
    differences = [
        f"{name} was to be {value} and is {told[name]}"
        for name, value in settings.items()
        if not is_same_value(value, told[name])
    ]
    if differences:
        raise SettingRefused(
            f"{exchange.name} did not take its settings as asked: {', '.join(differences)}: give values that the "
            "device can take"
        )
    return told


def read_settings(exchange: Dp5Exchange, names: list[str]) -> dict[str, str]:
    """What the device says of its settings, all of those asked for.

    Raises
    ------
    SettingRefused
        It doesn't know one.
    ProtocolViolation
        Its answer cannot be read.
    """
    told: dict[str, str] = {}
    for text in as_questions(names):
        reply = exchange.ask(ASK_CONFIGURATION, text, expected=(CONFIGURATION,))
        try:
            told.update(read_text(reply.content))
        except Dp5CodecError as error:
            raise ProtocolViolation(f"{exchange.name} sent {error}: update its firmware") from error
    missing = [name for name in names if name not in told]
    if missing:
        raise SettingRefused(f"{exchange.name} says nothing of {', '.join(missing)}: leave out what it doesn't know")
    return told


def _refuse_ours(settings: Mapping[str, str]) -> None:
    for name, why in _OURS.items():
        if name in settings:
            raise SettingRefused(f"the setting {name} cannot be given ({why}): leave it out")
