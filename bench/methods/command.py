"""Any program as a method: no shell, its own environment and folder, limits on time, memory and output, a log."""

from __future__ import annotations

import fnmatch
import os
import shutil
from pathlib import Path

from bench.methods.base import Method, MethodFailed, Result, Task
from bench.methods.program import Limits, Program, end_leftovers
from bench.methods.template import INPUTS, Template, expanded
from bench.store import slug, text_hash
from vfa.errors import InputError

SYSTEM = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "CUDA_HOME")
"""Variables that every program gets; everything else it must name under `pass` or `environment`."""


class Command(Method):
    """A program described by a TOML file.

    Args:
        template: from `bench.methods.template.read_template`.
    """

    cost = 1.0

    def __init__(self, template: Template) -> None:
        self.template = template
        self.name, self.title = template.name, template.title  # type: ignore[misc]
        self.needs, self.output = template.needs, template.rules  # type: ignore[misc]

    def missing(self) -> str:
        template = self.template
        hint = f"; clone {template.source} and follow its README" if template.source else ""
        for what, text in (("folder", template.root), ("interpreter", template.python)):
            path, unset = expanded(text)
            if unset:
                return f"set ${unset} to its {what}{hint}"
            if what == "folder" and text and not Path(path).is_dir():
                return f"its folder {path} is not there{hint}"
        for step in template.steps:
            program = step[0].format_map(_Only({"python": expanded(template.python)[0], "root": self._root()}))
            if "{" not in program and shutil.which(program) is None:
                return f"the program {program} is not there{hint}"
        return ""

    def fingerprint(self) -> str:
        places = [expanded(text)[0] for text in (self.template.root, self.template.python)]
        return text_hash("command", str(self.version), self.template.digest, *places)

    def about(self) -> dict[str, object]:
        t = self.template
        told = {"source": t.source, "paper": t.paper, "licence": t.licence, "note": t.note, "tested": t.tested}
        return {**super().about(), **told, "command": [list(step) for step in t.steps], "limits": dict(t.limits)}

    def _root(self) -> str:
        return expanded(self.template.root)[0]

    def generate(self, task: Task) -> Result:
        result, template = Result(), self.template
        home = task.cache / "home" / slug(self.name)
        home.mkdir(parents=True, exist_ok=True)
        end_leftovers(task.scratch)
        with result.stage("inputs"):
            places = self._places(task, home)
            folder = self._folder(task, places)
            for name, content in template.files.items():
                path = _inside(name.format_map(places), task.scratch, "the file to be written")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(content.format_map(places))
        limits = self._limits(task)
        program = Program(
            folder, self._environment(task, places, home), limits, task.log, task.scratch,
            writable=[str(task.scratch), str(home), "/dev"],
        )  # fmt: skip
        try:
            with result.stage("program"):
                for step in template.steps:
                    program.run([word.format_map(places) for word in step])
        finally:
            end_leftovers(task.scratch)
        result.peak_bytes, result.exit_code = program.peak_bytes, program.exit_code
        result.notes += program.notes
        with result.stage("output"):
            _take(self._found(task, places), task.output)
        return result

    def _limits(self, task: Task) -> Limits:
        given = self.template.limits
        seconds = [limit for limit in (given["seconds"], task.seconds) if limit > 0]
        gib = 1 << 30
        return Limits(
            min(seconds, default=0.0), int(given["memory_gb"] * gib), int(given["file_gb"] * gib),
            int(given["log_mb"] * (1 << 20)),
        )  # fmt: skip

    def _places(self, task: Task, home: Path) -> dict[str, str]:
        """What the words in braces stand for; inputs get plain names in a folder of their own."""
        sample = task.sample
        given = task.scratch / "in"
        given.mkdir()
        places = {"output": str(task.output), "scratch": str(task.scratch), "home": str(home), "root": self._root()}
        places |= {"python": expanded(self.template.python)[0], "sample": slug(sample.id)}
        places |= {"frames": str(sample.frames), "rate": f"{float(sample.rate):g}"}
        places |= {"width": str(sample.width), "height": str(sample.height)}
        sources = {"image": sample.image, "video": sample.driving, "mesh": sample.mesh, "audio": sample.audio}
        for name in INPUTS:
            path = sources[name]
            if path is None:
                places[name] = ""
            elif name == "audio":
                places[name] = str(_as_wav(path, given / "audio.wav"))
            else:
                link = given / f"{name}{path.suffix.lower()}"
                link.symlink_to(path.resolve())
                places[name] = str(link)
        return places

    def _folder(self, task: Task, places: dict[str, str]) -> Path:
        """The folder in which the program runs."""
        if self.template.folder == "scratch":
            return task.scratch
        root = Path(places["root"])
        if self.template.folder == "root":
            return root
        mirror = task.scratch / "mirror"
        mirror.mkdir()
        for entry in sorted(root.iterdir()):
            if entry.name not in self.template.fresh:
                (mirror / entry.name).symlink_to(entry.resolve())
        for name in self.template.fresh:
            _inside(str(mirror / name), mirror, "the fresh folder").mkdir(parents=True)
        return mirror

    def _environment(self, task: Task, places: dict[str, str], home: Path) -> dict[str, str]:
        wanted = (*SYSTEM, *self.template.passed)
        environment = {name: os.environ[name] for name in wanted if name in os.environ}
        temporary = task.scratch / "tmp"
        temporary.mkdir()
        environment |= {"HOME": str(home), "TMPDIR": str(temporary), "PYTHONUNBUFFERED": "1"}
        given = {name: str(value).format_map(places) for name, value in self.template.environment.items()}
        return {**environment, **given}

    def _found(self, task: Task, places: dict[str, str]) -> Path:
        """The video that the program left.

        Raises:
            MethodFailed: none, several, or one outside the sample's folder.
        """
        wanted = self.template.output.format_map(places)
        path = Path(wanted)
        if not any(c in wanted for c in "*?["):
            return path
        if not Path(os.path.normpath(path)).is_relative_to(task.scratch):
            raise MethodFailed("output", "the output's pattern leads out of the sample's folder; refused")
        pattern = str(Path(os.path.normpath(path)).relative_to(task.scratch))
        skip = self.template.exclude
        found = [p for p in sorted(task.scratch.glob(pattern)) if not any(fnmatch.fnmatch(p.name, e) for e in skip)]
        if len(found) != 1:
            names = ", ".join(p.name for p in found[:5]) or "none"
            raise MethodFailed("output", f"one video expected as {pattern}, found: {names}")
        return found[0]


