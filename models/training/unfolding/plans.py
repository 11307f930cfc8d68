"""How an unfolded network is trained: both papers' ways and ours, as named plans.

Epochs of the papers are passes over one scan, by the hundred thousand: days of a processor. Here a step takes some
exposures at random, rates of learning fall towards the end, and a training ends early when exposures that it never
meets are no longer predicted better.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

PATCHES = ("misclassified", "all")
"""Of which patches the adversarial terms are means: those that the discriminator gets wrong, or all (LSGAN)."""
COLOUR_WEIGHT = 0.003
"""alpha_1 of both papers."""
ADVERSARIAL_WEIGHT = 0.5e-6
"""alpha_2 of both papers."""
PUBLISHED_PRE_TRAINING_EPOCHS = 100_000
PUBLISHED_ADVERSARIAL_EPOCHS = {"verinaz-jadan-2024": 2_000_000, "verinaz-jadan-2025": 500_000}


@dataclass(frozen=True, slots=True)
class Stage:
    """One stretch of a training: what counts, how fast, and for how long at most."""

    steps: int
    learning_rate: float
    """It falls along half a cosine to a hundredth of this."""
    measurement_weight: float = 1.0
    """Of L_c1; 0 for the ablation without it."""
    colour_weight: float = COLOUR_WEIGHT
    adversarial_weight: float = 0.0
    exposures: int = 512
    """Per step and lesson."""
    is_output_bounded: bool = True
    """Whether the network's last sigmoid is applied, where it has one."""
    is_weight_bounded: bool = False
    """Whether weights are brought back into [-1, 1] after each step."""
    uses_coarser_lessons: bool = True
    """Whether lessons other than the scan itself take part."""


@dataclass(frozen=True, slots=True)
class Adversary:
    """The discriminator's part."""

    learning_rate: float = 3e-6
    patches: int = 32
    """Per step, made and pseudo-real ones each."""
    counted: str = "misclassified"
    """A name of `PATCHES`."""
    projects: bool = True
    """Whether made patches are projected first."""

    def __post_init__(self) -> None:
        if self.counted not in PATCHES:
            raise ValueError(f"patches {self.counted!r} are not known: choose one of {', '.join(PATCHES)}")


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """A whole training."""

    stages: tuple[Stage, ...]
    adversary: Adversary = Adversary()
    seed: int = 0
    held_share: float = 0.05
    """Of the scan's exposures, that neither steps nor inputs hold: on them the training is judged."""
    folds: int = 0
    """Parts of the exposures, each met with inputs that were made without it; 0: all, with inputs of all."""
    judge_every: int = 100
    patience: int = 8
    """Judgements without a better one after which a stage ends. 0: never."""


@dataclass(frozen=True, slots=True)
class NamedPlan:
    """A training and the form of the network that it is for."""

    about: str
    plan: TrainingPlan
    activation: str = "sigmoid"
    output: str = "sigmoid"
    dictionary: str = "free"
    atoms: int = 64
    layers: int = 5
    network: str = "unfolded"
    """A name of `models.training.networks.UNFOLDED`; a mixing network has a form of its own, but atoms and layers."""
    recipe: str = "interpolated"
    """How inputs are made."""
    is_coarsened_too: bool = False
    """Whether the scan coarsened once more is a second lesson."""


OURS = "pointillist"
OURS_OF_A_MASK = "pointillist-mask"
_FOLDS = 5

_PRE_TRAINING = Stage(steps=3000, learning_rate=3e-3)
_ADVERSARIAL = Stage(steps=300, learning_rate=3e-4, adversarial_weight=ADVERSARIAL_WEIGHT, uses_coarser_lessons=False)

PLANS: dict[str, NamedPlan] = {
    "verinaz-jadan-2024": NamedPlan(
        "non-negative dictionary by squaring; pre-trained on the scan and on the scan coarsened once more, without the "
        "last sigmoid and with weights below one; then with a discriminator",
        TrainingPlan((replace(_PRE_TRAINING, is_output_bounded=False, is_weight_bounded=True), _ADVERSARIAL)),
        dictionary="squared",
        is_coarsened_too=True,
    ),
    "verinaz-jadan-2025": NamedPlan(
        "free dictionary; pre-trained on the scan from Xavier's uniform weights; then with a discriminator",
        TrainingPlan((_PRE_TRAINING, _ADVERSARIAL)),
    ),
    OURS: NamedPlan(
        "corrects kriged maps that agree with the exposures; told what detail would be if maps followed the photograph "
        "as they do around; learns from each fifth of the exposures with inputs that were made without it",
        TrainingPlan(
            (Stage(steps=400, learning_rate=2e-3, colour_weight=0.0, exposures=128),), folds=_FOLDS, judge_every=20
        ),
        activation="leaky-relu",
        output="correction",
        layers=3,
        recipe="kriged",
    ),
    OURS_OF_A_MASK: NamedPlan(
        "for cells that a mask chose: weighs kriged, harmonic and Mumford-Shah maps against each other, cell by cell; "
        "learns from each fifth of the cells with maps that were made without it",
        TrainingPlan(
            (Stage(steps=800, learning_rate=3e-3, colour_weight=0.0, is_output_bounded=False),),
            held_share=0.1,
            folds=_FOLDS,
            judge_every=200,
            patience=0,
        ),
        network="mixed-looks",
        atoms=32,
        recipe="looks",
    ),
}
"""Every way to train by its name. The papers' texts carry no year; the names are those under which they are known."""
