"""Downloads a weight file: resumes a broken one, checks its SHA-256, and puts it in place only when it is whole."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from bench.store import file_hash
from bench.weights import WeightFile, folder, problem
from vfa.errors import AssetError

BLOCK = 1 << 18
TIMEOUT = 30.0


def fetch(
    item: WeightFile,
    *,
    offline: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
    url: str = "",
) -> Path:
    """Gets one file of the manifest, unless it is there already.

    Args:
        item: what to get.
        offline: refuse to use the network.
        progress: told bytes done and bytes in all (0 when unknown).
        url: another address than the manifest's.

    Returns:
        Its path.

    Raises:
        AssetError: offline and missing, no address, the server failed, or the content is not the published file.
    """
    target = folder() / item.file
    if target.is_file():
        verify(item, target)
        return target
    address = url or item.url
    by_hand = item.steps or f"get {item.file} from {item.source} and copy it to {folder()}"
    if offline:
        raise AssetError("missing, and --offline forbids to download it", path=target, hint=by_hand)
    if not address:
        raise AssetError("it cannot be downloaded automatically", path=target, hint=by_hand)
    part = target.with_name(target.name + ".part")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        _download(address, part, progress)
    except (urllib.error.URLError, TimeoutError, ConnectionError, OSError) as error:
        reason = getattr(error, "reason", None) or str(error)
        raise AssetError("the download failed", path=address, found=str(reason), hint=by_hand) from error
    try:
        verify(item, part)
    except AssetError:
        part.unlink(missing_ok=True)
        raise
    os.replace(part, target)
    return target


def _download(address: str, part: Path, progress: Callable[[int, int], None]) -> None:
    """Appends what is missing to the partial file; starts anew when the server cannot resume."""
    done = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(address, headers={"Range": f"bytes={done}-"} if done else {})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == 416 and done:
            return
        raise
    with response:
        resumed = response.status == 206
        length = int(response.headers.get("Content-Length") or 0)
        total = length + done if resumed else length
        done = done if resumed else 0
        with part.open("ab" if resumed else "wb") as file:
            while block := response.read(BLOCK):
                file.write(block)
                done += len(block)
                progress(done, total)
            file.flush()
            os.fsync(file.fileno())
    if total and done < total:
        raise ConnectionError(f"the connection ended after {done} of {total} bytes; run the command again to resume")


def verify(item: WeightFile, path: Path) -> str:
    """Checks a file against the manifest and returns its SHA-256.

    Raises:
        AssetError: it is plainly not the file, or its hash differs.
    """
    wrong = problem(path)
    if wrong:
        raise AssetError(f"not the published file: {wrong}", path=path, hint="delete it and fetch it again")
    found = file_hash(path)
    if not found.startswith(item.known_hash):
        raise AssetError(
            "not the published file: wrong SHA-256",
            path=path,
            expected=item.known_hash,
            found=found,
            hint="delete it and fetch it again",
        )
    return found
