"""The folder of added models: what is copied, listed, replaced and removed, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from onnx_networks import write_card, write_network

from audio_batch.errors import AudioUsageError, ModelError
from audio_batch.spoof import add_model, describe_model, list_models, load_model, remove_model
from audio_batch.spoof.model import DEFAULT_MODEL, find_folder, list_shipped
from audio_batch.spoof.model_names import find_added
from audio_batch.spoof.model_store import AddedModel, list_shipped_models


def add(folder: Path, **options: object) -> AddedModel:
    network = write_network(folder / "n.onnx")
    return add_model(network, store=folder / "store", card=write_card(folder / "card.toml", network), **options)  # type: ignore[arg-type]


def test_a_model_is_added_listed_shown_and_removed(tmp_path: Path) -> None:
    added = add(tmp_path)
    assert (added.name, added.calibrated, added.problem) == ("roughness", False, None)
    assert added.card is not None and added.card["licence"] == "MIT" and added.card["hop"] == 1.0
    model = load_model(added.path)
    assert (model.cited, model.sha256) == (added.version, added.sha256)
    assert list_models(tmp_path / "store") == [added] == [describe_model("roughness", store=tmp_path / "store")]
    assert find_added("roughness", tmp_path / "store") == Path(added.path)
    (tmp_path / "n.onnx").unlink()
    assert load_model(added.path).sha256 == added.sha256  # a copy
    assert remove_model("roughness", store=tmp_path / "store") == added
    assert list((tmp_path / "store").iterdir()) == [] and list_models(tmp_path / "store") == []


def test_a_name_is_taken_once_unless_it_is_replaced(tmp_path: Path) -> None:
    add(tmp_path)
    with pytest.raises(AudioUsageError, match=r"There is a model 'roughness' in .* already") as refused:
        add(tmp_path)
    assert "--replace" in refused.value.hint
    add(tmp_path, replaces=True)
    assert add(tmp_path, name="other").name == "other"
    assert [path.name for path in sorted((tmp_path / "store").iterdir())] == ["other", "roughness"]


@pytest.mark.parametrize("name", ["../up", "Große", "", "a b", ".hidden", "a" * 65, "telephone-5"])
def test_names_that_are_not_allowed(tmp_path: Path, name: str) -> None:
    network = write_network(tmp_path / "n.onnx")
    card = write_card(tmp_path / "card.toml", network)
    if name:
        with pytest.raises(AudioUsageError, match=r"is no name of a model|name of a shipped model"):
            add_model(network, store=tmp_path / "store", card=card, name=name)
    assert find_added(name, tmp_path / "store") is None
    assert not (tmp_path / "store").exists()


def test_a_refused_model_leaves_nothing(tmp_path: Path) -> None:
    network = write_network(tmp_path / "n.onnx", bias=float("nan"))
    with pytest.raises(ModelError, match="no finite number"):
        add_model(network, store=tmp_path / "store", card=write_card(tmp_path / "card.toml", network))
    assert not (tmp_path / "store").exists()


def test_a_folder_brings_its_card_and_a_file_needs_one(tmp_path: Path) -> None:
    added = add(tmp_path)
    again = add_model(added.path, store=tmp_path / "other", name="again")
    assert (again.sha256, again.version.split("@")[1]) == (added.sha256, added.version.split("@")[1])
    with pytest.raises(AudioUsageError, match="has its card inside"):
        add_model(added.path, store=tmp_path / "other", card=tmp_path / "card.toml")
    with pytest.raises(AudioUsageError, match="comes without a card"):
        add_model(tmp_path / "n.onnx", store=tmp_path / "other")


def test_a_stored_network_that_was_changed_is_refused_and_a_damaged_one_is_listed(tmp_path: Path) -> None:
    added = add(tmp_path)
    write_network(Path(added.path) / "model.onnx", bias=1.0)
    with pytest.raises(ModelError, match=r"has the SHA-256 .*; its card says"):
        load_model(added.path)
    (Path(added.path) / "model.json").write_text("{}")
    (found,) = list_models(tmp_path / "store")
    assert found.problem is not None and "damaged" in found.problem
    with pytest.raises(AudioUsageError, match=r"There is no model 'other' in .*; there are: roughness"):
        describe_model("other", store=tmp_path / "store")


def test_every_key_of_a_card_is_checked(tmp_path: Path) -> None:
    network = write_network(tmp_path / "n.onnx")
    cases = {
        "output": ("logitz", "expected one of logit, probability, logits, softmax"),
        "licence": (None, "the key licence is missing"),
        "source": (None, "the key source is missing"),
        "trained_on": (None, "the key trained_on is missing"),
        "sha256": ("abc", "expected 64 hexadecimal digits"),
        "window": ("four", "expected seconds from 0.2 to 120"),
        "sample_rate": (16000.5, "expected Hz, a whole number"),
        "synthetic_index": (2, "expected 0 or 1"),
        "hop": (3.0, "longer than the window"),
        "name": ("../x", "expected small letters"),
        "license": ("MIT", "there is no key 'license'"),
    }
    for key, (value, message) in cases.items():
        card = write_card(tmp_path / "card.toml", network, **{key: value})
        with pytest.raises(AudioUsageError, match=message) as refused:
            add_model(network, store=tmp_path / "store", card=card)
        assert "card.toml" in refused.value.message and refused.value.hint


def test_cards_that_are_no_toml(tmp_path: Path) -> None:
    network = write_network(tmp_path / "n.onnx")
    (tmp_path / "bad.toml").write_text("name = ")
    for name, message in (("bad.toml", "is not valid TOML"), ("none.toml", "cannot be read: No such file")):
        with pytest.raises(AudioUsageError, match=message):
            add_model(network, store=tmp_path / "store", card=tmp_path / name)


def test_a_model_that_was_trained_here_can_be_added_too(tmp_path: Path) -> None:
    added = add_model(find_folder(None), store=tmp_path / "store", name="mine")
    assert (added.version, added.calibrated, added.card) == ("mine", True, {"sample_rate": 8000, "window": 4.0})
    assert json.loads((tmp_path / "store" / "mine" / "model.json").read_text())["version"] == "mine"


def test_shipped_models_say_licence_rate_and_window_themselves() -> None:
    shipped = {one.name: one.card for one in list_shipped_models()}
    assert set(shipped) == set(list_shipped()) and DEFAULT_MODEL in shipped
    assert all(card == {"sample_rate": 8000, "window": 4.0, "licence": "MIT"} for card in shipped.values())


def test_a_folder_without_a_written_card_has_no_licence(tmp_path: Path) -> None:
    place = tmp_path / "store" / "copied"
    shutil.copytree(find_folder(DEFAULT_MODEL), place)
    (place / "MODEL_CARD.md").write_text("# Model card\n\n- **Licence.** Apache-2.0, as its makers say.\n")
    [stated] = list_models(place.parent)
    (place / "MODEL_CARD.md").unlink()
    [silent] = list_models(place.parent)
    assert stated.card is not None and silent.card is not None
    assert (stated.card["licence"], silent.card) == ("Apache-2.0", {"sample_rate": 8000, "window": 4.0})
