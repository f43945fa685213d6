"""Real counts."""

from skprox.datasets._base import load_bike_rentals

__all__ = ["load_bike_rentals"]
