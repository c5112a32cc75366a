"""The ways of tuning: one file each, their entries in METHODS."""

from core.training.methods.full import FULL, FULL_8BIT
from core.training.methods.light import LIGHT, LIGHT_8BIT, LIGHT_DORA
from core.training.methods.method import Method, Prepared
from core.training.methods.quick import QUICK

METHODS: dict[str, Method] = {method.name: method for method in (FULL, FULL_8BIT, LIGHT, LIGHT_DORA, LIGHT_8BIT, QUICK)}

__all__ = ["METHODS", "Method", "Prepared"]
