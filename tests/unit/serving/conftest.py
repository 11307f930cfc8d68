"""The panel's picture, taken once."""

from tests.unit.desk.conftest import photograph

__all__ = ["photograph"]
