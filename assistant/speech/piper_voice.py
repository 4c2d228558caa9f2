"""A Piper voice whose sound comes in pieces, the first long before the sentence is synthesised.

A VITS voice is three networks in one file: the text half makes all frames of a sentence in the rough, the flow refines
each, and the decoder turns each into some 10 ms of sound. Flow and decoder look no further than FLOW_HALO_FRAMES and
HALO_FRAMES to either side. They are cut apart; flow and decoder then run over a short piece first, and over longer and
longer ones. Joined, they are what all at once gives, which `Voice` checks when it is loaded. The parts are kept as
files (a session takes twice the memory when it is made of bytes). A voice of another form is decoded at once. Measured
on two x86 cores, for sentences of 1.8 and 5.5 s: the first sound is there after 41% and 25% of the time that the whole
sentence takes at once, and would be after 49% and 37% with the decoder alone in pieces.

Sentences keep their loudness to each other: one gain for the voice, from a sentence that is spoken to nobody.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import structlog

from assistant.audio.format import Samples, to_int16
from assistant.errors import SpeechError
from assistant.sessions import open_session
from assistant.speech.derived import open_derived

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_log = structlog.get_logger(__name__)
Floats = npt.NDArray[np.float32]

FIRST_FRAMES = 24
"""About 0.28 s of sound; each piece is then twice as long as the one before."""
HALO_FRAMES = 12
FLOW_HALO_FRAMES = 32
"""Four flows of four layers that look at two frames to either side."""
MAX_THREADS = 4
"""All cores but one, and these at most. The other is left to what runs beside it: on two shared x86 cores the first
sound of a short sentence takes 52 instead of 45 ms on one, and the whole of it 180 instead of 270 ms of CPU."""
LEVEL = 0.125
"""Root mean square of the voice where it sounds, of full scale."""
_TEXT_HALF, _FLOW, _DECODER = "text-half.onnx", "flow.onnx", "decoder.onnx"
_SOUNDS = 0.02
_SAME = 1e-3
_TRIAL = "The quick brown fox jumps over the lazy dog."
_HINT = "Run `assistant models verify`, or name another voice in tts.voice."


class Voice:
    """A loaded voice. Blocking, and for one thread at a time."""

    def __init__(self, model_file: Path, settings: dict[str, Any], speed: float, parts_dir: Path | None) -> None:
        """Load, and speak a sentence to nobody, so that the first reply is as fast as the next. Takes about a second.

        `settings` is what stands in the .onnx.json; `speed` 2 speaks twice as fast. `parts_dir`, a folder of this very
        voice, keeps its parts for the next time.

        Raises:
            SpeechError: `tts-voice-bad`.
        """
        from piper import PiperVoice, SynthesisConfig  # noqa: PLC0415 - heavy
        from piper.config import PiperConfig  # noqa: PLC0415 - heavy

        try:
            config = PiperConfig.from_dict(settings)
            text_half, self._flow, self._decoder = _open(model_file, parts_dir)
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
        refined = _Refined(self._flow, frames)
        count, at, size = frames.shape[2], 0, FIRST_FRAMES
        while at < count:
            end = at + size if at + size + FIRST_FRAMES <= count else count
            first, last = max(0, at - HALO_FRAMES), min(count, end + HALO_FRAMES)
            sound = self._decode(refined.up_to(last)[:, :, first:])
            hop = len(sound) // (last - first)
            yield sound[(at - first) * hop : (end - first) * hop]
            at, size = end, size * 2

    def _at_once(self, frames: Floats) -> Floats:
        return self._decode(_Refined(self._flow, frames).up_to(frames.shape[2], at_once=True))

    def _decode(self, refined: Floats) -> Floats:
        assert self._decoder is not None
        name = self._decoder.get_inputs()[0].name
        sound: Floats = self._decoder.run(None, {name: np.ascontiguousarray(refined)})[0]
        return sound.reshape(-1)

    def _try_out(self) -> None:
        """Find the gain, and whether the decoder may work in pieces."""
        try:
            [phonemes] = self._piper.phonemize(_TRIAL)
            frames = self._frames(phonemes)
            pieces = np.concatenate(list(self._sound(frames)))
            whole = pieces if self._decoder is None else self._at_once(frames)
        except Exception as exc:
            raise SpeechError("tts-failed", f"the voice {self._name} failed", hint=_HINT, retryable=True) from exc
        if self._decoder and (pieces.shape != whole.shape or np.abs(pieces - whole).max() > _SAME):
            _log.info("voice decodes at once", voice=self._name)
            self._sound = lambda frames: iter([self._at_once(frames)])  # type: ignore[method-assign]
        sounding = whole[np.abs(whole) > _SOUNDS * np.abs(whole).max()]
        level = float(np.sqrt(np.mean(sounding**2))) if len(sounding) else 0.0
        self._gain = LEVEL / level if level > 0.0 else 1.0


class _Refined:
    """A sentence's frames, refined as far as they are needed."""

    def __init__(self, flow: Any, frames: Floats) -> None:
        """`flow` None: they are fine as they are."""
        self._flow = flow
        self._frames = frames
        self._refined = frames if flow is None else np.empty_like(frames)
        self._done = frames.shape[2] if flow is None else 0

    def up_to(self, end: int, *, at_once: bool = False) -> Floats:
        """The first `end` frames. Beyond the first piece some are refined ahead: at every seam some are done twice."""
        count = self._frames.shape[2]
        if self._done < end:
            ahead = 0 if at_once or not self._done else 2 * (end - self._done)
            to = min(count, end + ahead)
            first, last = max(0, self._done - FLOW_HALO_FRAMES), min(count, to + FLOW_HALO_FRAMES)
            made = self._run(self._frames[:, :, first:last])
            self._refined[:, :, self._done : to] = made[:, :, self._done - first : to - first]
            self._done = to
        return self._refined[:, :, :end]

    def _run(self, frames: Floats) -> Floats:
        """The flow takes the frames, and a mask that is one for each."""
        ones = np.ones((1, 1, frames.shape[2]), np.float32)
        inputs = {
            given.name: ones if given.shape[1] == 1 else np.ascontiguousarray(frames)
            for given in self._flow.get_inputs()
        }
        made: Floats = self._flow.run(None, inputs)[0]
        return made


