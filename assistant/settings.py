"""The typed sections of the configuration, and nothing else. Their default values are in `defaults.toml`."""

from __future__ import annotations

import difflib
import re
import zoneinfo
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, StringConstraints, field_validator

from assistant.keys import key_code

Unit = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]
HostPort = Annotated[str, StringConstraints(pattern=r"^$|^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}$")]


def _two_times_of_day_each(value: tuple[str, ...]) -> tuple[str, ...]:
    for span in value:
        times = span.split("-")
        if len(times) != 2 or not all(re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", each) for each in times):
            raise ValueError(f"{span!r} must be two times of day, like 22:00-07:00")
    return value


def _known_key(value: str) -> str:
    key_code(value)
    return value


class Section(BaseModel):
    """Base of all sections: unknown keys are errors, values don't change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class AudioConfig(Section):
    input: str
    output: str
    preroll_s: Annotated[float, Field(ge=0, le=3)]
    volume: Annotated[int, Field(ge=0, le=100)]
    duck_db: Annotated[float, Field(ge=0, le=60)]
    echo_free: bool


class WakeConfig(Section):
    words: tuple[str, ...]
    cutoff: Unit
    refractory_s: Annotated[float, Field(ge=0, le=60)]
    names: tuple[str, ...]
    chime: bool


class VadConfig(Section):
    engine: Literal["silero", "webrtcvad"]
    threshold: Unit
    aggressiveness: Annotated[int, Field(ge=0, le=3)]


class EndpointConfig(Section):
    semantic: bool
    complete_silence_s: Annotated[float, Field(ge=0.1, le=5)]
    silence_s: Annotated[float, Field(ge=0.1, le=5)]
    unclear_silence_s: Annotated[float, Field(ge=0.1, le=5)]
    speculate_silence_s: Annotated[float, Field(ge=0.04, le=5)]
    partial_every_s: Annotated[float, Field(ge=0, le=60)]
    command_timeout_s: Annotated[float, Field(ge=1, le=120)]
    no_speech_timeout_s: Annotated[float, Field(ge=0.5, le=60)]
    min_speech_s: Annotated[float, Field(ge=0, le=2)]


class SttConfig(Section):
    model: str
    engine: Literal["fast", "full"]
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]
    compute_type: Literal["int8", "int8_float32", "int8_float16", "int8_bfloat16", "int16", "float16", "float32"]
    threads: Annotated[int, Field(ge=0, le=64)]
    timeout_s: Seconds


class TtsConfig(Section):
    voice: str
    speed: Annotated[float, Field(ge=0.5, le=2)]
    cache_mb: Annotated[int, Field(ge=0, le=10_000)]
    timeout_s: Seconds


class NluConfig(Section):
    reject_threshold: Unit


class LlmConfig(Section):
    model: str
    context_tokens: Annotated[int, Field(ge=512, le=131_072)]
    max_tokens: Annotated[int, Field(ge=16, le=2048)]
    threads: Annotated[int, Field(ge=0, le=64)]
    memory_mb: Annotated[int, Field(ge=64, le=1_000_000)]
    timeout_s: Seconds


class RouterConfig(Section):
    threshold: Unit
    fallback_threshold: Unit


class CloudConfig(Section):
    address: HostPort
    ca_file: str
    token: SecretStr
    token_file: str
    patience_s: Seconds
    first_token_timeout_s: Seconds
    next_token_timeout_s: Seconds
    hedge: bool
    answer_timeout_s: Seconds
    probe_interval_s: Seconds
    probe_max_interval_s: Seconds
    probe_timeout_s: Seconds
    context_turns: Annotated[int, Field(ge=0, le=32)]
    sync: bool
    sync_interval_s: Seconds


class PrivacyConfig(Section):
    private: bool
    schedule: tuple[str, ...]
    redact: tuple[Annotated[str, StringConstraints(min_length=1, max_length=200)], ...]
    names: tuple[Annotated[str, StringConstraints(min_length=1, max_length=60)], ...]

    @field_validator("redact")
    @classmethod
    def _patterns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for rule in value:
            try:
                if re.search(rule, ""):
                    raise ValueError(f"{rule!r} fits nothing at all; say what it is to find")
            except re.error as exc:
                raise ValueError(f'{rule!r} is neither "names" nor "numbers" nor a regular expression: {exc}') from exc
        return value

    _two_times_each = field_validator("schedule")(_two_times_of_day_each)


class CalibrationConfig(Section):
    enabled: bool
    sample_share: Unit


class LocaleConfig(Section):
    language: Literal["en"]
    time_zone: str
    hour_format: Literal[12, 24]
    units: Literal["metric", "imperial"]
    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value and value not in zoneinfo.available_timezones():
            close = difflib.get_close_matches(value, zoneinfo.available_timezones(), n=1)
            raise ValueError(f"unknown time zone {value!r}" + (f"; did you mean {close[0]!r}?" if close else ""))
        return value


class DeviceConfig(Section):
    """One device of the built-in home."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=60)]
    kind: Literal[
        "light", "switch", "outlet", "fan", "media_player", "cover", "blind", "garage", "lock", "climate", "vacuum"
    ]
    area: str = ""
    floor: str = ""
    aliases: tuple[str, ...] = ()


class HomeConfig(Section):
    url: Annotated[str, StringConstraints(pattern=r"^$|^https?://\S+$")]
    token: SecretStr
    token_file: str
    area: str
    confirm_over: Annotated[int, Field(ge=0)]
    weather_url: Annotated[str, StringConstraints(pattern=r"^$|^https?://\S+$")]
    weather_entity: Annotated[str, StringConstraints(pattern=r"^$|^weather\.\w+$")]
    devices: tuple[DeviceConfig, ...]


class StationConfig(Section):
    """One radio station."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=60)]
    url: Annotated[str, StringConstraints(pattern=r"^https?://\S+$")]


class MediaConfig(Section):
    stations: tuple[StationConfig, ...]
    folders: tuple[str, ...]


class SkillsConfig(Section):
    ring_timeout_s: Seconds
    alarm_fade_in_s: Annotated[float, Field(ge=0, le=600, allow_inf_nan=False)]
    brief: bool
    timeout_s: Seconds
    quiet_hours: tuple[str, ...]
    disabled: tuple[str, ...]

    _two_times_each = field_validator("quiet_hours")(_two_times_of_day_each)


KeyName = Annotated[str, AfterValidator(_known_key)]


class PanelConfig(Section):
    buttons: dict[KeyName, Literal["private", "mute", "talk", "stop", "volume-up", "volume-down"]]
    device: str
    leds: dict[
        Literal["private", "muted", "listening", "offline", "ringing"],
        Annotated[str, StringConstraints(pattern=r"^[^/.][^/]*$")],
    ]


class StoreConfig(Section):
    history_days: Annotated[int, Field(ge=0, le=36_500)]


class ControlConfig(Section):
    socket: str


class UpstreamConfig(Section):
    """One language model server behind the gateway; what is left out is as the section says."""

    url: str
    model: str = ""
    api_key_file: str = ""
    context_tokens: Annotated[int, Field(ge=0, le=10_000_000)] = 0


class GatewayConfig(Section):
    listen: HostPort
    cert_file: str
    key_file: str
    tokens: Literal["auto", "required"]
    requests_per_minute: Annotated[int, Field(ge=0, le=100_000)]
    tokens_per_day: Annotated[int, Field(ge=0, le=10**12)]
    max_per_device: Annotated[int, Field(ge=1, le=1000)]
    upstream: tuple[UpstreamConfig, ...]
    api_key: SecretStr
    api_key_file: str
    model: str
    context_tokens: Annotated[int, Field(ge=0, le=10_000_000)]
    max_concurrent: Annotated[int, Field(ge=1, le=10_000)]
    max_queued: Annotated[int, Field(ge=0, le=100_000)]
    max_tokens: Annotated[int, Field(ge=1, le=8192)]
    local_model: str
    local_context_tokens: Annotated[int, Field(ge=256, le=131_072)]
    upstream_timeout_s: Seconds
    failover_s: Seconds
    drain_s: Seconds
    metrics_listen: HostPort
    database_url: str
    database_password: SecretStr
    database_password_file: str
    history_days: Annotated[int, Field(ge=0, le=36_500)]

    @field_validator("upstream", mode="before")
    @classmethod
    def _urls_are_upstreams(cls, value: object) -> object:
        """One URL, several with commas between them, or a list of URLs and tables."""
        if isinstance(value, str):
            value = [part.strip() for part in value.split(",") if part.strip()]
        return (
            [{"url": item} if isinstance(item, str) else item for item in value] if isinstance(value, list) else value
        )


class LogConfig(Section):
    level: Literal["debug", "info", "warning", "error"]
    format: Literal["auto", "text", "json"]


class Settings(Section):
    """The whole configuration."""

    audio: AudioConfig
    wake: WakeConfig
    vad: VadConfig
    endpoint: EndpointConfig
    stt: SttConfig
    tts: TtsConfig
    nlu: NluConfig
    llm: LlmConfig
    router: RouterConfig
    cloud: CloudConfig
    privacy: PrivacyConfig
    calibration: CalibrationConfig
    locale: LocaleConfig
    home: HomeConfig
    media: MediaConfig
    skills: SkillsConfig
    panel: PanelConfig
    store: StoreConfig
    control: ControlConfig
    gateway: GatewayConfig
    log: LogConfig
