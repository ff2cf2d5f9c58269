"""Where the voice API answers: the published paths, and those of the later family that mean the same."""

from __future__ import annotations

DETECT_PATHS = ("/v1/voice/deepfake", "/api/detect")
FEATURES_PATHS = ("/v1/voice/features",)
VERIFY_PATHS = ("/v1/mfa/voice/verify", "/api/authenticate")
ENROL_PATHS = ("/v1/enrollment", "/v1/mfa/voice/enroll")
REPORT_PATHS = ("/v1/reports/sar", "/api/sar/generate")
HEALTH_PATH = "/health"

AUDIO_PATHS = frozenset({*DETECT_PATHS, *FEATURES_PATHS, *VERIFY_PATHS, *ENROL_PATHS})
"""Their bodies hold recordings."""

VOICE_PATHS = AUDIO_PATHS | {*REPORT_PATHS, HEALTH_PATH}
"""Their refusals have the published form."""
