"""What models made before think of requests."""

from __future__ import annotations

import numpy as np
import pytest

from assistant.encoder.text_model import OnnxTextModel
from assistant.packaged import packaged_text_model
from assistant.training.teachers import Teachers, made
from assistant.values import OUT_OF_SCOPE

TEXTS = [("turn", "on", "the", "lamp"), ("who", "wrote", "hamlet"), ("turn", "on", "the", "lamp")]


def test_an_opinion_is_the_mean_of_the_teachers_in_the_order_of_the_intents() -> None:
    folder = packaged_text_model()
    known = OnnxTextModel(folder).intents(TEXTS[0])
    assert sum(known.values()) == pytest.approx(1.0)
    order = [*reversed(known), "Unheard"]
    alone, both = (Teachers(folders, order).opinions(TEXTS) for folders in ([folder], [folder, folder]))
    assert np.allclose(alone, both)
    assert np.allclose(alone[0], [*reversed(known.values()), 0.0])
    assert alone[0] is alone[2], "asked once"
    assert order[int(alone[0].argmax())] == "HassTurnOn"
    assert order[int(alone[1].argmax())] == OUT_OF_SCOPE


def test_how_a_teacher_was_made_is_known() -> None:
    assert made(packaged_text_model()).keys() >= {"examples", "heard", "seed", "minutes"}
    assert "teachers" not in made(packaged_text_model())
