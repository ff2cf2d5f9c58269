"""The night listens to the audio inbox: once to each recording, whatever happened to the nights before."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import recording_samples
from api_server import KEY, serve_api
from recording_samples import write_recording

from sentinel_batch.config import load_config
from sentinel_batch.errors import ConfigurationError, ExitCode
from sentinel_batch.lake import Lake
from sentinel_batch.nightly import NightlyResult, run_nightly
from sentinel_batch.recordings import list_recordings
from sentinel_batch.reporting import ReportFiles
from sentinel_batch.rules import list_rules
from sentinel_batch.schema import RUNS

fake_scorer = recording_samples.fake_scorer


class Desk:
    """An inbox of calls, one of recordings, and a lake."""

    def __init__(self, root: Path) -> None:
        self.root, self.lake, self.metrics = root, root / "lake", root / "sentinel.prom"
        self.inbox, self.audio = root / "inbox", root / "audio"
        for folder in (self.inbox, self.audio):
            folder.mkdir()
        others = [f"[rules.{rule.id}]\nenabled = false\n" for rule in list_rules() if rule.id != "SDHF_001"]
        (root / "sentinel.toml").write_text("".join(others), encoding="utf-8")
        self.config = replace(load_config(environ={}, start=root), audio_inbox=self.audio)

    def receive_calls(self) -> None:
        lines = ["call_date,call_time,caller_number,callee_number,duration_seconds"]
        lines += [f"2026-01-20,{12 + n // 60}:{n % 60:02}:00,+2348099999000,+23470{n:08},1" for n in range(60)]
        (self.inbox / "calls.csv").write_text("\n".join(lines) + "\n")

    def night(self, **settings: Any) -> NightlyResult:
        return run_nightly(
            lake=self.lake, inbox=self.inbox, out=self.root / "out", metrics_file=self.metrics,
            config=replace(self.config, **settings),
        )  # fmt: skip

    def sample(self, name: str) -> float:
        metric, _, labels = name.partition("{")
        wanted = f'sentinel_nightly_{metric}{{lake="{self.lake.resolve()}"' + (f",{labels}" if labels else "}")
        lines = self.metrics.read_text().splitlines()
        return next(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"{wanted} "))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk(tmp_path)
    made.receive_calls()
    return made


@pytest.fixture
def real_report() -> None:
    """Ask for the real report; it takes longer than all other steps of a small night together."""


@pytest.fixture(autouse=True)
def quick_report(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(*, out: Path, **_: object) -> ReportFiles:
        files = [out / name for name in ("report.html", "report.json", "alerts.parquet")]
        return ReportFiles(*files, period=None, alerts_total=0, alerts_shown=0)

    if "real_report" not in request.fixturenames:
        monkeypatch.setattr("sentinel_batch.nightly.pipeline.write_report", write)


def step(result: NightlyResult, name: str) -> dict[str, Any]:
    return next(found.to_dict() for found in result.steps if found.name == name)


def test_the_night_can_ask_a_remote_scorer(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    write_recording(desk.audio / "a.wav")
    write_recording(desk.audio / "b.wav", seed=1)
    with serve_api() as api:
        monkeypatch.setenv("SONOTHEIA_API_KEY", KEY)
        monkeypatch.setenv("SONOTHEIA_API_URL", api.url)
        api.script = [413]
        (desk.root / "sentinel.toml").write_text('audio_scorer = "remote"\naudio_fallback = "none"\n')
        settings = load_config(environ={}, start=desk.root)
        scorer = {"audio_scorer": settings.audio_scorer, "audio_fallback": settings.audio_fallback}
        result = desk.night(audio_workers=1, **scorer)
    assert result.status == "partial"
    rows = list_recordings(lake=desk.lake).to_dicts()
    assert sorted((row["scorer"], row["error_code"]) for row in rows if row["scorer"]) == [("remote", None)]
    assert [row["error_code"] for row in rows if row["scorer"] is None] == ["remote_refused"]


@pytest.mark.usefixtures("real_report")
def test_recordings_are_analysed_after_the_alerts_and_stand_in_the_report(desk: Desk, fake_scorer: list[str]) -> None:
    write_recording(desk.audio / "a 0.93.wav")
    write_recording(desk.audio / "b 0.12.wav", seed=1)
    (desk.audio / "c.siren7").write_bytes(bytes(40))
    (desk.root / "m.csv").write_text("file,caller_number\na 0.93.wav,+2348099999000\n")
    result = desk.night(audio_manifest=desk.root / "m.csv")
    assert (result.status, result.exit_code) == ("success", ExitCode.DONE)
    names = [step.name for step in result.steps]
    assert names == [
        "inbox",
        "rules",
        "ingest",
        "profiles",
        "detect",
        "boxes",
        "alerts",
        "cases",
        "audio",
        "report",
        "pack",
        "tidy",
        "publish",
        "notify",
        "metrics",
    ]
    line = json.loads(json.dumps(step(result, "audio")))
    assert line["status"] == "done"
    found = {"scored": 2, "likely_real": 1, "likely_synthetic": 1}
    assert line["counts"] == {"received": 2, "stored": 2, "unread": 1, **found}
    assert desk.sample("recordings_unread") == 1
    assert desk.sample('recordings{status="scored",label="likely_synthetic"}') == 1
    assert desk.sample('recordings{status="failed",label=""}') == 0
    assert desk.sample("recordings_stored") == 2
    assert set(list_recordings(desk.lake)["policy"]) == {"voice_only"}
    assert result.report is not None
    report = json.loads(result.report.json.read_text())
    assert report["recordings"]["by_label"]["likely_synthetic"] == 1
    assert [group["examples"] for group in report["recordings"]["unread"]] == [["c.siren7"]]
    assert [found["suspect_number"] for found in report["recordings"]["joint_findings"]] == ["+2348099999000"]
    assert json.dumps(result.to_dict())


def test_without_an_audio_inbox_there_is_no_step(desk: Desk) -> None:
    result = desk.night(audio_inbox=None)
    assert "audio" not in [s.name for s in result.steps]
    assert "sentinel_nightly_recordings" not in desk.metrics.read_text()
    assert result.to_dict()["recordings"] is None


@pytest.mark.usefixtures("real_report")
def test_unreadable_recordings_make_the_night_partial(desk: Desk, fake_scorer: list[str]) -> None:
    write_recording(desk.audio / "a 0.5.wav")
    (desk.audio / "broken.wav").write_bytes(b"not audio")
    result = desk.night()
    assert (result.status, result.exit_code) == ("partial", ExitCode.PARTLY_DONE)
    assert step(result, "audio")["status"] == "partial"
    assert [(file["path"], file["status"]) for file in result.failed_files] == [("broken.wav", "unreadable")]
    assert [file["path"] for file in step(result, "audio")["files"]] == ["broken.wav"]
    assert result.report is not None
    [trouble] = json.loads(result.report.json.read_text())["night"]["troubles"]
    assert (trouble["level"], trouble["what"]) == ("lost", str(desk.audio / "broken.wav"))
    assert trouble["command"].startswith("sentinel-batch audio validate")
    page = result.report.html.read_text()
    assert "broken.wav" in page.split('id="h-severity"')[0] and "✓ Nothing was lost" not in page
    assert desk.sample('recordings{status="failed",label=""}') == 1


def test_a_known_recording_is_not_analysed_again(desk: Desk, fake_scorer: list[str]) -> None:
    write_recording(desk.audio / "a 0.93.wav")
    desk.night()
    again = desk.night()
    assert fake_scorer == ["a 0.93.wav"]
    assert step(again, "audio")["counts"]["stored"] == 0
    assert list_recordings(desk.lake, superseded=True).height == 1


def test_an_interrupted_night_does_not_repeat_finished_recordings(
    desk: Desk, fake_scorer: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import audio_batch.spoof

    for number in range(4):
        write_recording(desk.audio / f"{number} 0.1{number}.wav", seed=number)
    real = audio_batch.spoof.score

    def killed(path: str, **options: Any) -> Any:
        if len(fake_scorer) == 2:
            raise KeyboardInterrupt
        return real(path, **options)

    with monkeypatch.context() as patch:
        patch.setattr(audio_batch.spoof, "score", killed)
        with pytest.raises(KeyboardInterrupt):
            desk.night()
    assert list_recordings(desk.lake).is_empty()
    assert desk.night().exit_code == ExitCode.DONE
    assert sorted(fake_scorer) == sorted(f"{number} 0.1{number}.wav" for number in range(4))
    assert list_recordings(desk.lake).height == 4


@pytest.mark.parametrize(
    ("settings", "message", "code"),
    [
        ({"audio_policy": "voice_onyl"}, "voice_onyl", ExitCode.USAGE),
        ({"audio_inbox": Path("nowhere")}, "There is no folder of recordings", ExitCode.NO_INPUT),
    ],
)
def test_a_step_that_cannot_run_ends_the_night_after_the_report(
    desk: Desk, fake_scorer: list[str], settings: dict[str, Any], message: str, code: ExitCode
) -> None:
    write_recording(desk.audio / "a 0.93.wav")
    result = desk.night(**settings)
    assert result.exit_code == code
    assert result.error is not None and message in result.error["message"]
    last = ["audio", "report", "pack", "tidy", "publish", "notify", "amend", "metrics"]
    assert [s.name for s in result.steps][-8:] == last
    assert step(result, "audio")["status"] == "failed"
    runs = Lake.open(desk.lake).snapshot().read(RUNS.name)
    assert runs.filter(runs["command"] == "nightly")["outcome"].to_list() == ["failed"]


@pytest.mark.usefixtures("real_report")
def test_recordings_alone_make_a_night(desk: Desk, fake_scorer: list[str]) -> None:
    (desk.inbox / "calls.csv").unlink()
    write_recording(desk.audio / "a 0.93.wav")
    result = desk.night()
    assert (result.status, result.exit_code) == ("success", ExitCode.DONE)
    assert step(result, "report")["counts"] == {"alerts": 0}


def test_settings_are_read_and_checked(tmp_path: Path) -> None:
    file = tmp_path / "sentinel.toml"
    file.write_text(
        'audio_inbox = "in"\naudio_manifest = "m.csv"\naudio_policy = "own.toml"\n'
        'enrollments = "v"\naudio_workers = 3\n'
    )
    config = load_config(environ={"SENTINEL_AUDIO_WORKERS": "4"}, start=tmp_path)
    assert (config.audio_inbox, config.audio_manifest) == (tmp_path / "in", tmp_path / "m.csv")
    assert (config.audio_policy, config.audio_workers) == (str(tmp_path / "own.toml"), 4)
    assert config.enrollments == tmp_path / "v"
    for bad in ("0", "1.5", '"many"', "true"):
        file.write_text(f"audio_workers = {bad}\n")
        with pytest.raises(ConfigurationError, match="a whole number from 1 to 1024"):
            load_config(environ={}, start=tmp_path)
