"""Drafts of suspicious-activity reports: JSON, narrative, FinCEN SAR XML 2.0, goAML XML, evidence manifest.

A draft is never a filing: every document says DRAFT, and the fields that a filing would need and that are not known are
listed, not invented. A person completes, judges and files it.
"""

from audio_batch.sar.configuration import SarConfig, load_sar_config
from audio_batch.sar.draft import SarDraft, draft_sar
from audio_batch.sar.narrative import DEEPFAKE_KEY_TERM
from audio_batch.sar.record import MissingField

__all__ = ["DEEPFAKE_KEY_TERM", "MissingField", "SarConfig", "SarDraft", "draft_sar", "load_sar_config"]
