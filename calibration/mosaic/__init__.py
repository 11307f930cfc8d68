"""One picture of an object larger than a frame: frames of a camera that travels with the beam, laid together."""

from calibration.mosaic.build import Mosaic, MosaicRequest, NeighbourResidual, NoMosaic, build_mosaic, placement
from calibration.mosaic.frames import MosaicFrame, UnusableFrame
from calibration.mosaic.view import HeadView

__all__ = [
    "HeadView",
    "Mosaic",
    "MosaicFrame",
    "MosaicRequest",
    "NeighbourResidual",
    "NoMosaic",
    "UnusableFrame",
    "build_mosaic",
    "placement",
]
