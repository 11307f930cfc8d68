"""Numbers, durations and names as a reader wants them: significant figures, units, plain words."""

from __future__ import annotations

import html
import math
import re
from datetime import UTC, datetime

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

_NAME_OF: dict[str, str] = dict(
    re.findall(
        r"(\w+) (\w+)",
        "H Hydrogen He Helium Li Lithium Be Beryllium B Boron C Carbon N Nitrogen O Oxygen F Fluorine Ne Neon "
        "Na Sodium Mg Magnesium Al Aluminium Si Silicon P Phosphorus S Sulphur Cl Chlorine Ar Argon K Potassium "
        "Ca Calcium Sc Scandium Ti Titanium V Vanadium Cr Chromium Mn Manganese Fe Iron Co Cobalt Ni Nickel "
        "Cu Copper Zn Zinc Ga Gallium Ge Germanium As Arsenic Se Selenium Br Bromine Kr Krypton Rb Rubidium "
        "Sr Strontium Y Yttrium Zr Zirconium Nb Niobium Mo Molybdenum Tc Technetium Ru Ruthenium Rh Rhodium "
        "Pd Palladium Ag Silver Cd Cadmium In Indium Sn Tin Sb Antimony Te Tellurium I Iodine Xe Xenon Cs Caesium "
        "Ba Barium La Lanthanum Ce Cerium Pr Praseodymium Nd Neodymium Pm Promethium Sm Samarium Eu Europium "
        "Gd Gadolinium Tb Terbium Dy Dysprosium Ho Holmium Er Erbium Tm Thulium Yb Ytterbium Lu Lutetium "
        "Hf Hafnium Ta Tantalum W Tungsten Re Rhenium Os Osmium Ir Iridium Pt Platinum Au Gold Hg Mercury "
        "Tl Thallium Pb Lead Bi Bismuth Po Polonium At Astatine Rn Radon Fr Francium Ra Radium Ac Actinium "
        "Th Thorium Pa Protactinium U Uranium",
    )
)


def escaped(text: str) -> str:
    """Text made safe for HTML, in content and in quoted attributes."""
    return html.escape(text, quote=True)


def significant(value: float, digits: int = 3) -> str:
    """A number to so many significant figures, without trailing noise; an em dash where there is none.

    >>> significant(0.0123456), significant(39440.0, 5), significant(2.5e-7)
    ('0.0123', '39,440', '2.5 × 10⁻⁷')
    """
    if not math.isfinite(value):
        return "—"
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(value)))
    rounded = round(value, digits - 1 - exponent)
    exponent = math.floor(math.log10(abs(rounded)))
    if -4 <= exponent < 7:
        text = f"{rounded:,.{max(0, digits - 1 - exponent)}f}"
    else:
        text = f"{rounded / 10.0**exponent:.{digits - 1}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    if not -4 <= exponent < 7:
        text += f" × 10{str(exponent).translate(_SUPERSCRIPT)}"
    return text.replace("-", "−")


def on_scale(value: float, span: float) -> str:
    """A number on a scale of some span: what is below a thousandth of the span reads as 0.

    >>> on_scale(-4.7e-14, 300.0), on_scale(0.25, 2.0)
    ('0', '0.25')
    """
    return "0" if abs(value) < 0.001 * span else significant(value)


def whole(value: int) -> str:
    """A count, with thousands set apart."""
    return f"{value:,}".replace("-", "−")


def rounded_count(value: int) -> str:
    """A large count in words.

    >>> rounded_count(48_313_221), rounded_count(39_440)
    ('48.3 million', '39,440')
    """
    if value >= 1_000_000_000:
        return f"{significant(value / 1e9)} billion"
    return f"{significant(value / 1e6)} million" if value >= 1_000_000 else whole(value)


def percent(fraction: float) -> str:
    """A fraction in percent; never rounded up to all or down to nothing.

    >>> percent(0.1), percent(0.99999), percent(0.0000001)
    ('10.0 %', 'more than 99.9 %', 'less than 0.1 %')
    """
    if not math.isfinite(fraction):
        return "—"
    if 0.9995 <= fraction < 1:
        return "more than 99.9 %"
    if 0 < fraction < 0.0005:
        return "less than 0.1 %"
    if fraction in (0, 1):
        return f"{fraction:.0%}".replace("%", " %")
    return f"{100 * fraction:.1f} %"


def duration(seconds: float | None) -> str:
    """A stretch of time in the two largest units that matter.

    >>> duration(0.25), duration(95), duration(7384)
    ('0.25 s', '1 min 35 s', '2 h 3 min')
    """
    if seconds is None or not math.isfinite(seconds):
        return "—"
    if seconds < 59.95:
        return f"{significant(seconds)} s"
    whole_s = round(seconds)
    if whole_s < 3600:
        return f"{whole_s // 60} min {whole_s % 60} s"
    minutes = round(seconds / 60)
    if minutes < 1440:
        return f"{minutes // 60} h {minutes % 60} min"
    hours = round(seconds / 3600)
    return f"{hours // 24} d {hours % 24} h"


def moment(time: datetime) -> str:
    """Date and time of day, in UTC."""
    utc = time.astimezone(UTC)
    return f"{utc.day} {utc:%B %Y, %H:%M:%S} UTC"


def clock(time: datetime) -> str:
    """Time of day, in UTC."""
    return f"{time.astimezone(UTC):%H:%M:%S}"


def element_name(label: str) -> str:
    """The full name behind a map's label; the label itself where it names no element.

    >>> element_name("Pb-L"), element_name("Zn-KB"), element_name("Fe"), element_name("scatter")
    ('Lead, L lines', 'Zinc, Kβ lines', 'Iron', 'scatter')
    """
    symbol, _, lines = label.partition("-")
    name = _NAME_OF.get(symbol)
    if name is None:
        return label
    greek = lines[:1] + lines[1:].translate(str.maketrans("ABG", "αβγ"))
    return f"{name}, {greek} lines" if lines else name
