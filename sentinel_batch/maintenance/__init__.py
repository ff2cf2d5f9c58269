"""Look after the lake: ``diagnose`` reads and judges, ``maintain`` compacts, archives and cleans up."""

from __future__ import annotations

from sentinel_batch.maintenance.diagnosis import Check, Diagnosis, diagnose
from sentinel_batch.maintenance.upkeep import MaintenanceResult, maintain

__all__ = ["Check", "Diagnosis", "MaintenanceResult", "diagnose", "maintain"]
