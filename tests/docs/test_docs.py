"""The documentation agrees with the program."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import metadata
from pathlib import Path

import pytest

from sentinel_batch.cli.documentation import list_commands, render_reference
from sentinel_batch.config import SETTINGS
from sentinel_batch.errors import ExitCode

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


def test_the_command_reference_is_current() -> None:
    current = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert current == render_reference(), "docs/cli.md is stale: run make docs"


@pytest.mark.parametrize("name", list_commands())
def test_every_command_is_documented(name: str) -> None:
    command = list_commands()[name]
    assert command.help
    assert all(parameter.help for parameter in command.params if parameter.name != "help")
    assert f"\n## {name}\n" in (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("code", ExitCode)
def test_every_exit_code_is_documented(code: ExitCode) -> None:
    assert f"| {int(code)} |" in (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*SETTINGS, "rules"])
def test_every_setting_is_documented(name: str) -> None:
    assert f"`{name}" in (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")


def test_the_example_configuration_is_valid(tmp_path: Path) -> None:
    from sentinel_batch import load_config

    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    (tmp_path / "sentinel.toml").write_text(re.findall(r"```toml\n(.*?)```", text, re.DOTALL)[0], encoding="utf-8")
    config = load_config(environ={}, start=tmp_path)
    assert config.rules["SDHF_001"]["window"] == "24h"


EXTRAS = (
    "audio", "encoder", "onnx", "encryption", "vad", "events", "formats", "notebook", "notify", "objects", "oidc",
    "remote", "s3", "service", "sftp", "spark",
)  # fmt: skip


def _dependencies() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    chosen = [line for extra in EXTRAS for line in project["optional-dependencies"][extra]]
    return sorted({re.split(r"[<>=!~;\[ ]", line)[0] for line in (*project["dependencies"], *chosen)})


@pytest.mark.parametrize("name", _dependencies())
def test_every_dependency_is_explained_and_pinned(name: str) -> None:
    assert re.search(
        rf"\| {re.escape(name)}( \(\w+\))? \|", (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    )
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").lower()
    assert re.search(rf"^{re.escape(name.lower())}==[0-9]", pins, re.MULTILINE)
    if name != "jupyterlab":  # Tests run the notebooks without it.
        assert metadata(name)["Name"]


def test_what_is_in_no_extra_twice_is_in_all_but_for_formats() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    [everything] = project["optional-dependencies"]["all"]
    assert set(re.findall(r"\w+", everything.partition("[")[2])) == set(EXTRAS) - {"formats"}


def test_constraints_hold_names_and_versions_only() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not re.fullmatch(r"#.*|[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    local = [target for target in targets if not re.match(r"[a-z]+:", target)]
    assert [target for target in local if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_the_pages_exist(page: Path) -> None:
    blocks = re.findall(r"```(?:bash|sh|console|cron|text)\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if "sentinel-batch " in line]
    names = list_commands()
    unknown = [
        line
        for line in lines
        if not any(re.search(rf"sentinel-batch (--\S+ )*{re.escape(name)}( |$)", line) for name in names)
    ]
    assert unknown == []
