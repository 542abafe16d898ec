"""docs/fidelity.md from the figures: tables for people to read, goals, and what misses them."""

from __future__ import annotations

from typing import Any

from tests.performance.fidelity_shapes import FEATURES

PICTURE_GOALS: dict[str, tuple[float, float]] = {
    "lip gap": (0.97, 0.9),
    "mouth width": (0.9, 0.6),
    "eye opening": (0.8, 0.5),
    "brow height": (0.95, 0.8),
    "yaw": (0.99, 0.9),
}
"""Least correlation and slope of the network on people it has never seen."""
FLOW_GOAL, TIME_GOAL = 0.18, 30.0
"""Most flow error as a share of no motion; most milliseconds a frame on two cores."""
CLIP_GOALS: dict[str, dict[str, tuple[float, float]]] = {
    "expressive_a.mp4": {"lip gap": (0.85, 0.5), "eye opening": (0.6, 0.3), "yaw": (0.95, 0.8)},
    "performance_rgb_256.mp4": {"lip gap": (0.85, 0.5), "mouth width": (0.7, 0.4)},
    "talking_with_audio.mp4": {"lip gap": (0.75, 0.0)},
}
"""The same of the networks on real recordings."""

HEAD = """# How good an animation is

Measured by `make fidelity`{options}. The figures with all digits, also of each pair of people, are in
[fidelity.json](fidelity.json). Cells of the form `.98 / .90` are correlation and slope: a correlation says that the
result moves when it should, the slope how far; 1 / 1 is perfect, and a head that keeps still has no correlation.

{machine}
"""

PEOPLE = """## The animated mesh, on people with exact truth

Pairs of people drawn at random and never trained on ({pairs}, {frames} frames each, {rate} a second): one is the
avatar, the other performs speech, expressions, blinks and head turns in front of a camera. What should come out is
known for every vertex: the avatar's person giving that performance. Each method gets the recording (256 px; networks
also its depth) and the mesh, and goes the whole way from finding the face to moved vertices.

- *Flow*: how far the face's vertices land from where they belong in a picture from the front, head motion included, as
  a share of what a still head is off; *lips, lids*: the same for the vertices there.
- *MVE*: mean distance of the face's vertices, head motion taken away; *lips*: of the lips' vertices; *LVE*: mean over
  frames of the largest squared distance of a lip vertex, as in the literature.
- The other columns are lengths on the mesh (inner lips, mouth corners, lids, brows above the eye corners) and the
  head's yaw, each as a change from rest, all pairs together.
- *ms*: a frame, from the recording to moved vertices: finding the face, encoding, flow, deformation.
"""

PICTURES = """## The network alone, on people with exact truth

The same people, but source and performer are seen by one camera, somewhat from the side, at the network's size, the
performer before a blurred random background. The first frame is the face at rest, the others are drawn from a
performance, from random mixes of expressions and from turns of up to 28 degrees. *Flow*: end-point error over all
pixels whose surface the source shows, as a share of no motion; *eyes, mouth*: the same there; *depth*: mean error. The
other columns follow surface points through flow and depth (lips on their outer edge, lids 4.5 mm from theirs: closed
lips share a pixel). *Tracked*: the share of points that could be followed. *ms*: a frame through the
networks, by itself, and the moving of the picture where they have a motion basis. The last row feeds
the true flow and depth through the same measurement: its ceiling.
"""

CLIPS = """## Real recordings

The built-in avatar, animated by the whole program from recordings without depth; the movie that comes out is measured
by the landmark detector that also measures the driver (lengths over the distance of the eyes' outer corners). The
detector itself is a limit: measured on a recording's mirror image its correlation is about .99 for lips and eyes and
.93 for the mouth's width. A column says little where the performer hardly moves that part.
"""


def number(value: float | None, digits: int = 2) -> str:
    """A figure for a cell: `.98`, `-.04`, `1.02`, `12.3`; a dash for none.

    >>> number(0.981), number(-0.041), number(1.0), number(None), number(12.34, 1)
    ('.98', '-.04', '1.00', '–', '12.3')
    """
    if value is None:
        return "–"
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        return text.removeprefix("-")
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def cell(found: dict[str, float | None]) -> str:
    """Correlation and slope."""
    return f"{number(found['correlation'])} / {number(found['slope'])}"


