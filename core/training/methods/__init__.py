"""The ways of tuning: one file each, and one entry in METHODS."""

from core.training.methods.full import FullTuning
from core.training.methods.method import Method, Prepared

METHODS: dict[str, Method] = {method.name: method for method in (FullTuning(),)}

__all__ = ["METHODS", "Method", "Prepared"]
