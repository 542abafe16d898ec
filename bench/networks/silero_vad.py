"""Silero VAD: the probability of speech in each 32 ms of sound, by onnxruntime (Silero Team, MIT)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vfa.errors import CheckpointError

RATE = 16000
WINDOW = 512
_CONTEXT = 64
_STATE = (2, 1, 128)
_INPUTS = {"input", "state", "sr"}


class SileroVad:
    """Speech probability; the graph keeps a state from window to window, so a clip is one call.

    Args:
        path: `silero_vad.onnx` of version 5.

    Raises:
        CheckpointError: not a readable ONNX network, or another one.
    """

    def __init__(self, path: str | Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        # onnxruntime raises types of its own for damaged files, with no common base but Exception.
        except Exception as error:
            raise CheckpointError(
                "not a readable ONNX network",
                path=path,
                expected="silero_vad.onnx of version 5",
                found=" ".join(str(error).split())[:160],
                hint="fetch the file again, then run: bench weights verify",
            ) from error
        names = {given.name for given in self._session.get_inputs()}
        if names != _INPUTS:
            raise CheckpointError(
                "not Silero VAD version 5", path=path, expected=str(sorted(_INPUTS)), found=str(sorted(names))
            )

    def __call__(self, samples: np.ndarray) -> dict[str, np.ndarray]:
        """Listen to a clip.

        Args:
            samples: float32 [n] in -1..1, mono, 16 kHz.

        Returns:
            `speech` float32 [ceil(n / 512)] in 0..1; the last window is filled up with silence.
        """
        samples = np.asarray(samples, np.float32)
        count = -(-len(samples) // WINDOW)
        padded = np.zeros(_CONTEXT + count * WINDOW, np.float32)
        padded[_CONTEXT : _CONTEXT + len(samples)] = samples
        state, rate = np.zeros(_STATE, np.float32), np.array(RATE, np.int64)
        found = np.zeros(count, np.float32)
        for i in range(count):
            window = padded[None, i * WINDOW : (i + 1) * WINDOW + _CONTEXT]
            output, state = self._session.run(None, {"input": window, "state": state, "sr": rate})
            found[i] = np.asarray(output).reshape(-1)[0]
        return {"speech": found}
