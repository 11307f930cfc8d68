"""What ends a mask before it is made; the application turns these into its own exit codes.

::

    ModelsError (ValueError)
    ├── UnknownMask            no mask method of that name
    ├── UnknownBinariser       no binariser of that name
    ├── UnusablePhotograph     wrong shape, depth or values for the scan grid
    ├── UnusableRequest        shape, count, allowed cells or seed that no mask can satisfy
    ├── CoverageImpossible     the count is too small for the hole that was stated
    ├── MissingModel           no mask network, or none where one was said to be
    ├── UnusableManifest       what stands beside a mask network is no manifest, or of another kind
    └── UnusableModel          a mask network that is damaged, foreign, or not what its manifest says

Every message is one sentence that names the thing and the remedy.
"""

from __future__ import annotations


class ModelsError(ValueError):
    """Root of this room's exceptions."""


class UnknownMask(ModelsError):
    """No mask method of that name."""


class UnknownBinariser(ModelsError):
    """No binariser of that name."""


class UnusablePhotograph(ModelsError):
    """A photograph that cannot be read as colour on the scan grid."""


class UnusableRequest(ModelsError):
    """A shape, count, set of allowed cells or seed that no mask can satisfy."""


class CoverageImpossible(ModelsError):
    """The count is too small for the hole that was stated."""


class MissingModel(ModelsError):
    """No mask network, or none where one was said to be."""


class UnusableManifest(ModelsError):
    """What stands beside a mask network is no manifest, or of another kind."""


class UnusableModel(ModelsError):
    """A mask network that is damaged, foreign, or not what its manifest says."""