def share(value: float | None) -> str:
    """A share in percent."""
    return "–" if value is None else f"{100 * value:.0f} %"


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table; the first column is text."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def missed(found: dict[str, Any], goals: dict[str, tuple[float, float]]) -> list[str]:
    """Features whose correlation or slope stays under its goal, with both.

    Args:
        found: `correlation` and `slope` by feature; None counts as a miss.
        goals: least of both.
    """
    out = []
    for name, (correlation, slope) in goals.items():
        values = found[name]["correlation"], found[name]["slope"]
        if any(value is None or value < goal for value, goal in zip(values, (correlation, slope), strict=True)):
            out.append(f"{name} {cell(found[name])} (asked {number(correlation)} / {number(slope)})")
    return out


def verdict(name: str, misses: list[str]) -> str:
    """One line on goals."""
    return f"- {name}: " + ("every goal is reached." if not misses else "misses " + "; ".join(misses) + ".")


def page(record: dict[str, Any]) -> str:
    """The whole page from what `fidelity.json` holds."""
    machine, options = record["machine"], record["options"]
    about = f"Measured on {machine['cores']} cores, {machine['threads']} threads for the networks."
    for one in record["networks"]:
        about += f"\n\n- {one['title']}: `{one['file']}`, {one['size']} px, sha256 `{one['sha256'][:16]}`"
    parts = [HEAD.format(options=f" (`{options['given']}`)" if options["given"] else "", machine=about)]
    if "people" in record:
        parts += [PEOPLE.format(**options), _people(record["people"])]
    if "pictures" in record:
        parts += [PICTURES, _pictures(record["pictures"])]
    if "clips" in record:
        parts += [CLIPS, _clips(record["clips"])]
    return "\n".join(parts)


def _people(rows: list[dict[str, Any]]) -> str:
    head = ["method", "flow", "lips, lids", "MVE mm", "lips mm", "LVE mm²", *FEATURES, "ms"]
    lines = []
    for row in rows:
        if row["missing"]:
            lines.append([row["title"], f"not measured: {row['missing']}", *[""] * (len(head) - 2)])
            continue
        lengths = [number(row[name]) for name in ("mve", "lips")]
        lines.append([row["title"], share(row["flow"]), share(row["detail"]), *lengths, number(row["lve"], 1),
                      *(cell(row["features"][name]) for name in FEATURES), number(row["ms"], 0)])  # fmt: skip
    return table(head, lines)


def _pictures(rows: list[dict[str, Any]]) -> str:
    head = ["network, recording", "flow", "eyes, mouth", "depth mm", *FEATURES, "tracked", "ms"]
    goals = [f"{number(r)} / {number(s)}" for r, s in (PICTURE_GOALS[name] for name in FEATURES)]
    lines, verdicts = [], []
    for row in rows:
        lines.append([row["title"], share(row["flow"]), share(row["detail"]), number(row["depth"], 1),
                      *(cell(row["features"][name]) for name in FEATURES), share(row["tracked"]),
                      number(row["ms"], 0)])  # fmt: skip
        if row["network"]:
            misses = missed(row["features"], PICTURE_GOALS)
            if row["flow"] >= FLOW_GOAL:
                misses.append(f"flow {share(row['flow'])} (asked under {share(FLOW_GOAL)})")
            if row["ms"] > TIME_GOAL:
                misses.append(f"{row['ms']:.0f} ms (asked {TIME_GOAL:.0f})")
            verdicts.append(verdict(row["title"], misses))
    lines.append(["*goal*", f"< {share(FLOW_GOAL)}", "", "", *goals, "", f"≤ {TIME_GOAL:.0f}"])
    if not verdicts:
        verdicts = ["No checkpoint is there; see the first table."]
    return table(head, lines) + "\n" + "\n".join(verdicts) + "\n"


def _clips(found: dict[str, Any]) -> str:
    if found["missing"]:
        return f"Not measured: {found['missing']}.\n"
    out = []
    for clip in found["clips"]:
        head = [f"{clip['name']} ({clip['frames']} frames)", "seen", *FEATURES]
        lines, verdicts = [], []
        for row in clip["rows"]:
            if row["missing"]:
                lines.append([row["title"], f"not measured: {row['missing']}", *[""] * len(FEATURES)])
                continue
            lines.append([row["title"], share(row["detected"]), *(cell(row["features"][name]) for name in FEATURES)])
            if row["network"] and clip["name"] in CLIP_GOALS:
                verdicts.append(verdict(row["title"], missed(row["features"], CLIP_GOALS[clip["name"]])))
        goals = CLIP_GOALS.get(clip["name"], {})
        asked = [f"{number(goals[name][0])} / {number(goals[name][1])}" if name in goals else "" for name in FEATURES]
        lines.append(["*goal of the network*", "", *asked])
        out.append(table(head, lines) + ("\n" + "\n".join(verdicts) + "\n" if verdicts else ""))
    return "\n".join(out)
