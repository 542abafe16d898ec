"""TOML files of methods: what is accepted, what is refused, and the shipped ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.methods.base import OutputRules
from bench.methods.registry import RECIPES, create_method, create_methods, method_names
from bench.methods.template import expanded, read_template
from vfa.errors import InputError

GOOD = 'command = ["prog", "{image}", "{output}"]\nneeds = ["image"]\n'
PUBLISHED = {"wav2lip", "sadtalker", "geneface", "er-nerf", "liveportrait", "lia", "hallo2", "echomimic"}


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text)
    return path


def test_defaults(tmp_path: Path) -> None:
    template = read_template(write(tmp_path, GOOD))
    assert template.name == "mine"
    assert template.steps == (("prog", "{image}", "{output}"),)
    assert template.needs == (("image",),)
    assert template.rules == OutputRules()
    assert template.tested is False


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nonsense = = 1", "TOML"),
        ("needs = []", "command"),
        ('command = "prog {output}"\nneeds = []', "wrong type"),
        ("command = []\nneeds = []", "command"),
        (GOOD + "colour = 1", "unknown key 'colour'"),
        (GOOD.replace("{output}", "{outptu}"), "unknown place {outptu}"),
        (GOOD.replace("{output}", "{output"), "brace"),
        (GOOD.replace('"image"]\n', '"picture"]\n'), "unknown inputs"),
        (GOOD + 'name = "../evil"', "file names"),
        (GOOD + 'name = "-x"', "file names"),
        (GOOD + 'folder = "home"', "folder"),
        (GOOD + 'folder = "mirror"', "root"),
        (GOOD + "[limits]\nseconds = -1", "limit"),
        (GOOD + "[limits]\nhours = 1", "limit"),
        (GOOD + '[result]\nsize = "big"', "result"),
        (GOOD + "[result]\nsize = [0, 5]", "result"),
        (GOOD + "[result]\nrate = 0", "result"),
        (GOOD + "[result]\ntolerance = 2", "result"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match="mine.toml") as caught:
        read_template(write(tmp_path, text))
    assert said in str(caught.value)


def test_a_missing_file_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        create_method(str(tmp_path / "none.toml"))


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("rate = 25\nsize = [256, 512]\ntolerance = 0.05", OutputRules(25.0, (256, 512), 0.05)),
        ('rate = "any"\nsize = "any"', OutputRules(0.0, (0, 0), 0.0)),
        ('rate = "same"\nsize = "same"', OutputRules()),
    ],
)
def test_rules_for_the_result(tmp_path: Path, text: str, rules: OutputRules) -> None:
    assert read_template(write(tmp_path, f"{GOOD}[result]\n{text}\n")).rules == rules


def test_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HERE", "/x y")
    monkeypatch.delenv("GONE", raising=False)
    assert expanded("${HERE}/a") == ("/x y/a", "")
    assert expanded("${GONE}/a") == ("/a", "GONE")
    assert expanded("${GONE:-python3}") == ("python3", "")
    assert expanded("$HERE") == ("$HERE", "")


def test_the_shipped_files_are_marked_untested_and_say_where_they_come_from() -> None:
    found = {path.stem: read_template(path) for path in RECIPES.glob("*.toml")}
    assert set(found) == PUBLISHED
    for name, template in found.items():
        assert template.name == name
        assert not template.tested
        assert template.source.startswith("https://github.com/")
        assert template.licence
    assert set(method_names()) >= PUBLISHED


def test_without_its_clone_a_shipped_method_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WAV2LIP", raising=False)
    assert "WAV2LIP" in create_method("wav2lip").missing()


def test_a_change_of_the_file_changes_the_fingerprint(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    first = create_method(str(path)).fingerprint()
    assert create_method(str(path)).fingerprint() == first
    write(tmp_path, GOOD + 'title = "other"\n')
    assert create_method(str(path)).fingerprint() != first


def test_unknown_and_doubled_names() -> None:
    with pytest.raises(InputError, match="static"):
        create_method("statc")
    with pytest.raises(InputError, match="one name"):
        create_methods(["static", "copy", "static"])
    with pytest.raises(InputError, match="nothing"):
        create_methods([])


def test_other_packages_add_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.methods import registry
    from bench.methods.baselines import Copy

    class Point:
        name = "mirror"

        def load(self) -> type:
            return Copy

    monkeypatch.setattr(registry, "entry_points", lambda group: [Point()] if group == "bench.methods" else [])
    assert isinstance(create_method("mirror"), Copy)
    assert "mirror" in method_names()
