"""Where settings come from, and what is said about wrong ones."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from sentinel_batch.config import SETTINGS, Config, load_config
from sentinel_batch.errors import ConfigurationError, ExitCode


def test_defaults(tmp_path: Path) -> None:
    config = load_config(environ={}, start=tmp_path)
    assert config.lake == tmp_path / "data" / "lake"
    assert (config.timezone, config.region, config.max_reject_rate) == ("Africa/Lagos", "NG", 0.05)
    assert config.earliest_call == date(2000, 1, 1)
    assert (config.inbox, config.dialect, config.rules, config.file) == (None, None, {}, None)
    assert {config.origin(name) for name in SETTINGS} == {"default"}


def test_flag_beats_environment_beats_file_beats_default(tmp_path: Path) -> None:
    (tmp_path / "sentinel.toml").write_text('region = "GH"\ntimezone = "UTC"\nlock_timeout = 5\n')
    config = load_config(environ={"SENTINEL_REGION": "ke", "SENTINEL_LOCK_TIMEOUT": "7"}, start=tmp_path)
    config = config.override(typed=True, start=tmp_path, lock_timeout=9, region=None)
    assert (config.lock_timeout, config.region, config.timezone, config.max_reject_rate) == (9.0, "KE", "UTC", 0.05)
    assert config.origin("lock_timeout") == "flag --lock-timeout"
    assert config.origin("region") == "environment SENTINEL_REGION"
    assert config.origin("timezone") == str(tmp_path / "sentinel.toml")
    assert config.origin("max_reject_rate") == "default"


def test_relative_paths_belong_to_where_they_are_written(tmp_path: Path) -> None:
    folder, here = tmp_path / "etc", tmp_path / "here"
    folder.mkdir()
    here.mkdir()
    (folder / "my.toml").write_text('inbox = "in"\ndialect = "own.toml"\n')
    config = load_config("../etc/my.toml", environ={"SENTINEL_REPORTS": "out"}, start=here)
    config = config.override(typed=True, start=here, metrics_file="m.prom")
    assert config.inbox is not None
    assert config.inbox.resolve() == folder / "in"
    assert Path(config.dialect or "").resolve() == folder / "own.toml"
    assert config.lake.resolve() == folder / "data" / "lake"
    assert config.reports == here / "out"
    assert config.metrics_file == here / "m.prom"


def test_the_file_is_named_given_or_found(tmp_path: Path) -> None:
    (tmp_path / "named.toml").write_text('region = "GH"\n')
    (tmp_path / "sentinel.toml").write_text('region = "KE"\n')
    assert load_config(environ={}, start=tmp_path).region == "KE"
    assert load_config(environ={"SENTINEL_CONFIG": "named.toml"}, start=tmp_path).region == "GH"
    assert load_config("sentinel.toml", environ={"SENTINEL_CONFIG": "named.toml"}, start=tmp_path).region == "KE"


def test_rules_are_tables_of_parameters(tmp_path: Path) -> None:
    (tmp_path / "sentinel.toml").write_text('[rules.SDHF_001]\nwindow = "12h"\nmin_unique_destinations = 60\n')
    config = load_config(environ={}, start=tmp_path)
    assert config.rules == {"SDHF_001": {"window": "12h", "min_unique_destinations": 60}}
    assert config.origin("rules") == str(tmp_path / "sentinel.toml")


def test_the_shipped_model_takes_part_unless_another_or_none_is_named(tmp_path: Path) -> None:
    file = tmp_path / "sentinel.toml"
    for line, expected in (("", "simbox-simulated"), ('model = "None"', None), ('model = "./m"', str(tmp_path / "m"))):
        file.write_text(line, encoding="utf-8")
        assert load_config(file, environ={}).model == expected
    assert load_config(file, environ={"SENTINEL_MODEL": "none"}).model is None


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('timezone = "Afrika/Lagos"', ["timezone", "Afrika/Lagos", "IANA"]),
        ("timezone = 3", ["timezone", "3", "IANA"]),
        ('timezone = "../etc/passwd"', ["timezone", "IANA"]),
        ('region = "Nigeria"', ["region", "Nigeria", "two-letter"]),
        ("max_reject_rate = 5", ["max_reject_rate", "5", "0 to 1"]),
        ("max_reject_rate = nan", ["max_reject_rate", "nan", "0 to 1"]),
        ("max_reject_rate = true", ["max_reject_rate", "True", "0 to 1"]),
        ('earliest_call = "01/02/2026"', ["earliest_call", "01/02/2026", "2000-01-01"]),
        ("lock_timeout = -1", ["lock_timeout", "-1", "seconds"]),
        ('lake = ""', ["lake", "a folder"]),
        ("lake = [1]", ["lake", "[1]", "a folder"]),
        ("rules = 3", ["rules", "3", "[rules.SDHF_001]"]),
        ("[rules]\nSDHF_001 = 3", ["rules.SDHF_001", "3", "a table"]),
        ("[rules.SDHF_001]\nwindow = {a = 1}", ["rules.SDHF_001.window", "{'a': 1}"]),
        ("[rules.SDHF_001]\nsegments = 1", ["rules.SDHF_001.segments", "1"]),
        ("[rules.SDHF_001.segments]\nbusiness = 1", ["rules.SDHF_001.segments", "1", "[rules.SDHF_001.segments.NAME]"]),
        ('time_zone = "UTC"', ["time_zone", "Did you mean 'timezone'?"]),
        ("qqq = 1", ["qqq", "allowed: audio_fallback"]),
        ("lake = ", ["not valid TOML", "line 1"]),
        ('scorer = "cloud"', ["scorer", "cloud", "local, remote, or a table"]),
        ('scorer = { kind = "onx" }', ["'onx' is not known", "Did you mean 'onnx'?"]),
        ('scorer = { kind = "onnx", path = "m.onnx" }', ["the key sample_rate is missing"]),
        ('audio_scorer = "local"\nscorer = "remote"', ["scorer and audio_scorer are one setting"]),
    ],
)
def test_a_wrong_setting_is_named_with_file_key_value_and_what_is_allowed(
    line: str, words: list[str], tmp_path: Path
) -> None:
    (tmp_path / "sentinel.toml").write_text(line + "\n")
    with pytest.raises(ConfigurationError) as caught:
        load_config(environ={}, start=tmp_path)
    text = str(caught.value)
    assert str(tmp_path / "sentinel.toml") in text
    assert [word for word in words if word not in text] == []
    assert "Hint: " in text
    assert caught.value.exit_code == ExitCode.USAGE


def test_a_wrong_variable_or_flag_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="SENTINEL_REGION"):
        load_config(environ={"SENTINEL_REGION": "Ghana"}, start=tmp_path)
    with pytest.raises(ConfigurationError, match="--max-reject-rate"):
        load_config(environ={}, start=tmp_path).override(typed=True, max_reject_rate=2)


def test_a_scorer_may_be_a_table_and_its_paths_are_of_the_file_that_names_them(tmp_path: Path) -> None:
    table = '{ kind = "onnx", path = "m.onnx", sample_rate = 16000, window = 4.0, output = "logit" }'
    (tmp_path / "sentinel.toml").write_text(f"scorer = {table}\n")
    config = load_config(environ={}, start=tmp_path)
    assert config.audio_scorer == {
        "kind": "onnx", "path": str(tmp_path / "m.onnx"), "sample_rate": 16000, "window": 4.0, "output": "logit"
    }  # fmt: skip
    assert config.origin("audio_scorer") == str(tmp_path / "sentinel.toml")
    other = load_config(environ={"SENTINEL_AUDIO_SCORER": table}, start=tmp_path / "x")
    assert other.audio_scorer == config.audio_scorer | {"path": str(tmp_path / "x" / "m.onnx")}
    by_name = load_config(environ={"SENTINEL_AUDIO_SCORER": '{kind = "local", model = "xlsr"}'}, start=tmp_path)
    assert by_name.audio_scorer == {"kind": "local", "model": "xlsr"}


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.toml.*--config"):
        load_config("none.toml", environ={}, start=tmp_path)
    with pytest.raises(ConfigurationError, match=r"none\.toml.*SENTINEL_CONFIG"):
        load_config(environ={"SENTINEL_CONFIG": "none.toml"}, start=tmp_path)


def test_an_empty_variable_counts_as_unset(tmp_path: Path) -> None:
    config = load_config(environ={"SENTINEL_REGION": "", "SENTINEL_CONFIG": ""}, start=tmp_path)
    assert config.region == "NG"


def test_there_is_no_origin_of_what_is_no_setting() -> None:
    with pytest.raises(ConfigurationError, match="timezon"):
        Config().origin("timezon")


@pytest.mark.parametrize("inbox", ["sftp://desk@host/in", "sftp://desk@host:2222/in/", "s3://bucket", "s3://bucket/in"])
def test_an_inbox_may_be_on_another_machine(inbox: str, tmp_path: Path) -> None:
    assert Config().override(inbox=inbox, start=tmp_path).inbox == inbox.rstrip("/")


@pytest.mark.parametrize(
    "inbox", ["sftp://desk:s3cr3t@host/in", "ftp://host/in", "s3://", "file:///etc", "s3://bucket/in?key=s3cr3t"]
)
def test_an_address_with_a_password_or_of_another_kind_is_no_inbox(inbox: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Config().override(inbox=inbox, start=tmp_path)
    assert "desk:s3cr3t" not in str(caught.value)


def test_who_is_told_has_a_table_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "sentinel.toml").write_text(
        '[notify]\nfloor = "medium"\nbudget = 3\nalways = true\ntemplate = "m.txt"\n'
    )
    config = load_config(environ={"SENTINEL_NOTIFY_BUDGET": "4"}, start=tmp_path)
    assert (config.notify_floor, config.notify_budget, config.notify_always) == ("MEDIUM", 4, True)
    assert config.notify_template == tmp_path / "m.txt"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[notify]\nfloor = "loud"', ["notify.floor", "LOW, MEDIUM, HIGH or CRITICAL"]),
        ('[notify]\nurls = "slack://s3cr3t"', ["'urls' in [notify]", "SENTINEL_NOTIFY_URLS"]),
        ('notify = "slack://s3cr3t"', ["[notify]"]),
        ('notify_floor = "LOW"', ["no setting 'notify_floor'"]),
        ("keep_reports = 0", ["keep_reports", "a whole number of days"]),
        ('[notify]\nlink = "javascript:alert(1)"', ["notify.link", "https://"]),
    ],
)
def test_a_wrong_notice_is_named_and_no_secret_is_repeated(text: str, words: list[str], tmp_path: Path) -> None:
    (tmp_path / "sentinel.toml").write_text(text + "\n")
    with pytest.raises(ConfigurationError) as caught:
        load_config(environ={}, start=tmp_path)
    assert [word for word in words if word not in str(caught.value)] == [] and "s3cr3t" not in str(caught.value)


def test_the_table_of_spark(tmp_path: Path) -> None:
    (tmp_path / "sentinel.toml").write_text(
        'engine = "spark"\n[spark]\nremote = "sc://spark.example"\nlake = "s3a://bucket/lake/"\nformat = "delta"\n'
        'settings = { "spark.sql.shuffle.partitions" = "400" }\n'
    )
    config = load_config(environ={}, start=tmp_path)
    assert (config.engine, config.spark_remote) == ("spark", "sc://spark.example")
    assert (config.spark_lake, config.spark_format) == ("s3a://bucket/lake", "delta")
    assert config.spark_settings == {"spark.sql.shuffle.partitions": "400"}
    given = {"SENTINEL_SPARK_SETTINGS": "spark.scheduler.pool=nights", "SENTINEL_SPARK_LAKE": "shared"}
    other = load_config(environ=given, start=tmp_path)
    assert (other.spark_settings, other.spark_lake) == ({"spark.scheduler.pool": "nights"}, str(tmp_path / "shared"))


@pytest.mark.parametrize(
    "line",
    [
        'remote = "sc://spark.example/;token=geheim"',
        'remote = "sc://user:geheim@spark.example"',
        'lake = "s3a://key:geheim@bucket/lake"',
        'settings = { "spark.hadoop.fs.s3a.secret.key" = "geheim" }',
        'settings = "spark.hadoop.fs.s3a.secret.key=geheim"',
    ],
)
def test_secrets_of_spark_are_refused_and_not_repeated(line: str, tmp_path: Path) -> None:
    (tmp_path / "sentinel.toml").write_text(f"[spark]\n{line}\n")
    with pytest.raises(ConfigurationError) as caught:
        load_config(environ={}, start=tmp_path)
    assert "geheim" not in str(caught.value)
