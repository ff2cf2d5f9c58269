"""What is said where a library of an extra is not installed."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from batch_base.extras import EXTRAS, MissingExtraError, named_extra, naming_extras


def test_a_missing_library_names_the_extra_and_the_command_to_type() -> None:
    with pytest.raises(MissingExtraError, match="'audio': the package soundfile") as refused, named_extra():
        raise ModuleNotFoundError("No module named 'soundfile.x'", name="soundfile.x")
    assert refused.value.hint == "Type: pip install 'sentinel-batch[audio]'"
    assert refused.value.code == "missing_extra"
    assert isinstance(refused.value, ImportError)


@pytest.mark.parametrize(
    "error",
    [ModuleNotFoundError("No module named 'elsewhere'", name="elsewhere"), ImportError("a symbol", name="soundfile")],
    ids=["of no extra", "installed, but broken"],
)
def test_other_failures_of_an_import_stay_as_they_are(error: ImportError) -> None:
    with pytest.raises(type(error)) as raised, named_extra():
        raise error
    assert raised.value is error


def test_a_package_that_loads_names_late_says_it_once() -> None:
    def load(name: str) -> object:
        raise ModuleNotFoundError(name, name=name)

    with pytest.raises(MissingExtraError) as refused:
        naming_extras(naming_extras(load))("soxr")
    assert isinstance(refused.value.__cause__, ModuleNotFoundError)


@pytest.mark.parametrize(("module", "extra"), EXTRAS.items())
def test_every_extra_that_is_named_installs_the_module(module: str, extra: str) -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = [re.split(r"[>\[]", line)[0] for line in project["optional-dependencies"][extra]]
    assert module == "numba" or {name.lower() for name in packages_distributions()[module]} & set(listed)
