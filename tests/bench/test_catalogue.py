"""The catalogue: every entry is whole, known facts hold, bad entries are refused, filters filter."""

from __future__ import annotations

import pytest

from bench.catalogue import FieldMethod, datasets, field_methods, matching, parse
from bench.commands.catalogue import Filters, block, print_catalogue
from vfa.errors import InputError

GOOD = """
[[method]]
key = "a"
name = "A"
year = 2020
venue = "CVPR 2020"
family = "2D"
driven_by = ["audio"]
needs = "one picture"
licence = ""
licence_checked = false
layout = "picture, sound -> video"
listed_in = ["survey"]
"""


def test_every_entry_is_read_once_and_sorted() -> None:
    for entries in (datasets(), field_methods()):
        assert len(entries) > 20
        assert [e.year for e in entries] == sorted(e.year for e in entries)
        assert len({e.key for e in entries}) == len({e.name.lower() for e in entries}) == len(entries)


def test_the_survey_is_complete() -> None:
    """The data sets of its table, and the talking-face methods of its lists."""
    wanted = {"voxceleb1", "voxceleb2", "hdtf", "lsp", "cmlr", "mavd", "cn-celeb", "cn-celeb-av", "cn-cvs"}
    assert wanted <= {d.key for d in datasets() if "survey" in d.listed_in}
    names = {m.key for m in field_methods() if "survey" in m.listed_in}
    assert {"wav2lip", "pc-avs", "sadtalker", "dinet", "geneface", "er-nerf", "liveportrait", "echomimic"} <= names


def test_theval_lists_seventeen_models() -> None:
    from bench.report.model import published_tables

    table = next(table for table in published_tables() if table["id"] == "theval")
    assert len([m for m in field_methods() if "theval" in m.listed_in]) == len(table["rows"]) == 17


def test_known_figures() -> None:
    by_key = {d.key: d for d in datasets()}
    assert (by_key["voxceleb1"].subjects, by_key["voxceleb2"].subjects) == (1251, 6112)
    assert (by_key["mavd"].subjects, by_key["mavd"].year, by_key["mavd"].environment) == (64, 2023, "lab")
    seconds = 218.16 + 242.97 + 211.92 + 49.85 + 280.01 + 581.98
    assert f"{seconds / 60:.0f} min" in by_key["micro"].size
    assert f"{46 + 35 + 49 + 40 + 32 + 85} sentences" in by_key["micro"].size


def test_recipes_exist() -> None:
    from importlib import resources

    folder = resources.files("bench.methods") / "recipes"
    named = {m.recipe for m in field_methods() if m.recipe}
    assert {path.name[:-5] for path in folder.iterdir() if path.name.endswith(".toml")} <= named


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("year = 2020", "year = 1890"), "bad year"),
        (("year = 2020", 'year = "2020"'), "wrong kind"),
        (('family = "2D"', 'family = "5D"'), "unknown value"),
        (('"audio"', '"smell"'), "unknown value"),
        (('key = "a"', 'key = "../a"'), "bad key"),
        (('needs = "one picture"', ""), "is wrong"),
        (('needs = "one picture"', 'needs = "x"\nfoo = 1'), "is wrong"),
        (('needs = "one picture"', 'needs = "x"\nurl = "ftp://example.org"'), "bad address"),
        (('needs = "one picture"', 'needs = "x"\nurl = "https://exa mple.org"'), "bad address"),
        (('["survey"]', "[]"), "wrong kind"),
    ],
)
def test_bad_entries_are_refused(change: tuple[str, str], message: str) -> None:
    assert len(parse(GOOD, "method", FieldMethod)) == 1
    with pytest.raises(InputError, match=message):
        parse(GOOD.replace(*change), "method", FieldMethod)


def test_a_key_may_come_once() -> None:
    with pytest.raises(InputError, match="twice"):
        parse(GOOD + GOOD, "method", FieldMethod)


def test_filters() -> None:
    assert {d.key for d in matching(datasets(), search="DEPTH mandarin")} == {"mavd", "mmface4d"}
    assert all(2019 <= d.year <= 2020 for d in matching(datasets(), since=2019, until=2020))
    assert all("theval" in m.listed_in for m in matching(field_methods(), listed_in="theval"))
    assert matching(datasets(), search="no such words") == []


def test_lists_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert print_catalogue("datasets", Filters("voxceleb"), False) == 0
    shown = capsys.readouterr().out
    assert "voxceleb2" in shown
    assert "6,112" in shown
    assert print_catalogue("methods", Filters("wav2lip"), True) == 0
    assert "https://github.com/Rudrabha/Wav2Lip" in capsys.readouterr().out
    with pytest.raises(InputError, match="no datasets match"):
        print_catalogue("datasets", Filters("no such words"), False)
    with pytest.raises(InputError, match="no such list"):
        print_catalogue("datasets", Filters(listed_in="nowhere"), False)
    doubtful = next(d for d in datasets() if not d.licence_checked)
    assert "(?)" in block(doubtful)
