"""A whole population's calls with known fraud in them: subscribers, hard negatives, SIM boxes, campaigns."""

from .plan import DEFAULT_START, Plan
from .population import Population, plan_population, simulate_population
from .strategies import STRATEGIES, Strategy
from .truth import PopulationTruth, read_truth

__all__ = [
    "DEFAULT_START",
    "STRATEGIES",
    "Plan",
    "Population",
    "PopulationTruth",
    "Strategy",
    "plan_population",
    "read_truth",
    "simulate_population",
]
