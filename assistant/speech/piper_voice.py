"""A Piper voice whose sound comes in pieces, the first long before the sentence is synthesised.

A VITS voice is two networks in one file: the text half makes all frames of a sentence, the decoder turns each frame
into some 10 ms of sound and looks no further than HALO_FRAMES to either side. They are cut apart where the decoder
begins; it then runs over a short piece first, and over longer and longer ones. Joined, they are what decoding at once
gives, which `Voice` checks when it is loaded. The halves are kept as files (a session takes twice the memory when it is
made of bytes). Measured on two x86 cores: first sound after 41 instead of 81 ms (a
sentence of 1.7 s), after 86 instead of 243 ms (5.2 s). A voice of another form is decoded at once.

Sentences keep their loudness to each other: one gain for the voice, from a sentence that is spoken to nobody.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import structlog

from assistant.audio.format import Samples, to_int16
from assistant.errors import SpeechError
from assistant.speech.derived import open_derived
from assistant.speech.sessions import open_session

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_log = structlog.get_logger(__name__)
Floats = npt.NDArray[np.float32]

FIRST_FRAMES = 24
"""About 0.28 s of sound; each piece is then twice as long as the one before."""
HALO_FRAMES = 12
MAX_THREADS = 4
LEVEL = 0.125
"""Root mean square of the voice where it sounds, of full scale."""
_TEXT_HALF, _DECODER = "text-half.onnx", "decoder.onnx"
_SOUNDS = 0.02
_SAME = 1e-3
_TRIAL = "The quick brown fox jumps over the lazy dog."
_HINT = "Run `assistant models verify`, or name another voice in tts.voice."


class Voice:
    """A loaded voice. Blocking, and for one thread at a time."""

    def __init__(self, model_file: Path, settings: dict[str, Any], speed: float, halves_dir: Path | None) -> None:
        """Load, and speak a sentence to nobody, so that the first reply is as fast as the next. Takes about a second.

        `settings` is what stands in the .onnx.json; `speed` 2 speaks twice as fast. `halves_dir`, a folder of this
        very voice, keeps its halves for the next time.

        Raises:
            SpeechError: `tts-voice-bad`.
        """
        from piper import PiperVoice, SynthesisConfig  # noqa: PLC0415 - heavy
        from piper.config import PiperConfig  # noqa: PLC0415 - heavy

        try:
            config = PiperConfig.from_dict(settings)
            text_half, self._decoder = _open(model_file, halves_dir)
            self._synthesis = SynthesisConfig(length_scale=config.length_scale / speed)
            self._piper = PiperVoice(text_half, config)
        except Exception as exc:
            raise bad_voice(model_file.parent, "it can't be loaded") from exc
        self._name = model_file.stem
        self._gain = 1.0
        self._try_out()

    def parts(self, text: str) -> Iterator[Samples]:
        """The sound of one sentence, piece by piece.

        Raises:
            SpeechError: `tts-failed`.
        """
        try:
            for phonemes in self._piper.phonemize(text):
                if phonemes:
                    for piece in self._sound(self._frames(phonemes)):
                        yield to_int16(np.clip(piece * self._gain, -1.0, 1.0))
        except Exception as exc:
            raise SpeechError("tts-failed", f"the voice {self._name} failed", hint=_HINT, retryable=True) from exc

    def _frames(self, phonemes: list[str]) -> Floats:
        """What the text half makes of a sentence: (1, channels, frames); the sound itself when there is no decoder."""
        made: Any = self._piper.phoneme_ids_to_audio(self._piper.phonemes_to_ids(phonemes), self._synthesis)
        frames: Floats = made.reshape(1, -1) if self._decoder is None else made.reshape(1, made.shape[0], -1)
        return frames

    def _sound(self, frames: Floats) -> Iterator[Floats]:
        if self._decoder is None:
            yield frames[0]
            return
        count, at, size = frames.shape[2], 0, FIRST_FRAMES
        while at < count:
            end = at + size if at + size + FIRST_FRAMES <= count else count
            first, last = max(0, at - HALO_FRAMES), min(count, end + HALO_FRAMES)
            sound = self._decode(frames[:, :, first:last])
            hop = len(sound) // (last - first)
            yield sound[(at - first) * hop : (end - first) * hop]
            at, size = end, size * 2

    def _decode(self, frames: Floats) -> Floats:
        assert self._decoder is not None
        name = self._decoder.get_inputs()[0].name
        sound: Floats = self._decoder.run(None, {name: np.ascontiguousarray(frames)})[0]
        return sound.reshape(-1)

    def _try_out(self) -> None:
        """Find the gain, and whether the decoder may work in pieces."""
        try:
            [phonemes] = self._piper.phonemize(_TRIAL)
            frames = self._frames(phonemes)
            pieces = np.concatenate(list(self._sound(frames)))
            whole = pieces if self._decoder is None else self._decode(frames)
        except Exception as exc:
            raise SpeechError("tts-failed", f"the voice {self._name} failed", hint=_HINT, retryable=True) from exc
        if self._decoder and (pieces.shape != whole.shape or np.abs(pieces - whole).max() > _SAME):
            _log.info("voice decodes at once", voice=self._name)
            self._sound = lambda frames: iter([self._decode(frames)])  # type: ignore[method-assign]
        sounding = whole[np.abs(whole) > _SOUNDS * np.abs(whole).max()]
        level = float(np.sqrt(np.mean(sounding**2))) if len(sounding) else 0.0
        self._gain = LEVEL / level if level > 0.0 else 1.0


def bad_voice(model_dir: Path, why: str) -> SpeechError:
    return SpeechError("tts-voice-bad", f"{model_dir} is not a usable Piper voice: {why}", hint=_HINT)


class _OnePieceError(Exception):
    """The voice isn't made of two halves."""


