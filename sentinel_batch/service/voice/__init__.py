"""The voice API over HTTP: detection, verification, enrolment, drafts of reports, by the local engine; and a mock."""
