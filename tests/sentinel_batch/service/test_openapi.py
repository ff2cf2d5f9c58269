"""The service does what its description says, whatever is sent."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from running_service import RunningService
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 8


@pytest.fixture(scope="module")
def operations(service: RunningService) -> dict[str, Any]:
    """What the description of a running service, whose lake has calls and alerts, says can be asked."""
    with service.client() as admin:
        # The voice engine is loaded with the first recording, which takes longer than a case may.
        admin.post("/v1/voice/deepfake", files={"audio": b"none"})
    schema = schemathesis.openapi.from_url(f"{service.url}/openapi.json")
    found = [result.ok() for result in schema.get_all_operations()]
    return {operation.label: operation for operation in found}


def test_description_holds(service: RunningService, operations: dict[str, Any]) -> None:
    assert len(operations) > 30
    headers = {"Authorization": f"Bearer {service.keys['admin']}"}
    wrong: dict[str, str] = {}
    for label, operation in operations.items():
        cases = [operation.as_strategy(generation_mode=mode) for mode in GenerationMode]

        @seed(1)
        @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=st.one_of(cases))
        def send(case: Any) -> None:
            case.call_and_validate(headers=headers, checks=CHECKS)

        try:
            send()
        except Exception as error:
            wrong[label] = str(error)
    assert not wrong, "\n\n".join(f"{label}\n{said}" for label, said in wrong.items())
