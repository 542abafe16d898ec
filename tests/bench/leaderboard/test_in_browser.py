"""The page in headless Chromium, from the disk: sorting by clicking, playing in step, no request, no complaint."""

from __future__ import annotations

import shutil
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from browser import Browser
from made_runs import write_run

from bench.leaderboard.site import write_site

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium"),
]
MEANS = {"first": (30.0, 3.0), "second": (28.0, 2.0), "third <blink>": (31.0, 5.0)}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from vfa.media.writers import ColorWriter

    folder = tmp_path_factory.mktemp("site")
    with ColorWriter(folder / "m.mp4", width=96, height=96, rate=Fraction(25)) as writer:
        for i in range(75):
            writer.write(np.full((96, 96, 3), 3 * i, np.uint8), Fraction(i, 25))
    movie = (folder / "m.mp4").read_bytes()
    values = {
        m: {"psnr_rgb": {f"s{i}": p + 0.1 * i for i in range(6)}, "mae": {f"s{i}": e + 0.1 * i for i in range(6)},
            "ssim_wang": {f"s{i}": p / 40 for i in range(6)}} for m, (p, e) in MEANS.items()
    }  # fmt: skip
    kinds = {f"s{i}": "self" if i % 2 else "cross" for i in range(6)}
    run = write_run(folder / "run", values, kinds=kinds, videos=dict.fromkeys((*MEANS, "truth"), movie))
    return write_site([run], folder / "out").page


@pytest.fixture
def browser(site: Path, tmp_path: Path):
    with Browser(tmp_path / "profile") as browser:
        browser.open(site.as_uri())
        yield browser
        assert browser.errors == []
        assert all(address.startswith((site.parent.as_uri(), "data:")) for address in browser.requests)


def names(browser: Browser) -> list[str]:
    rows = ".part:not([hidden]) tbody.rows tr"
    return browser.run(f"[...document.querySelectorAll('{rows}')].map(row => row.dataset.method)")


def test_sorting_by_clicking(browser: Browser) -> None:
    browser.click('.profiles:not([hidden]) button[data-profile="all"]')
    by_mae = sorted(MEANS, key=lambda m: MEANS[m][1])
    browser.click('.part:not([hidden]) th[data-column="mae"] .sort')
    assert names(browser) == by_mae
    browser.click('.part:not([hidden]) th[data-column="mae"] .sort')
    assert names(browser) == by_mae[::-1]
    browser.click('.part:not([hidden]) th[data-column="psnr_rgb"] .sort')
    assert names(browser) == sorted(MEANS, key=lambda m: -MEANS[m][0])
    assert browser.run("document.querySelector('.part:not([hidden]) .detail select').value") == "psnr_rgb"
    assert browser.run("document.querySelectorAll('.part:not([hidden]) .detail circle').length") == 18


def test_tabs_subsets_and_address(browser: Browser, site: Path) -> None:
    browser.click('.subsets:not([hidden]) button[data-subset="self"]')
    assert "samples=self" in browser.run("location.hash")
    assert browser.run("document.querySelector('.part:not([hidden])').dataset.subset") == "self"
    browser.open(site.as_uri() + "#suite=synthetic&profile=survey")
    assert browser.run("document.querySelector('.part:not([hidden])').dataset.profile") == "survey"
    assert browser.run("document.querySelectorAll('.part:not([hidden])').length") == 1


def test_videos_play_in_step(browser: Browser) -> None:
    browser.until("[...document.querySelectorAll('video')].every(v => v.readyState >= 2)")
    assert browser.run("document.querySelectorAll('video').length") == 5
    browser.click(".player button.play")
    browser.until("document.querySelector('video').currentTime > 0.6")
    times = browser.run("[...document.querySelectorAll('video')].map(v => v.currentTime)")
    assert max(times) - min(times) < 0.12
    browser.click(".player button.play")
    time.sleep(0.2)
    stopped = browser.run("document.querySelector('video').currentTime")
    time.sleep(0.3)
    assert browser.run("document.querySelector('video').currentTime") == stopped
    browser.click('.player button[title="One frame on"]')
    browser.until(f"Math.abs(document.querySelector('video').currentTime - {stopped} - 0.04) < 0.02")


def test_a_phone_needs_no_sideways_scrolling(browser: Browser, site: Path) -> None:
    browser.resize(390, 844, 2.0, mobile=True)
    browser.open(site.as_uri())
    assert browser.run("document.documentElement.scrollWidth") <= 390


def test_names_stay_text(browser: Browser) -> None:
    browser.click('.profiles:not([hidden]) button[data-profile="all"]')
    assert browser.run("document.querySelectorAll('blink').length") == 0
    assert "third <blink>" in browser.run("document.querySelector('.part:not([hidden]) .legend').textContent")
