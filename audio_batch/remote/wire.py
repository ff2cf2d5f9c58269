"""What goes over the wire: paths, names of fields and headers. The server that we ship takes the same names from here.

The names are those of the public clients of this API (Python, Node, TypeScript, cURL); see docs/sonotheia.md.
"""

from __future__ import annotations

from typing import Literal, get_args

DEFAULT_URL = "https://api.sonotheia.com"
MOCK_URL = "http://localhost:8000"
"""Where `sentinel-batch serve --mock` answers unless told otherwise."""
MOCK_API_KEY = "mock_api_key_12345"

DEEPFAKE_PATH = "/v1/voice/deepfake"
FEATURES_PATH = "/v1/voice/features"
MFA_PATH = "/v1/mfa/voice/verify"
SAR_PATH = "/v1/reports/sar"
ENROLLMENT_PATH = "/v1/enrollment"
HEALTH_PATH = "/health"

AUDIO = "audio"
"""Field of a form: the file. Some clients call it ``file``; a server should take both."""
METADATA = "metadata"
"""Field of a form: a JSON object, of scoring and enrolment."""
ENROLLMENT_ID = "enrollment_id"
CONTEXT = "context"
"""Field of a form: a JSON object, of verification."""
EXTRACT_FEATURES = "extract_features"
INCLUDE_REASON_CODES = "include_reason_codes"
MODE = "mode"
FEATURES_ONLY = "features_only"

TENANT_HEADER = "X-Tenant-ID"
IDEMPOTENCY_HEADER = "Idempotency-Key"
"""The same for every attempt at one call, so that a server can tell a repetition from a second call."""

Decision = Literal["allow", "deny", "review"]
DECISIONS: tuple[Decision, ...] = get_args(Decision)
LABELS = ("likely_real", "likely_synthetic", "uncertain")
SAR_STATUSES = ("submitted", "pending", "accepted", "rejected")