class _Only(dict):
    """Replaces the places that are known and leaves the others in braces."""

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


def _inside(text: str, folder: Path, what: str) -> Path:
    """A path that lies inside a folder.

    Raises:
        InputError: it does not.
    """
    path = Path(os.path.normpath(folder / text))
    if not path.is_relative_to(folder):
        raise InputError(f"{what} lies outside the sample's folder; refused", path=text, expected=f"below {folder}")
    return path


def _take(found: Path, output: Path) -> None:
    """Moves the program's video to where the check looks for it, as it is: links stay links, for the check to refuse.

    Raises:
        MethodFailed: it lies outside the sample's folder.
    """
    folder = output.parent
    if not Path(os.path.normpath(found)).is_relative_to(folder):
        raise MethodFailed("output", "the output lies outside the sample's folder; refused")
    if found.parent.exists() and not found.parent.resolve().is_relative_to(folder.resolve()):
        raise MethodFailed("output", "the output lies outside the sample's folder, by a link; refused")
    if found != output and os.path.lexists(found):
        os.replace(found, output)


def _as_wav(sound: Path, target: Path) -> Path:
    """The sound as a mono .wav of 16 kHz, as programs expect it; a .wav is passed on as it is.

    Raises:
        InputError: there is no sound in the file.
    """
    if sound.suffix.lower() == ".wav":
        target.symlink_to(sound.resolve())
        return target
    import wave

    import numpy as np

    from bench.features.reader import AUDIO_RATE, read_audio

    samples = read_audio(sound)
    if samples is None:
        raise InputError("the file has no sound", path=sound)
    with wave.open(str(target), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(AUDIO_RATE)
        file.writeframes(np.round(samples * 32767).astype("<i2").tobytes())
    return target
