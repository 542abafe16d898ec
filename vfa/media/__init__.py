"""Recordings in and out: RGB and RGBD clips as streams of exactly timed frames."""

from __future__ import annotations

from vfa.media.clip import Clip, open_clip
from vfa.media.frame import Frame

__all__ = ["Clip", "Frame", "open_clip"]