def _open(model_file: Path, halves_dir: Path | None) -> tuple[Any, Any]:
    """Sessions of text half and decoder, or of the whole voice and None."""

    def make() -> dict[str, bytes]:
        halves = split_voice(model_file)
        if halves is None:
            raise _OnePieceError
        return dict(zip((_TEXT_HALF, _DECODER), halves, strict=True))

    try:
        return open_derived(
            halves_dir, make, lambda folder: (_session(folder / _TEXT_HALF), _session(folder / _DECODER))
        )
    except _OnePieceError:
        return _session(model_file), None


def split_voice(model_file: Path) -> tuple[bytes, bytes] | None:
    """The ONNX models of a voice's text half and decoder; None when it isn't made of two that one tensor joins."""
    import onnx  # noqa: PLC0415 - heavy
    from onnx import helper  # noqa: PLC0415 - heavy

    model = onnx.load(model_file)
    graph = model.graph
    decoder: list[Any] = []
    text_half: list[Any] = []
    of_decoder: set[str] = set()
    for node in graph.node:  # in topological order, as ONNX demands
        if node.name.startswith("/dec/") or of_decoder.intersection(node.input):
            decoder.append(node)
            of_decoder.update(node.output)
        else:
            text_half.append(node)
    made = {name for node in text_half for name in node.output} | {given.name for given in graph.input}
    joints = {name for node in decoder for name in node.input} & made
    if len(joints) != 1:
        return None
    joint = helper.make_tensor_value_info(joints.pop(), onnx.TensorProto.FLOAT, [1, None, None])

    def half(nodes: list[Any], inputs: list[Any], outputs: list[Any]) -> bytes:
        needed = {name for node in nodes for name in node.input}
        weights = [weight for weight in graph.initializer if weight.name in needed]
        part = helper.make_graph(nodes, graph.name, inputs, outputs, initializer=weights)
        made = helper.make_model(part, opset_imports=model.opset_import, ir_version=model.ir_version)
        return bytes(made.SerializeToString())

    return half(text_half, list(graph.input), [joint]), half(decoder, [joint], list(graph.output))


def _session(model: Path) -> _Thrifty:
    return _Thrifty(open_session(model, threads=min(os.cpu_count() or 1, MAX_THREADS)))


class _Thrifty:
    """An onnxruntime session that gives its working memory (100 MB after a long sentence) back after each run."""

    def __init__(self, session: InferenceSession) -> None:
        from onnxruntime import RunOptions  # noqa: PLC0415 - heavy

        self._session = session
        self._options = RunOptions()
        self._options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")

    def run(self, outputs: list[str] | None, inputs: dict[str, Any]) -> Any:
        return self._session.run(outputs, inputs, self._options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)
