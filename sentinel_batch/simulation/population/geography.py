"""Cities and cells: where antennas stand, and which are neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .arrays import Floats, Ints
from .plan import Plan, Purpose

NEIGHBOURS = 6
_SUBSCRIBERS_PER_CELL = 300
_FEWEST_CELLS = 4
_KM_PER_DEGREE = 111.2


@dataclass(frozen=True)
class City:
    """A city: three letters, approximate centre in degrees, and its weight (inhabitants in hundred thousands)."""

    code: str
    latitude: float
    longitude: float
    weight: float


CITIES = (
    City("LOS", 6.53, 3.38, 155.0),
    City("KAN", 12.00, 8.52, 42.0),
    City("IBA", 7.38, 3.94, 38.0),
    City("ABV", 9.07, 7.48, 38.0),
    City("PHC", 4.82, 7.03, 35.0),
    City("BNI", 6.34, 5.63, 19.0),
    City("KAD", 10.52, 7.44, 12.0),
    City("ABA", 5.11, 7.37, 12.0),
    City("ONI", 6.14, 6.79, 16.0),
    City("MIU", 11.83, 13.15, 9.0),
    City("ILR", 8.50, 4.55, 10.0),
    City("ENU", 6.45, 7.50, 9.0),
    City("JOS", 9.90, 8.86, 9.5),
    City("ZAR", 11.08, 7.70, 8.0),
    City("WAR", 5.52, 5.75, 9.5),
    City("ABK", 7.16, 3.35, 6.5),
    City("SOK", 13.06, 5.24, 7.0),
    City("UYO", 5.04, 7.91, 12.5),
    City("OWR", 5.48, 7.03, 10.0),
    City("CBQ", 4.96, 8.33, 6.5),
    City("AKR", 7.25, 5.20, 7.5),
    City("OSO", 7.77, 4.56, 8.0),
    City("BAU", 10.31, 9.84, 6.5),
    City("GOM", 10.29, 11.17, 5.5),
    City("YOL", 9.20, 12.48, 4.0),
    City("MKD", 7.73, 8.54, 4.0),
    City("LOK", 7.80, 6.74, 3.5),
    City("MNA", 9.61, 6.56, 5.0),
    City("KTS", 12.99, 7.60, 5.0),
    City("ASB", 6.20, 6.73, 4.0),
    City("ADO", 7.62, 5.22, 5.0),
    City("LAF", 8.49, 8.52, 4.0),
    City("DUT", 11.76, 9.34, 3.0),
    City("BKB", 12.45, 4.20, 4.0),
    City("GUS", 12.17, 6.66, 4.0),
    City("JAL", 8.89, 11.36, 2.5),
    City("DAM", 11.75, 11.96, 2.5),
    City("AWK", 6.21, 7.07, 4.5),
    City("UMU", 5.53, 7.49, 4.0),
    City("ABL", 6.32, 8.11, 4.0),
    City("YEN", 4.92, 6.26, 4.0),
    City("IFE", 7.48, 4.56, 4.5),
    City("IKD", 6.62, 3.51, 11.0),
    City("OTA", 6.68, 3.23, 7.0),
)
"""Cities whose share of the calls is modelled; centres to about a kilometre, weights rounded estimates."""


@dataclass(frozen=True)
class Cells:
    """All cells, those of one city side by side.

    Parameters
    ----------
    codes
        Location code of each.
    city
        Position in :data:`CITIES`.
    latitude, longitude
        Degrees.
    first
        Position of each city's first cell, and the number of all cells at the end.
    neighbours
        For each cell the nearest others of its city, nearest first.
    """

    codes: list[str]
    city: Ints
    latitude: Floats
    longitude: Floats
    first: Ints
    neighbours: Ints

    def __len__(self) -> int:
        """Return the number of cells."""
        return len(self.codes)

    def draw_in_city(self, rng: np.random.Generator, city: Ints) -> Ints:
        """Return a random cell of each city."""
        low, high = self.first[city], self.first[city + 1]
        return (low + rng.random(len(city)) * (high - low)).astype(np.int32)

    def draw_near(self, rng: np.random.Generator, cell: Ints, reach: int = NEIGHBOURS) -> Ints:
        """Return one of the ``reach`` nearest neighbours of each cell."""
        near: Ints = self.neighbours[cell, (rng.random(len(cell)) * reach).astype(np.int64)]
        return near


def plan_cells(plan: Plan) -> Cells:
    """Return the cells of a population: more of them where more people live, denser near a centre."""
    rng = plan.rng(Purpose.PLACES)
    weights = city_shares()
    counts = np.maximum(np.rint(weights * plan.subscribers / _SUBSCRIBERS_PER_CELL), _FEWEST_CELLS).astype(np.int64)
    city = np.repeat(np.arange(len(CITIES)), counts)
    # A disk, denser in the middle; Lagos, the widest, measures less than 50 km across.
    radius = np.array([5.0 + 1.4 * np.sqrt(place.weight) for place in CITIES])[city] * rng.random(len(city)) ** 0.7
    angle = rng.uniform(0.0, 2.0 * np.pi, len(city))
    north, east = radius * np.cos(angle), radius * np.sin(angle)
    latitude = np.array([place.latitude for place in CITIES])[city] + north / _KM_PER_DEGREE
    squeeze = _KM_PER_DEGREE * np.cos(np.radians(latitude))
    longitude = np.array([place.longitude for place in CITIES])[city] + east / squeeze
    first = np.concatenate([[0], np.cumsum(counts)])
    codes = [f"{CITIES[c].code}{n:04d}" for c, count in enumerate(counts.tolist()) for n in range(1, count + 1)]
    neighbours = np.concatenate([_nearest(north[a:b], east[a:b]) + a for a, b in pairwise(first.tolist())])
    return Cells(codes, city, np.round(latitude, 5), np.round(longitude, 5), first, neighbours.astype(np.int32))


def city_shares() -> Floats:
    """Return the share of the subscribers that lives in each city."""
    weights = np.array([place.weight for place in CITIES])
    shares: Floats = weights / weights.sum()
    return shares


def measure_distance(cells: Cells, origin: Ints, destination: Ints) -> Floats:
    """Return distances between cells in kilometres (flat earth: good to some per cent within Nigeria)."""
    north = (cells.latitude[destination] - cells.latitude[origin]) * _KM_PER_DEGREE
    middle = np.radians((cells.latitude[destination] + cells.latitude[origin]) / 2)
    east = (cells.longitude[destination] - cells.longitude[origin]) * _KM_PER_DEGREE * np.cos(middle)
    return np.hypot(north, east)


def _nearest(north: Floats, east: Floats) -> Ints:
    distance = np.hypot(north[:, None] - north[None, :], east[:, None] - east[None, :])
    np.fill_diagonal(distance, np.inf)
    order = np.argsort(distance, axis=1, kind="stable")[:, : min(NEIGHBOURS, len(north) - 1)]
    return order[:, np.arange(NEIGHBOURS) % order.shape[1]]
