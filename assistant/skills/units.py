"""Units, by pint: which takes a third of a second and 15 MB to set up, so that is done when first needed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, ClassVar

from assistant.skills.base import Skill, SkillContext, SkillReply
from assistant.values import IntentMatch

_DIGITS = 4
_BY_VOLUME = {"ounce": "fluid_ounce"}
"""What a unit of weight is where something is measured by its volume."""
_OTHER_SCALE = {"degF": "degC", "degC": "degF", "kelvin": "degC"}


class ConvertUnit(Skill):
    intents: ClassVar[Mapping[str, tuple[str, ...]]] = {"ConvertUnit": ()}

    async def handle(self, match: IntentMatch, context: SkillContext) -> SkillReply:
        slots = match.slots
        if "from_unit" not in slots:
            return SkillReply(self._replies.say(match.intent, "convert_what"), ok=False)
        if "to_unit" not in slots:
            return SkillReply(self._replies.say(match.intent, "into_what"), expects_answer=True)
        quantity, source, target = float(slots.get("quantity", 1)), str(slots["from_unit"]), str(slots["to_unit"])
        source = _OTHER_SCALE.get(target, source) if source == "degree" else source  # "20 degrees in fahrenheit"
        result = await context.work(lambda: _converted(quantity, source, target))
        if result is None and _BY_VOLUME.keys() & {source, target}:  # "how many ounces in a cup"
            source, target = (_BY_VOLUME.get(unit, unit) for unit in (source, target))
            result = await context.work(lambda: _converted(quantity, source, target))
        if source in _ZERO and quantity < _ZERO[source]:
            return SkillReply(self._replies.say(match.intent, "colder"), ok=False)
        names = {"source": self._unit(source, quantity), "target": self._unit(target, 0)}
        if result is None:
            return SkillReply(self._replies.say(match.intent, "apart", **names), ok=False)
        names["target"] = self._unit(target, result)
        text = self._replies.say(match.intent, "result", quantity=_number(quantity), result=_number(result), **names)
        return SkillReply(text)

    def _unit(self, unit: str, count: float) -> str:
        """As it is spoken: one and several."""
        one, many = self._replies.units.get(unit, (unit, unit))
        return one if count == 1 else many


_ZERO = {"degC": -273.15, "degF": -459.67, "kelvin": 0.0}
"""The coldest, by scale."""


@lru_cache(maxsize=1)
def _registry() -> Any:
    import pint  # noqa: PLC0415 - heavy

    return pint.UnitRegistry(autoconvert_offset_to_baseunit=True)


def _converted(quantity: float, source: str, target: str) -> float | None:
    """Blocking at first. None when the units measure different things."""
    import pint  # noqa: PLC0415 - heavy

    registry = _registry()
    try:
        return float(registry.Quantity(quantity, source).to(target).magnitude)
    except (pint.PintError, OverflowError, ValueError, AttributeError):
        return None


def _number(value: float) -> str:
    """With so many digits as one listens to."""
    rounded = float(f"{value:.{_DIGITS}g}") if abs(value) < 10 ** (_DIGITS - 1) else round(value)
    return f"{rounded:,.10f}".rstrip("0").rstrip(".")
