"""How likely the local model's answer is right, worked out from the beginning of that answer. Pure.

The model writes the first tokens of its answer, and tells how likely each was. Where it knows, it hardly hesitates;
where it makes something up, some token was one of several. What says most is the words that the question did not hold:
"The capital of France is" is easy to say, "Paris" is the answer. A logistic regression, fitted for each model on
questions whose answers are known (`scripts/tune-llm`), turns these figures into a probability.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from assistant.errors import LlmError
from assistant.llm.draft import Draft, Token

UNTUNED_MOST = 0.4
"""The most that a model nobody tuned is believed: below every threshold, so that others are asked first."""
FLOOR = -12.0
"""Log probabilities below it say nothing more."""
_UNSURE = re.compile(
    r"\b(sorry|don't know|do not know|not sure|cannot|can't|unable|as an ai|don't have)\b", re.IGNORECASE
)
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Calibration:
    """A fitted regression."""

    weights: Mapping[str, float]
    """By the feature's name, for the features as they are."""
    intercept: float

    @classmethod
    def read(cls, file: Path, model_bytes: int) -> Calibration | None:
        """A file of `scripts/tune-llm`; None where there is none, or it was made for a model of another size.

        Raises:
            LlmError: `llm-calibration`: it can't be used.
        """
        try:
            found = json.loads(file.read_text("utf-8"))
            if found["bytes"] != model_bytes:
                return None
            weights = {str(name): float(weight) for name, weight in found["weights"].items()}
            calibration = cls(weights, float(found["intercept"]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
            hint = "Make it again with scripts/tune-llm, or remove it."
            raise LlmError("llm-calibration", f"{file} is no calibration", hint=hint) from exc
        if unknown := weights.keys() - FEATURES:
            raise LlmError("llm-calibration", f"{file} has features that are not known: {', '.join(sorted(unknown))}")
        return calibration


def estimate(question: str, draft: Draft, calibration: Calibration | None) -> float:
    """The probability that the answer that begins with `draft` is right, 0..1."""
    if not draft.tokens:
        return 0.0
    found = features(question, draft)
    if calibration is None:
        return 0.0 if found["unsure"] else UNTUNED_MOST * math.exp(found["mean"])
    at = calibration.intercept + sum(weight * found[name] for name, weight in calibration.weights.items())
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, at))))


FEATURES = frozenset(
    {
        "mean",
        "least",
        "first",
        "new_mean",
        "new_least",
        "new_first",
        "entropy",
        "margin",
        "length",
        "finished",
        "unsure",
        "new_number",
        "new_name",
        "asked_numbers",
        "asked_digits",
        "asked_words",
        "asks_how_many",
        "asks_who",
        "asks_which",
        "asks_when",
    }
)


def features(question: str, draft: Draft) -> dict[str, float]:
    """What is known of an answer's beginning; `draft` has at least one token."""
    tokens = draft.tokens
    sure = [_bounded(token) for token in tokens]
    new = _new(question, tokens)
    new_sure = [sure[at] for at in new] or sure
    new_text = [tokens[at].text.strip() for at in new]
    asked = question.lower()
    numbers = re.findall(r"\d+", question)
    return {
        "mean": sum(sure) / len(sure),
        "least": min(sure),
        "first": sure[0],
        "new_mean": sum(new_sure) / len(new_sure),
        "new_least": min(new_sure),
        "new_first": new_sure[0],
        "entropy": sum(_entropy(token) for token in tokens) / len(tokens),
        "margin": min(_margin(token) for token in tokens),
        "length": len(tokens) / 10,
        "finished": float(draft.finished),
        "unsure": float(bool(_UNSURE.search(draft.text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")))),
        "new_number": float(any(text.isdigit() for text in new_text)),
        "new_name": float(any(text[:1].isupper() for at, text in zip(new, new_text, strict=True) if at)),
        "asked_numbers": float(len(numbers)),
        "asked_digits": float(max(map(len, numbers), default=0)),
        "asked_words": len(question.split()) / 10,
        "asks_how_many": float("how many" in asked or "how much" in asked),
        "asks_who": float(asked.startswith("who")),
        "asks_which": float(asked.startswith("which")),
        "asks_when": float("year" in asked or asked.startswith("when")),
    }


def _new(question: str, tokens: Sequence[Token]) -> list[int]:
    """Where the tokens stand that say something which the question didn't."""
    asked = set(_WORD.findall(question.lower())) | _EASY
    found, word = [], ""
    for at, token in enumerate(tokens):
        starts = not token.text[:1].isalnum() or not word
        word = token.text if starts else word + token.text
        said = _WORD.findall(token.text.lower())
        if said and said[0] not in asked and not any(each.startswith(word.strip().lower()) for each in asked):
            found.append(at)
    return found


_EASY = frozenset(
    "a an and answer are as at be been by called first for from had has have in is it its known name named of on or"  # noqa: SIM905
    " that the there this to was were which who with you".split()
)


def _bounded(token: Token) -> float:
    return max(FLOOR, min(0.0, token.log_probability))


def _entropy(token: Token) -> float:
    """In nats, over the likeliest tokens and the rest taken as one."""
    likely = [math.exp(each) for each in token.likeliest]
    rest = max(0.0, 1.0 - sum(likely))
    return -sum(each * math.log(each) for each in (*likely, rest) if each > 0)


def _margin(token: Token) -> float:
    """How far the likeliest token was ahead of the next, at most `-FLOOR`."""
    if len(token.likeliest) < 2:
        return 0.0
    return min(-FLOOR, token.likeliest[0] - token.likeliest[1])