def bad_voice(model_dir: Path, why: str) -> SpeechError:
    return SpeechError("tts-voice-bad", f"{model_dir} is not a usable Piper voice: {why}", hint=_HINT)


def _open(model_file: Path, parts_dir: Path | None) -> tuple[Any, Any, Any]:
    """Sessions of text half, flow and decoder; of what is in one piece with the one before, None."""

    def open_(folder: Path) -> tuple[Any, Any, Any]:
        if not any(folder.iterdir()):
            return _session(model_file), None, None
        flow = _session(folder / _FLOW) if (folder / _FLOW).exists() else None
        return _session(folder / _TEXT_HALF), flow, _session(folder / _DECODER)

    return open_derived(parts_dir, partial(_cut, model_file), open_)


def _cut(model_file: Path, folder: Path) -> None:
    """Leaves the folder empty when the voice isn't made of such parts."""
    for name, content in (split_voice(model_file) or {}).items():
        (folder / name).write_bytes(content)


def split_voice(model_file: Path) -> dict[str, bytes] | None:
    """The ONNX models of a voice's parts by file name, with or without the flow; None when no two parts can be cut."""
    import onnx  # noqa: PLC0415 - heavy
    from onnx import helper  # noqa: PLC0415 - heavy

    model = onnx.load(model_file)
    graph = model.graph
    part_of = _parts_of(graph.node)
    text_half, refining, decoder = (
        [node for node, at in zip(graph.node, part_of, strict=True) if at == part] for part in range(3)
    )
    masks = {name for node in text_half if node.op_type == "Cast" for name in node.output}
    after_text = _joints(graph, text_half, [*refining, *decoder])
    if not refining or len(after_text) != 2 or len(after_text & masks) != 1:  # frames and their mask
        text_half = [node for node, at in zip(graph.node, part_of, strict=True) if at < 2]
        refining, after_text = [], _joints(graph, text_half, decoder)
    after_flow = _joints(graph, [*text_half, *refining], decoder)
    if len(after_flow) != 1 or (not refining and len(after_text) != 1):
        return None

    def info(name: str) -> Any:
        channels = 1 if name in masks else None
        return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, channels, None])

    def part(nodes: list[Any], inputs: list[Any], outputs: list[Any]) -> bytes:
        needed = {name for node in nodes for name in node.input}
        weights = [weight for weight in graph.initializer if weight.name in needed]
        made = helper.make_graph(nodes, graph.name, inputs, outputs, initializer=weights)
        opsets = model.opset_import
        return bytes(helper.make_model(made, opset_imports=opsets, ir_version=model.ir_version).SerializeToString())

    frames = [info(name) for name in sorted(after_text - masks)]
    refined = [info(name) for name in after_flow]
    parts = {
        _TEXT_HALF: part(text_half, list(graph.input), frames),
        _DECODER: part(decoder, refined, list(graph.output)),
    }
    if refining:
        parts[_FLOW] = part(refining, [info(name) for name in sorted(after_text)], refined)
    return parts


def _parts_of(nodes: Sequence[Any]) -> list[int]:
    """For each node 0 text half, 1 flow, 2 decoder: what depends on a part is of it too. Nodes are in their order."""
    parts: list[int] = []
    part_that_made: dict[str, int] = {}
    for node in nodes:
        named = 2 if node.name.startswith("/dec/") else int(node.name.startswith("/flow/"))
        part = max([named, *(part_that_made.get(name, 0) for name in node.input)])
        parts.append(part)
        part_that_made |= dict.fromkeys(node.output, part)
    return parts


def _joints(graph: Any, before: Sequence[Any], behind: Sequence[Any]) -> set[str]:
    """What the nodes behind take from the nodes before."""
    made = {name for node in before for name in node.output} | {given.name for given in graph.input}
    return {name for node in behind for name in node.input} & made


def _session(model: Path) -> InferenceSession:
    return open_session(model, threads=max(1, min((os.cpu_count() or 1) - 1, MAX_THREADS)))
