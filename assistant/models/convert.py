"""OpenAI's Whisper checkpoints made into what CTranslate2 reads, without torch.

A checkpoint is a zip of a pickle and raw tensors. The pickle is read by an unpickler that knows three names and
nothing else, so that a file can't run code. The tokenizer is built from byte-pair ranks (`gpt2.tiktoken`).
"""

from __future__ import annotations

import base64
import binascii
import io
import itertools
import json
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from assistant.errors import ModelError

Weights = Mapping[str, npt.NDArray[Any]]

_STORAGES = {"HalfStorage": np.float16, "FloatStorage": np.float32}
_LANGUAGES = 99
"""Marks that an English-only model has, but never uses; their names don't matter."""
_TASKS = ("translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps")
_TIMESTAMPS = 1501


def convert_whisper(checkpoint: Path, ranks: Path, target: Path) -> None:
    """Write model.bin (int8), config.json, vocabulary.json and tokenizer.json into `target`, a new directory.

    For English-only checkpoints. Raises ModelError `model-corrupt` for a file that is something else.
    """
    try:
        dims, weights = _read_checkpoint(checkpoint)
        tokens = _tokens(_read_ranks(ranks))
        if len(tokens) != dims["n_vocab"]:
            raise ValueError("not an English-only checkpoint")
        target.mkdir()
        spec = _spec(dims, weights)
        spec.register_vocabulary(list(tokens))
        spec.config.suppress_ids = []
        spec.config.suppress_ids_begin = [tokens["Ġ"], tokens["<|endoftext|>"]]
        spec.config.lang_ids = []
        layers, heads = dims["n_text_layer"], dims["n_text_head"]
        spec.config.alignment_heads = [[layer, head] for layer in range(layers // 2, layers) for head in range(heads)]
        spec.validate()
        spec.optimize(quantization="int8")
        spec.save(str(target))
        _write_tokenizer(tokens, target / "tokenizer.json")
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        EOFError,
        pickle.UnpicklingError,
        zipfile.BadZipFile,
    ) as exc:
        raise ModelError("model-corrupt", f"{checkpoint.name} can't be converted", hint="Fetch it again.") from exc


class _Unpickler(pickle.Unpickler):
    """Admits tensors, and what holds them."""

    def __init__(self, content: bytes, archive: zipfile.ZipFile, folder: str) -> None:
        super().__init__(io.BytesIO(content))
        self._archive = archive
        self._folder = folder

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        raise pickle.UnpicklingError(f"{module}.{name} does not belong into a checkpoint")

    def persistent_load(self, pid: Any) -> npt.NDArray[Any]:
        kind, storage, key, _, _ = pid
        if kind != "storage" or not str(key).isdigit():
            raise pickle.UnpicklingError("not a storage")
        return np.frombuffer(self._archive.read(f"{self._folder}/data/{key}"), storage)


def _tensor(storage: npt.NDArray[Any], offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any) -> Any:
    """What torch._utils._rebuild_tensor_v2 would make. Steps and sizes are the file's, so they are checked."""
    last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
    if min(offset, *size, *stride, 0) < 0 or 0 in size or last >= len(storage):
        raise pickle.UnpicklingError("a tensor outside of its storage")
    steps = tuple(step * storage.itemsize for step in stride)
    return np.ascontiguousarray(np.lib.stride_tricks.as_strided(storage[offset:], size, steps))


def _read_checkpoint(path: Path) -> tuple[Mapping[str, int], Weights]:
    with zipfile.ZipFile(path) as archive:
        [name] = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        folder = name.removesuffix("/data.pkl")
        content = _Unpickler(archive.read(name), archive, folder).load()
    return content["dims"], content["model_state_dict"]


def _read_ranks(path: Path) -> list[bytes]:
    """Tokens by rank."""
    pairs = [line.split() for line in path.read_bytes().splitlines() if line]
    try:
        ranks = {int(rank): base64.b64decode(token, validate=True) for token, rank in pairs}
    except binascii.Error as exc:
        raise ValueError("not byte-pair ranks") from exc
    return [ranks[rank] for rank in range(len(ranks))]


def _spec(dims: Mapping[str, int], weights: Weights) -> Any:
    from ctranslate2.specs import WhisperSpec  # noqa: PLC0415 - heavy

    spec = WhisperSpec(dims["n_audio_layer"], dims["n_audio_head"], dims["n_text_layer"], dims["n_text_head"])
    for conv in ("conv1", "conv2"):
        getattr(spec.encoder, conv).weight = weights[f"encoder.{conv}.weight"]
        getattr(spec.encoder, conv).bias = weights[f"encoder.{conv}.bias"]
    spec.encoder.position_encodings.encodings = weights["encoder.positional_embedding"]
    _norm(spec.encoder.layer_norm, weights, "encoder.ln_post")
    for number, layer in enumerate(spec.encoder.layer):
        _block(layer, weights, f"encoder.blocks.{number}")
    spec.decoder.embeddings.weight = weights["decoder.token_embedding.weight"]
    spec.decoder.projection.weight = weights["decoder.token_embedding.weight"]
    spec.decoder.position_encodings.encodings = weights["decoder.positional_embedding"]
    _norm(spec.decoder.layer_norm, weights, "decoder.ln")
    for number, layer in enumerate(spec.decoder.layer):
        name = f"decoder.blocks.{number}"
        _block(layer, weights, name)
        _norm(layer.attention.layer_norm, weights, f"{name}.cross_attn_ln")
        _join(layer.attention.linear[0], weights, f"{name}.cross_attn", ("query",))
        _join(layer.attention.linear[1], weights, f"{name}.cross_attn", ("key", "value"))
        _join(layer.attention.linear[2], weights, f"{name}.cross_attn", ("out",))
    return spec


def _block(layer: Any, weights: Weights, name: str) -> None:
    _norm(layer.self_attention.layer_norm, weights, f"{name}.attn_ln")
    _join(layer.self_attention.linear[0], weights, f"{name}.attn", ("query", "key", "value"))
    _join(layer.self_attention.linear[1], weights, f"{name}.attn", ("out",))
    _norm(layer.ffn.layer_norm, weights, f"{name}.mlp_ln")
    _join(layer.ffn.linear_0, weights, f"{name}.mlp", ("0",))
    _join(layer.ffn.linear_1, weights, f"{name}.mlp", ("2",))


def _norm(spec: Any, weights: Weights, name: str) -> None:
    spec.gamma, spec.beta = weights[f"{name}.weight"], weights[f"{name}.bias"]


def _join(spec: Any, weights: Weights, name: str, parts: Iterable[str]) -> None:
    """Linear layers side by side; the key has no bias."""
    matrices = [weights[f"{name}.{part}.weight"] for part in parts]
    biases = [
        weights.get(f"{name}.{part}.bias", np.zeros(len(matrix), matrix.dtype))
        for part, matrix in zip(parts, matrices, strict=True)
    ]
    spec.weight, spec.bias = np.concatenate(matrices), np.concatenate(biases)


def _tokens(ranks: list[bytes]) -> dict[str, int]:
    """Every token with its number: byte-pair tokens in printable form, then Whisper's own."""
    printable = _printable()
    names = ["".join(printable[byte] for byte in token) for token in ranks]
    marks = [
        "endoftext",
        "startoftranscript",
        *(f"language-{number}" for number in range(_LANGUAGES)),
        *_TASKS,
        *(f"{step * 0.02:.2f}" for step in range(_TIMESTAMPS)),
    ]
    return {name: number for number, name in enumerate([*names, *(f"<|{mark}|>" for mark in marks)])}


def _printable() -> dict[int, str]:
    """GPT-2's printable stand-in for each byte."""
    plain = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in plain]
    return {byte: chr(byte) for byte in plain} | {byte: chr(256 + number) for number, byte in enumerate(others)}


def _write_tokenizer(tokens: Mapping[str, int], path: Path) -> None:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers  # noqa: PLC0415 - heavy

    plain = {name: number for name, number in tokens.items() if number < tokens["<|endoftext|>"]}
    tokenizer = Tokenizer(models.BPE(plain, _merges(plain)))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    marks = sorted((number, name) for name, number in tokens.items() if number >= tokens["<|endoftext|>"])
    tokenizer.add_special_tokens([AddedToken(name, normalized=False, special=True) for _, name in marks])
    path.write_text(json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False), "utf-8")


def _merges(plain: Mapping[str, int]) -> list[tuple[str, str]]:
    """The pair that each token was made of: its last merge, when only earlier tokens exist."""
    merges: list[tuple[str, str]] = []
    for name, number in sorted(plain.items(), key=lambda item: item[1]):
        parts = list(name)
        while len(parts) > 2:
            ranked = [(plain.get(a + b, number), at) for at, (a, b) in enumerate(itertools.pairwise(parts))]
            rank, at = min(ranked)
            if rank >= number:
                raise ValueError("not byte-pair ranks")
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        if len(parts) == 2:
            merges.append((parts[0], parts[1]))
    return merges
