"""What ends a training or the loading of its result.

::

    ModelsError
    └── TrainingError
        ├── UnknownNetwork         no network of that name, or an option that it does not have
        ├── UnusablePhotographs    a folder or archive without photographs that can be read
        ├── UnusableCheckpoint     not a checkpoint, damaged, or of another configuration
        └── TrainingDiverged       the loss is no longer a number
"""

from __future__ import annotations

from models.faults import ModelsError


class TrainingError(ModelsError):
    """Root of what ends a training; the text is one sentence with the remedy."""


class UnknownNetwork(TrainingError):
    """No network of that name, or an option that it does not have."""


class UnusablePhotographs(TrainingError):
    """A folder or archive without photographs that can be read."""


class UnusableCheckpoint(TrainingError):
    """Not a checkpoint, damaged, or of another configuration."""


class TrainingDiverged(TrainingError):
    """The loss is no longer a number."""
