"""`nlu.classifier.TextModel` on the files that `scripts/train-nlu` writes. Blocking; some milliseconds an utterance."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from assistant.errors import UnderstandError
from assistant.sessions import open_session
from assistant.values import OUT_OF_SCOPE, TextReading

MODEL, TOKENIZER, FACTS = "model.onnx", "tokenizer.json", "facts.json"
_MAX_PIECES = 48
_LIKELIEST = 5
_LEAST = 1e-6
_HINT = "Install the assistant again: its file models/nlu is missing or damaged."


class OnnxTextModel:
    """The model in `folder`, for one `language`; thread-safe once built.

    Raises:
        UnderstandError: `nlu-model-bad`.
    """

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer  # noqa: PLC0415 - heavy

        try:
            facts = json.loads((folder / FACTS).read_bytes())
            self.language = str(facts["language"])
            self._intents: list[str] = facts["intent"]
            self._tasks: list[str] = facts["task"]
            self._tags: list[str] = facts["tags"]
            self._outside, self._offset = self._intents.index(OUT_OF_SCOPE), float(facts["out_of_scope_offset"])
            self._transitions = np.array([row.split() for row in facts["transitions"]], np.float32)
            self._slope, self._shift = map(float, facts["calibration"])
            self._temperatures = {name: float(value) for name, value in facts["temperature"].items()}
            self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
            self._session = open_session(folder / MODEL)
            self._outputs = [output.name for output in self._session.get_outputs()]
            self.read(("hello",))
        except Exception as exc:
            raise UnderstandError("nlu-model-bad", f"{folder} is no usable model", hint=_HINT) from exc

    def read(self, words: Sequence[str]) -> TextReading:
        """What the plain words of an utterance mean; of a long one, its beginning. At least one word."""
        encoding = self._tokenizer.encode(list(words[:_MAX_PIECES]), is_pretokenized=True)
        pieces = np.array(encoding.ids[:_MAX_PIECES], np.int64)
        made: Mapping[str, npt.NDArray[Any]] = dict(
            zip(
                self._outputs,
                self._session.run(None, {"pieces": pieces, "places": np.arange(len(pieces), dtype=np.int64)}),
                strict=True,
            )
        )
        logits = made["intent"][0]
        logits[self._outside] += self._offset
        intents = self._calibrated(self._probabilities("intent", logits))
        tasks = self._probabilities("task", made["task"][0])
        order = np.argsort(-intents)[:_LIKELIEST]
        return TextReading(
            {self._intents[at]: float(intents[at]) for at in order},
            self._tasks[int(tasks.argmax())],
            float(tasks.max()),
            self._spans(words, encoding.word_ids[: len(pieces)], made["tags"][0]),
        )

    def _probabilities(self, question: str, logits: npt.NDArray[Any]) -> npt.NDArray[np.floating]:
        scaled = logits / self._temperatures[question]
        exponentials = np.exp(scaled - scaled.max())
        probabilities: npt.NDArray[np.floating] = exponentials / exponentials.sum()
        return probabilities

    def _calibrated(self, probabilities: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        """Each answer's probability of being right; they needn't add up to one."""
        sure = np.clip(probabilities, _LEAST, 1 - _LEAST)
        calibrated: npt.NDArray[np.floating] = 1 / (1 + np.exp(-self._slope * np.log(sure / (1 - sure)) - self._shift))
        return calibrated

    def _spans(
        self, words: Sequence[str], word_of_piece: Sequence[int | None], logits: npt.NDArray[np.floating]
    ) -> tuple[tuple[str, str], ...]:
        """Tagged words, joined. A word has the tag of its first piece."""
        first: dict[int, int] = {}
        for piece, word in enumerate(word_of_piece):
            if word is not None:
                first.setdefault(word, piece)
        spans: list[tuple[str, list[str]]] = []
        tag_before = ""
        for word, number in zip(first, _likeliest(logits[list(first.values())], self._transitions), strict=True):
            begins, _, tag = self._tags[number].partition("-")
            if tag and (begins == "B" or tag != tag_before):
                spans.append((tag, [words[word]]))
            elif tag:
                spans[-1][1].append(words[word])
            tag_before = tag
        return tuple((tag, " ".join(parts)) for tag, parts in spans)


def _likeliest(logits: npt.NDArray[np.floating], transitions: npt.NDArray[np.floating]) -> list[int]:
    """The best sequence of tags (Viterbi). `logits`: words (at least one) by tags; `transitions`: tag before by tag
    behind, with the edge as the last of each.
    """
    score = logits[0] + transitions[-1, :-1]
    steps = []
    for of_word in logits[1:]:
        ways = score[:, None] + transitions[:-1, :-1]
        steps.append(ways.argmax(axis=0))
        score = ways.max(axis=0) + of_word
    tags = [int((score + transitions[:-1, -1]).argmax())]
    for step in reversed(steps):
        tags.append(int(step[tags[-1]]))
    return tags[::-1]
