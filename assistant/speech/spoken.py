"""Written English into words for a voice: numbers, times, dates, units and money are spelled out, markup is dropped.

    "It's **21°C** at 10:05."  ->  "It's twenty one degrees Celsius at ten oh five."

Pure and total: any text gives speakable text, possibly empty; nothing raises. Roman numerals stay as they are.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Mapping

from assistant.speech.numerals import cardinal, digits, fraction, ordinal, spoken_number, year

Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]

_NUMBER = r"\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_MONTH_BY_SHORT = {month[:3].lower(): month for month in _MONTHS}
_MONTH = rf"(?:{'|'.join(_MONTHS)}|(?:{'|'.join(month[:3] for month in _MONTHS)}|Sept)\.?)"
_YEAR = r"(?:1[1-9]|20)\d\d"
_VULGAR = "¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"
_HALF_DAY = r"\s*([AaPp])(?:\.\s?[Mm]\.|[Mm]\b)"

_ABBREVIATIONS: Mapping[str, str] = {
    "Dr.": "Doctor",
    "Mr.": "Mister",
    "Mrs.": "Missus",
    "Ms.": "Miz",
    "Prof.": "Professor",
    "Jr.": "Junior",
    "Sr.": "Senior",
    "Mt.": "Mount",
    "Gen.": "General",
    "Capt.": "Captain",
    "vs.": "versus",
    "etc.": "et cetera",
    "e.g.": "for example",
    "i.e.": "that is",
    "approx.": "approximately",
    "Ave.": "Avenue",
    "Blvd.": "Boulevard",
    "Rd.": "Road",
    "Inc.": "Incorporated",
    "Ltd.": "Limited",
    "dept.": "department",
    "w/o": "without",
    "Ph.D.": "P H D",
    "C#": "C sharp",
    "24/7": "twenty four seven",
}
_UNITS: Mapping[str, tuple[str, str]] = {
    "km/h": ("kilometer per hour", "kilometers per hour"),
    "kph": ("kilometer per hour", "kilometers per hour"),
    "mph": ("mile per hour", "miles per hour"),
    "km/s": ("kilometer per second", "kilometers per second"),
    "m/s": ("meter per second", "meters per second"),
    "m²": ("square meter", "square meters"),
    "m³": ("cubic meter", "cubic meters"),
    "km²": ("square kilometer", "square kilometers"),
    "km": ("kilometer", "kilometers"),
    "cm": ("centimeter", "centimeters"),
    "mm": ("millimeter", "millimeters"),
    "m": ("meter", "meters"),
    "mi": ("mile", "miles"),
    "ft": ("foot", "feet"),
    "yd": ("yard", "yards"),
    "kg": ("kilogram", "kilograms"),
    "mg": ("milligram", "milligrams"),
    "g": ("gram", "grams"),
    "lbs": ("pound", "pounds"),
    "lb": ("pound", "pounds"),
    "oz": ("ounce", "ounces"),
    "ml": ("milliliter", "milliliters"),
    "mL": ("milliliter", "milliliters"),
    "cl": ("centiliter", "centiliters"),
    "l": ("liter", "liters"),
    "L": ("liter", "liters"),
    "tbsp": ("tablespoon", "tablespoons"),
    "tsp": ("teaspoon", "teaspoons"),
    "kWh": ("kilowatt hour", "kilowatt hours"),
    "kW": ("kilowatt", "kilowatts"),
    "W": ("watt", "watts"),
    "V": ("volt", "volts"),
    "GHz": ("gigahertz", "gigahertz"),
    "MHz": ("megahertz", "megahertz"),
    "kHz": ("kilohertz", "kilohertz"),
    "Hz": ("hertz", "hertz"),
    "TB": ("terabyte", "terabytes"),
    "GB": ("gigabyte", "gigabytes"),
    "MB": ("megabyte", "megabytes"),
    "KB": ("kilobyte", "kilobytes"),
    "kB": ("kilobyte", "kilobytes"),
    "MB/s": ("megabyte per second", "megabytes per second"),
    "Mbps": ("megabit per second", "megabits per second"),
    "hPa": ("hectopascal", "hectopascals"),
    "mbar": ("millibar", "millibars"),
    "dB": ("decibel", "decibels"),
    "hrs": ("hour", "hours"),
    "hr": ("hour", "hours"),
    "h": ("hour", "hours"),
    "mins": ("minute", "minutes"),
    "min": ("minute", "minutes"),
    "secs": ("second", "seconds"),
    "sec": ("second", "seconds"),
    "ms": ("millisecond", "milliseconds"),
    "s": ("second", "seconds"),
    "°C": ("degree Celsius", "degrees Celsius"),
    "°F": ("degree Fahrenheit", "degrees Fahrenheit"),
    "°": ("degree", "degrees"),
    "%": ("percent", "percent"),
}
_MONEY: Mapping[str, tuple[str, str, str, str]] = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "€": ("euro", "euros", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
}
_SYMBOLS: Mapping[str, str] = {
    "&": " and ",
    "+": " plus ",
    "@": " at ",
    "=": " equals ",
    "≈": " about ",
    "≠": " is not ",
    "≤": " at most ",
    "≥": " at least ",
    "<": " less than ",
    ">": " more than ",
    "±": " plus or minus ",
    "×": " times ",
    "÷": " divided by ",
    "√": " the square root of ",
    "²": " squared",
    "³": " cubed",
    "%": " percent",
    "°": " degrees",
    "→": " to ",
    "§": " section ",
    "€": " euros ",
    "£": " pounds ",
    "$": " dollars ",
}


def to_spoken(text: str) -> str:
    """Words for the voice. Best given one sentence at a time; line breaks become pauses."""
    return _tidy(_words(strip_markup(text)))


def strip_markup(text: str) -> str:
    """Drop what is written for the eye: markdown, HTML tags, code blocks, emoji, control characters. Lines stay."""
    text = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n")
    text = text.translate(_PLAIN)
    for pattern, replacement in _MARKUP:
        text = pattern.sub(replacement, text)
    return "".join(char for char in text if char == "\n" or char in _SYMBOLS or _is_speakable(char))


_PLAIN = str.maketrans(
    {
        "“": '"',
        "”": '"',
        "„": '"',
        "‘": "'",
        "’": "'",
        "−": "-",
        "‐": "-",
        "‑": "-",
        "–": "–",
        "\u00a0": " ",
        "\u202f": " ",
    }
    | {"º": "°", "℃": "°C", "℉": "°F", "\t": " ", "′": "'", "⁄": "/"}
)
_MARKUP: list[tuple[re.Pattern[str], str]] = [
    (re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)", re.DOTALL), "\n"),
    (re.compile(r"!\[([^\]\n]{0,200})\]\([^)\n]{0,2000}\)"), r"\1"),
    (re.compile(r"\[([^\]\n]{1,500})\]\([^)\n]{0,2000}\)"), r"\1"),
    (re.compile(r"</?[A-Za-z][^<>\n]{0,300}>"), " "),
    (re.compile(r"(?m)^[ \t]*(?:[-*_=][ \t]*){3,}$"), ""),
    (re.compile(r"(?m)^[ \t]*(?:#{1,6}|>+|[-*+•‣◦▪·–—])[ \t]+"), ""),
    (re.compile(r"(?m)^(?=[^\n]*--)[ \t:|-]+$"), ""),
    (re.compile(r"(?<![\w*])([*_~]{1,3})(?=\S)([^*_~\n]{1,1000}?)(?<=\S)\1(?![\w*])"), r"\2"),
    (re.compile(r"[`\\{}\[\]|]+"), " "),
    (
        re.compile(
            r"\b(?:https?|ftp)://(?:www\.)?([\w.-]+)[^\s)>\"']{0,2000}?(?=[.,;:!?]{0,5}(?:[\s)>\"']|$))", re.IGNORECASE
        ),
        r"\1",
    ),
    (re.compile(r"\bwww\.([\w-]+\.)"), r"\1"),
]


def _is_speakable(char: str) -> bool:
    category = unicodedata.category(char)
    if category == "Mn":
        return not "\ufe00" <= char <= "\ufe0f"  # variation selectors only choose a look
    return category[0] in "LNPZ" or category in {"Mc", "Sm", "Sc"} or char in "^№"


def _words(text: str) -> str:
    for pattern, replace in _rules():
        text = pattern.sub(replace, text)
    for symbol, word in _SYMBOLS.items():
        text = text.replace(symbol, word)
    return text


def _tidy(text: str) -> str:
    text = re.sub(r"\s*\n\s*", "\n", text.strip())
    text = re.sub(r"(?<=[\w)\"'])\n", ". ", text).replace("\n", " ")
    text = re.sub(r"[*_~^#+/]+", " ", text)
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r"\s+(?=[.,;:!?])", "", text)
    text = re.sub(r"(?<=\.M\.)\.", "", text)  # "10:05 PM." ended a sentence
    text = text.strip()
    return text if any(char.isalnum() for char in text) else ""


@functools.cache
def _rules() -> list[Rule]:
    """Applied in order; each leaves only words where it matched."""
    unit = "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))
    money = re.escape("".join(_MONEY))
    short = "|".join(re.escape(key) for key in _ABBREVIATIONS)
    minus = r"(?<![\w.,)])-"

    return [
        _rule(r"\d{16,}", lambda m: f" {digits(m[0])} "),  # also keeps the patterns below from scanning long runs
        _rule(
            r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+", lambda m: m[0].replace("@", " at ").replace(".", " dot ")
        ),
        _rule(r"(?<![\w.])(?:[A-Za-z][\w-]*\.)+(?:com|org|net|io|dev|gov|edu|de|uk|eu|info)\b", _dotted),
        _rule(rf"(?<!\w)(?:{short})(?!\w)", lambda m: _ABBREVIATIONS[m[0]]),
        _rule(r"(\b\d{1,5}\s(?:[A-Z]\w{1,30}\s){1,3})St\.", lambda m: f"{m[1]}Street"),
        _rule(r"\bSt\.(?=\s[A-Z])", lambda _: "Saint"),
        _rule(r"\bSt\.", lambda _: "Street"),
        _rule(r"(?:\bNo\.|№|#)\s?(?=\d)", lambda _: "number "),
        _rule(r"\b(?:[A-Z]\.){2,}(?!\w)", lambda m: " ".join(m[0].replace(".", ""))),
        *_date_rules(),
        _rule(r"(?:\+?\d{1,3}[ -])?(?<!\d)\(?\d{3}\)?[ -]\d{3}[ -]\d{4}(?!\d)|(?<![\d-])\d{3}-\d{4}(?![\d-])", _phone),
        _rule(
            rf"(?<![-–\w.])([{money}]?\d[\d.,:]*)(?:\s?–\s?|-)(?=[{money}]?\d[\d.,:]*(?![-–\d]))",
            lambda m: f"{m[1]} to ",
        ),
        _rule(r"(?<=\d[AaPp][Mm])\s?[-–]\s?(?=\d)", lambda _: " to "),
        _rule(rf"\b(\d{{1,2}}):(\d\d)(?::(\d\d))?(?:{_HALF_DAY})?(?![\d:])", _clock),
        _rule(rf"\b(\d{{1,2}})(?:{_HALF_DAY})(?!\w)", lambda m: f"{cardinal(int(m[1]))} {m[2].upper()}.M."),
        _rule(rf"(-)?([{money}])\s?({_NUMBER})(?:\s(thousand|million|billion|trillion)\b)?", _money),
        _rule(rf"({_NUMBER})\s?([€£])", lambda m: _amount(m[1], m[2])),
        _rule(r"\b(\d{1,2})'\s?(\d{1,2})(?:\"|'')", lambda m: f"{cardinal(int(m[1]))} foot {cardinal(int(m[2]))}"),
        _rule(rf"({minus})?(?<![\w.])(?:(\d{{1,4}})\s)?(\d{{1,4}})/(\d{{1,4}})(?![\w/])", _fraction),
        _rule(rf"({minus})?(?<![\w.])(\d{{0,4}})\s?([{_VULGAR}])", _vulgar),
        _rule(rf"()()([{_VULGAR}])", _vulgar),
        _rule(rf"({minus})?(?<![\w.])({_NUMBER})\s?({unit})(?!\w|/|'\w)", _quantity),
        _rule(r"\b(\d{1,9})(?:st|nd|rd|th)\b", lambda m: ordinal(int(m[1]))),
        _rule(r"(?<=\d)\s?[*×]\s?(?=\d)", lambda _: " times "),
        _rule(r"(?<=\d)x(?=\d)", lambda _: " by "),
        _rule(r"(?<=\d)\s-\s(?=\d)", lambda _: " minus "),
        _rule(r"(?<=\d)\s?/\s?(?=\d)", lambda _: " divided by "),
        _rule(r"(?<=\w)\^(?=\w)", lambda _: " to the power of "),
        _rule(r"(?<=[A-Za-z])-(?=\d)", lambda _: " "),
        _rule(r"(?<![\w.])\d+(?:\.\d+){2,}(?!\w)", lambda m: " dot ".join(map(spoken_number, m[0].split(".")))),
        _rule(rf"({minus})?(?<![\w.])({_NUMBER})(?!\w)", lambda m: _signed(m[1], spoken_number(m[2]))),
        _rule(r"\d+", lambda m: f" {spoken_number(m[0])} "),
    ]


def _date_rules() -> list[Rule]:
    before = f"in|since|by|from|until|till|of|year|before|after|around|circa|early|late|and|to|or|{'|'.join(_MONTHS)}"
    return [
        _rule(r"\b(\d{4})-(\d\d)-(\d\d)(?:T(?=\d\d:\d\d)|\b)", _iso_date),
        _rule(rf"\b({_MONTH})\s(\d{{1,2}})(?:st|nd|rd|th)?\b(?!:\d)(?:,?\s({_YEAR})\b)?", _month_day),
        _rule(rf"\b(the\s)?(\d{{1,2}})(?:st|nd|rd|th)?\s(?:of\s)?({_MONTH})(?![a-z])(?:,?\s({_YEAR})\b)?", _day_month),
        _rule(rf"\b({_MONTH})\s({_YEAR})\b", lambda m: f"{_month(m[1])} {year(int(m[2]))}"),
        _rule(rf"(?<![\w-])({_YEAR})\s?[–-]\s?({_YEAR})(?![\w-])", lambda m: f"{year(int(m[1]))} to {year(int(m[2]))}"),
        _rule(r"\b((?:1[1-9]|20)\d)0s\b", lambda m: _decade(int(m[1] + "0"))),
        _rule(r"(?:'|\b(the\s))([2-9]0)s\b", lambda m: (m[1] or "") + _decade(int(m[2]))),
        _rule(
            rf"\b({before})\s({_YEAR})(?![\d,]*\d|[.]\d|\s?[%°])\b",
            lambda m: f"{m[1]} {year(int(m[2]))}",
            re.IGNORECASE,
        ),
        _rule(rf"\(({_YEAR})\)", lambda m: f"({year(int(m[1]))})"),
    ]


def _rule(pattern: str, replace: Callable[[re.Match[str]], str], flags: re.RegexFlag = re.NOFLAG) -> Rule:
    return re.compile(pattern, flags), replace


def _phone(match: re.Match[str]) -> str:
    """Digit by digit, a breath between the groups."""
    return ", ".join(digits(group) for group in re.findall(r"\d+", match[0]))


def _signed(minus: str | None, words: str) -> str:
    return f"minus {words}" if minus else words


def _dotted(match: re.Match[str]) -> str:
    return match[0].replace(".", " dot ")


def _month(name: str) -> str:
    return _MONTH_BY_SHORT[name[:3].lower()]


def _iso_date(match: re.Match[str]) -> str:
    number, month, day = (int(part) for part in match.groups())
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return " ".join(spoken_number(part) for part in match.groups())
    return f"{_MONTHS[month - 1]} {ordinal(day)}, {year(number)} "


def _month_day(match: re.Match[str]) -> str:
    day = int(match[2])
    if not 1 <= day <= 31:
        return match[0]
    return f"{_month(match[1])} {ordinal(day)}" + (f", {year(int(match[3]))}" if match[3] else "")


def _day_month(match: re.Match[str]) -> str:
    day = int(match[2])
    if not 1 <= day <= 31 or (match[3] == "May" and not match[4] and not match[1]):
        return match[0]  # "2 May" may be "version 2 may"; with "the" or a year it is a date
    return f"the {ordinal(day)} of {_month(match[3])}" + (f", {year(int(match[4]))}" if match[4] else "")


def _clock(match: re.Match[str]) -> str:
    hour, minute, second, half = int(match[1]), int(match[2]), match[3], match[4]
    if hour > 24 or minute > 59 or (second and int(second) > 59):
        return f"{spoken_number(match[1])} {spoken_number(match[2])}" + (f" {spoken_number(second)}" if second else "")
    if minute:
        words = f"{cardinal(hour)} {'oh ' if minute < 10 else ''}{cardinal(minute)}"
    elif half:
        words = cardinal(hour)
    elif 1 <= hour <= 12:
        words = f"{cardinal(hour)} o'clock"
    else:
        words = f"{cardinal(hour)} hundred" if hour else "midnight"
    if second and int(second):
        words += f" and {_plural(second, ('second', 'seconds'))}"
    return words + (f" {half.upper()}.M." if half else "")


def _plural(number: str, forms: tuple[str, str]) -> str:
    return f"{spoken_number(number)} {forms[0] if number == '1' else forms[1]}"


def _quantity(match: re.Match[str]) -> str:
    return _signed(match[1], _plural(match[2], _UNITS[match[3]]))


def _money(match: re.Match[str]) -> str:
    minus, sign, number, scale = match.groups()
    if scale:
        return _signed(minus, f"{spoken_number(number)} {scale} {_MONEY[sign][1]}")
    return _signed(minus, _amount(number, sign))


def _amount(number: str, sign: str) -> str:
    whole, _, part = number.partition(".")
    one, many, small, smalls = _MONEY[sign]
    if len(part) > 2:
        return f"{spoken_number(number)} {many}"
    cents = int(part.ljust(2, "0") or "0") if part else 0
    words = _plural(whole, (one, many))
    if not cents:
        return words
    tail = _plural(str(cents), (small, smalls))
    return tail if int(whole.replace(",", "")) == 0 else f"{words} and {tail}"


def _fraction(match: re.Match[str]) -> str:
    minus, whole, above, below = match[1], match[2], int(match[3]), int(match[4])
    if above > below or not above:
        return match[0]  # a division
    words = fraction(above, below)
    return _signed(minus, f"{spoken_number(whole)} and {_article(words)}" if whole else words)


def _vulgar(match: re.Match[str]) -> str:
    above, _, below = unicodedata.normalize("NFKC", match[3]).replace("⁄", "/").partition("/")
    words = fraction(int(above), int(below))
    return _signed(match[1], f"{spoken_number(match[2])} and {_article(words)}" if match[2] else words)


def _article(words: str) -> str:
    """`two and a half`, not `two and one half`."""
    return re.sub(r"^one (?=half|quarter|third)", "a ", words)


def _decade(first: int) -> str:
    words = year(first)
    return f"{words[:-1]}ies" if words.endswith("ty") else f"{words}s"
