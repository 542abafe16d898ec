"""The page as text: templates, style and scripts in one file that asks for nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
from importlib import resources
from typing import Any

from markupsafe import Markup

from bench.report.model import number
from bench.store import plain_json

SCRIPTS = ("page.js", "plots.js", "players.js")


def render_template(name: str, **context: Any) -> str:
    """A template of this package; every value is escaped, the style sheet is at hand as `css`."""
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters.update(number=number)
    return environment.from_string(_text(name)).render(css=Markup(_text("page.css")), **context)


def render_page(data: dict[str, Any], **context: Any) -> str:
    """The leaderboard.

    Args:
        data: what the scripts draw from; it stands in the page as JSON. context: of the template.
    """
    script = "\n".join(_text(name) for name in SCRIPTS)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return render_template(
        "page.html.j2", data=embedded(data), script=Markup(script), script_hash=f"sha256-{digest}", **context
    )


def embedded(data: Any) -> Markup:
    """JSON that cannot end the element it stands in.

    >>> embedded({"name": "</script>"})
    Markup('{"name":"\\\\u003c/script\\\\u003e"}')
    """
    text = json.dumps(plain_json(data), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def _text(name: str) -> str:
    return (resources.files("bench.leaderboard") / name).read_text(encoding="utf-8")
