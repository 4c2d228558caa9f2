"""Conversations as timelines: everything real but ears, voice and time."""

from __future__ import annotations

import asyncio
import dataclasses
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from assistant.config import Config, load_config
from assistant.daemon import Assistant
from assistant.errors import SpeechError
from assistant.events import (
    DueChanged,
    Failed,
    IntentRecognized,
    PartialTranscript,
    PlaybackFinished,
    PlaybackStarted,
    Reply,
    RingStarted,
    RingStopped,
    Routed,
    SpeechEnded,
    SpeechStarted,
    StateChanged,
    Transcript,
    TurnAmended,
    TurnEnded,
    TurnEvent,
    TurnStarted,
    WakeWordDetected,
)
from assistant.models import Models
from assistant.values import DueState, Outcome
from tests.fakes import FakeEngines
from tests.script import Played, Script
from tests.virtual_time import VirtualClock, VirtualTimeLoop


async def test_a_request_is_heard_answered_and_spoken(config: Config) -> None:
    script = Script()
    script.says(1.0, "set a timer for ten minutes")
    played = await script.play(config, until_s=15)
    assert played.outcomes == [Outcome.ANSWERED]
    assert "10 minutes" in played.replies[0] or "Ten minutes" in played.replies[0]
    assert played.heard_s > 0.5
    assert [item.duration_s for item in played.timers] == [600]


async def test_a_turn_tells_its_life_in_order(config: Config) -> None:
    script = Script()
    script.says(1.0, "what time is it")
    played = await script.play(config, until_s=15)
    kinds = [type(event) for event in played.of(TurnEvent)]
    assert kinds[:2] == [TurnStarted, WakeWordDetected]
    assert kinds[-1] is TurnEnded
    for earlier, later in [
        (SpeechEnded, Transcript),
        (Transcript, Routed),
        (Routed, PlaybackStarted),
        (PlaybackStarted, PlaybackFinished),
    ]:
        assert kinds.index(earlier) < kinds.index(later)
    states = [(event.old, event.new) for event in played.of(StateChanged) if isinstance(event, StateChanged)]
    assert [new for _, new in states] == ["listening", "processing", "responding", "idle"]
    assert all(states[index][1] == states[index + 1][0] for index in range(len(states) - 1))


@pytest.mark.parametrize(
    ("text", "setting", "rule"),
    [
        ("what time is it", "complete_silence_s", "complete"),
        ("who wrote the origin of species", "silence_s", "finished"),
        ("set a timer", "unclear_silence_s", "incomplete"),
        ("set a timer for", "unclear_silence_s", "wants-more"),
        (SpeechError("stt-failed", "the engine broke"), "silence_s", "no-guess"),
    ],
)
async def test_what_was_said_decides_how_long_the_silence_lasts(
    config: Config, text: str | SpeechError, setting: str, rule: str
) -> None:
    script = Script()
    script.says(1.0, text, length_s=2.0)
    played = await script.play(config, until_s=15)
    [ended] = [event for event in played.of(SpeechEnded) if isinstance(event, SpeechEnded)]
    silence_s = getattr(config.settings.endpoint, setting)
    assert played.at_s(SpeechEnded) == pytest.approx(1.0 + 0.4 + 2.0 + silence_s, abs=0.1)
    assert ended.reason in {rule, "silence"}


async def test_plain_silence_when_asked_for(config: Config) -> None:
    script = Script()
    script.says(1.0, "what time is it", length_s=2.0)
    played = await script.play(load_config(config.paths, ["endpoint.semantic=false"]), until_s=15)
    assert played.at_s(SpeechEnded) == pytest.approx(1.0 + 0.4 + 2.0 + config.settings.endpoint.silence_s, abs=0.1)
    assert not played.of(PartialTranscript)


async def test_speech_that_resumes_voids_the_guess_and_nothing_is_done_before_the_end(config: Config) -> None:
    script = Script()
    script.says(1.0, "set a timer for", length_s=1.0)
    script.says(2.9, "set a timer for ten minutes", length_s=1.0, wake=False)
    played = await script.play(config, until_s=15)
    assert played.outcomes == [Outcome.ANSWERED]
    assert [item.duration_s for item in played.timers] == [600]
    partial = [event.text for event in played.of(PartialTranscript) if isinstance(event, PartialTranscript)]
    assert partial[0] == "set a timer for"
    assert partial[-1] == "set a timer for ten minutes"
    kinds = [type(event) for _, event in played.events]
    assert kinds.index(DueChanged) > kinds.index(SpeechEnded)


async def test_the_reply_is_ready_when_the_silence_has_lasted(config: Config) -> None:
    engines = FakeEngines(config, Models(config.paths.models_dir))
    engines.synthesizer.takes_s = 0.5
    script = Script()
    script.says(8.0, "set a timer", length_s=2.0)
    played = await script.play(config, until_s=25, engines=engines)
    assert played.spoken[-1] == "For how long?"
    assert played.spoken.count("For how long?") == 1
    assert played.at_s(PlaybackStarted) - played.at_s(SpeechEnded) < 0.1


async def test_a_reply_made_ahead_for_a_turn_that_fails_is_given_up(config: Config) -> None:
    """No task is left behind: see conftest."""
    script = Script()
    script.says(1.0, "what time is it", length_s=1.0)
    script.says(2.5, SpeechError("stt-failed", "no"), length_s=1.0, wake=False)
    played = await script.play(config, until_s=10)
    assert played.outcomes == [Outcome.FAILED]
    assert len(played.spoken) >= 2, "the time was prepared, and an apology made"


async def test_a_reply_made_ahead_that_does_not_fit_is_not_said(config: Config) -> None:
    async def add(assistant: Assistant) -> None:
        await assistant.add_timer(60, "tea")

    script = Script()
    script.says(8.0, "are there any timers", length_s=2.0)
    script.does(8.0 + 0.4 + 2.0 + 0.12, add)
    played = await script.play(config, until_s=25)
    assert "tea" in played.replies[0]
    assert "no timers" in " ".join(played.spoken).lower(), "it was made ahead"
    assert played.heard_s > 0.5


async def test_wake_word_and_then_nothing_costs_the_no_speech_timeout_and_no_word(config: Config) -> None:
    script = Script()
    script.says(1.0, "")
    played = await script.play(config, until_s=20)
    assert played.outcomes == [Outcome.NOTHING_HEARD]
    assert not played.spoken[len(_rendered_ahead(played.spoken)) :]
    assert played.at_s(TurnEnded) < 1.5 + config.settings.endpoint.no_speech_timeout_s + 1.0


async def test_a_timer_rings_until_the_wake_word_and_then_listens(config: Config) -> None:
    script = Script()
    script.says(1.0, "set a timer for twenty seconds")
    script.says(40.0, "what time is it")
    played = await script.play(config, until_s=60)
    assert played.at_s(RingStopped) - played.at_s(RingStarted) == pytest.approx(40.0 + 0.3 - 24.5, abs=3.0)
    assert played.outcomes == [Outcome.ANSWERED, Outcome.ANSWERED]
    assert not played.timers


async def test_the_wake_word_interrupts_a_reply(config: Config) -> None:
    script = Script()
    script.says(1.0, "what can you do")
    script.says(6.0, "stop")
    played = await script.play(config, until_s=25)
    assert played.outcomes[0] is Outcome.INTERRUPTED
    assert played.interrupted >= 1
    assert len(played.outcomes) == 2


async def test_a_question_of_ours_is_answered_without_wake_word(config: Config) -> None:
    script = Script()
    script.says(1.0, "set a timer")
    script.says(9.0, "ten minutes", wake=False)
    played = await script.play(config, until_s=25)
    assert played.outcomes == [Outcome.ASKED_BACK, Outcome.ANSWERED]
    assert [item.duration_s for item in played.timers] == [600]


async def test_an_open_question_without_a_cloud_is_answered_truthfully(config: Config) -> None:
    script = Script()
    script.says(1.0, "who wrote the origin of species")
    played = await script.play(config, until_s=25)
    assert played.outcomes == [Outcome.OFFLINE]
    assert "no cloud model" in played.replies[0]


async def test_what_ended_while_off_is_told_once(config: Config) -> None:
    clock = VirtualClock()
    script = Script()
    script.says(1.0, "set a pasta timer for two minutes")
    first = await script.play(config, until_s=15, clock=clock)
    assert len(first.timers) == 1

    clock.boot_id = "boot-2"
    clock.shift_wall_s += 3600
    second = await Script().play(config, until_s=15, clock=clock)
    assert [text for text in second.spoken if "pasta" in text] == ["You missed your pasta timer."]
    third = await Script().play(config, until_s=15, clock=clock)
    assert not [text for text in third.spoken if "pasta" in text]


async def test_a_recogniser_that_fails_is_told_and_the_next_turn_works(config: Config) -> None:
    script = Script()
    script.says(1.0, SpeechError("stt-failed", "the engine broke"))
    script.says(12.0, "what time is it")
    played = await script.play(config, until_s=30)
    assert played.outcomes == [Outcome.FAILED, Outcome.ANSWERED]
    assert [event.code for event in played.of(Failed) if isinstance(event, Failed)] == ["stt-failed"]
    assert "something went wrong" in played.replies[0]


async def test_a_voice_that_fails_loses_no_action(config: Config) -> None:
    engines = FakeEngines(config, Models(config.paths.models_dir))
    engines.synthesizer.error = SpeechError("tts-failed", "the engine broke")
    script = Script()
    script.says(1.0, "set a timer for ten minutes")
    played = await script.play(config, until_s=15, engines=engines)
    assert len(played.timers) == 1
    assert played.timers[0].state is DueState.RUNNING
    assert "tts-failed" in [event.code for event in played.of(Failed) if isinstance(event, Failed)]


async def test_asking_by_text_while_somebody_speaks_disturbs_nobody(config: Config) -> None:
    replies: list[str] = []

    async def ask(assistant: Assistant) -> None:
        record = await assistant.ask(
            text="what is two plus two", audio=None, source="text", speak=False, on_audio=None, on_event=None
        )
        replies.append(record.reply)

    script = Script()
    script.says(1.0, "set a timer for ten minutes")
    script.does(1.7, ask)
    played = await script.play(config, until_s=15)
    assert "4" in replies[0] or "four" in replies[0].lower()
    assert played.outcomes.count(Outcome.ANSWERED) == 2


async def test_without_wake_words_the_voice_itself_begins_a_turn(config: Config) -> None:
    class Wordless(FakeEngines):
        async def load_wake(self) -> None:
            return None

    config = load_config(config.paths, ["wake.words=[]"])
    script = Script()
    script.says(1.0, "what time is it", wake=False)
    played = await script.play(config, until_s=15, engines=Wordless(config, Models(config.paths.models_dir)))
    assert played.outcomes == [Outcome.ANSWERED]
    assert not played.of(WakeWordDetected)


def _rendered_ahead(spoken: list[str]) -> list[str]:
    from assistant.dialog.phrases import FREQUENT

    return [text for text in spoken if text in FREQUENT]


def _standing_intents(played: Played) -> list[str]:
    """What each turn that was answered was in the end taken for."""
    intents = {
        event.turn_id: event.intent for event in played.of(IntentRecognized) if isinstance(event, IntentRecognized)
    }
    ended = [event for event in played.of(TurnEnded) if isinstance(event, TurnEnded)]
    return [intents[event.turn_id] for event in ended if event.outcome is Outcome.ANSWERED]


@settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    pieces=st.lists(
        st.tuples(
            st.sampled_from(["set a timer for ten minutes", "set a timer for", "cancel the timer", "what time is it"]),
            st.floats(0.3, 2.0),
            st.floats(0.2, 1.5),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_a_guess_alone_never_acts(config: Config, pieces: list[tuple[str, float, float]]) -> None:
    """However speech and pauses alternate, nothing changes while a turn is being heard."""
    script = Script()
    at_s = 1.0
    for index, (text, length_s, pause_s) in enumerate(pieces):
        script.says(at_s, text, length_s=length_s, wake=index == 0)
        at_s += length_s + pause_s + (0.4 if index == 0 else 0.0)
    fresh = dataclasses.replace(config.paths, state_dir=Path(tempfile.mkdtemp(dir=config.paths.config_file.parent)))
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        played = runner.run(script.play(dataclasses.replace(config, paths=fresh), until_s=at_s + 8.0))
    listening, since_s, routed = False, 0.0, 0
    for at_s, event in played.events:
        if isinstance(event, SpeechStarted | SpeechEnded | TurnAmended):
            listening, since_s, routed = not isinstance(event, SpeechEnded), at_s, 0
        routed += isinstance(event, Routed)
        assert not (listening and isinstance(event, Routed | Reply)), "decided on a guess"
        # An action that began right before the user went on comes to its end.
        assert not (listening and isinstance(event, DueChanged) and at_s > since_s + 0.05), "acted on a guess"
        assert routed <= 1
    if not any("cancel" in text for text, _, _ in pieces):
        assert len(played.timers) == sum(intent == "HassStartTimer" for intent in _standing_intents(played))


async def test_a_request_that_sounds_unfinished_gets_the_usual_silence(config: Config) -> None:
    engines = FakeEngines(config, Models(config.paths.models_dir))
    engines.judge.script = [0.05]
    script = Script()
    script.says(1.0, "what time is it", length_s=2.0)
    played = await script.play(config, until_s=15, engines=engines)
    assert played.at_s(SpeechEnded) == pytest.approx(1.0 + 0.4 + 2.0 + config.settings.endpoint.silence_s, abs=0.1)


async def test_who_goes_on_speaking_right_behind_the_end_means_the_whole(config: Config) -> None:
    script = Script()
    script.says(1.0, "set a timer for ten minutes", length_s=2.0)
    script.says(4.0, "set a timer for ten minutes and thirty seconds", length_s=1.0, wake=False)
    played = await script.play(config, until_s=15)
    assert len(played.of(TurnAmended)) == 1
    assert played.outcomes == [Outcome.ANSWERED]
    assert len(played.replies) == 1
    assert "30 seconds" in played.replies[0]
    assert [item.duration_s for item in played.timers] == [630]
    changes = [event.item for event in played.of(DueChanged) if isinstance(event, DueChanged)]
    assert [(item.duration_s, item.state) for item in changes] == [
        (600, DueState.RUNNING),
        (600, DueState.CANCELLED),
        (630, DueState.RUNNING),
    ]
    assert len(played.of(WakeWordDetected)) == 1


async def test_a_noise_right_behind_the_end_does_nothing_twice(config: Config) -> None:
    script = Script()
    script.says(1.0, "set a timer for ten minutes", length_s=2.0)
    script.says(4.0, "Set a timer for ten minutes.", length_s=0.3, wake=False)
    played = await script.play(config, until_s=15)
    assert len(played.of(TurnAmended)) == 1
    assert played.outcomes == [Outcome.ANSWERED]
    assert "10 minutes" in played.replies[0]
    assert len(played.of(DueChanged)) == 1
    assert [text for text in played.spoken if "10 minutes" in text] == ["10 minutes, starting now."] * 2


async def test_who_goes_on_twice_means_the_whole(config: Config) -> None:
    script = Script()
    script.says(1.0, "set a timer for ten minutes", length_s=2.0)
    script.says(4.0, "Set a timer for ten minutes.", length_s=0.3, wake=False)
    script.says(5.0, "set a timer for ten minutes never mind what time is it", length_s=0.5, wake=False)
    script.says(6.1, "what time is it", length_s=0.5, wake=False)
    played = await script.play(config, until_s=20)
    assert len(played.of(TurnAmended)) >= 2
    assert "3:0" in played.replies[-1]
    assert not played.timers


async def test_who_cancelled_too_much_gets_it_back(config: Config) -> None:
    script = Script()
    script.says(1.0, "set a pasta timer for ten minutes")
    script.says(7.0, "cancel the timer", length_s=1.0)
    script.says(9.0, "never mind", length_s=0.6, wake=False)
    played = await script.play(config, until_s=20)
    assert played.outcomes == [Outcome.ANSWERED] * 2
    assert [(item.name, item.duration_s) for item in played.timers] == [("pasta", 600)]


async def test_speech_later_than_that_is_not_meant_for_us(config: Config) -> None:
    script = Script()
    script.says(1.0, "set a timer for ten minutes", length_s=2.0)
    script.says(4.9, "and then she said", length_s=1.0, wake=False)
    played = await script.play(config, until_s=15)
    assert not played.of(TurnAmended)
    assert [item.duration_s for item in played.timers] == [600]


async def test_a_microphone_that_hears_the_reply_amends_nothing(config: Config) -> None:
    script = Script()
    script.says(1.0, "set a timer for ten minutes", length_s=2.0)
    script.says(4.0, "ten minutes starting now", length_s=1.0, wake=False)
    played = await script.play(config, until_s=15, echo_free=False)
    assert not played.of(TurnAmended)
    assert [item.duration_s for item in played.timers] == [600]


async def test_the_wake_word_right_behind_the_end_begins_a_new_request(config: Config) -> None:
    script = Script()
    script.says(1.0, "set a timer for ten minutes", length_s=2.0)
    script.says(3.8, "", wake=True)
    script.says(4.25, "stop", length_s=0.5, wake=False)
    played = await script.play(config, until_s=20)
    assert len(played.of(TurnStarted)) == 2
    assert played.outcomes == [Outcome.INTERRUPTED, Outcome.ANSWERED]
    assert "10 minutes" in played.replies[0]
    assert [item.duration_s for item in played.timers] == [600]


async def test_a_microphone_that_falls_silent_behind_a_request_keeps_nobody_waiting(config: Config) -> None:
    script = Script()
    script.says(1.0, "stop", length_s=2.0)
    played = await script.play(config, until_s=15, deaf_from_s=3.8)
    assert played.at_s(SpeechEnded) < 3.8
    assert played.outcomes == [Outcome.ANSWERED]
    assert played.at_s(TurnEnded) < 3.8 + 2.0


async def test_a_correction_takes_back_what_was_done(config: Config) -> None:
    script = Script()
    script.says(1.0, "set a timer for ten minutes")
    script.says(12.0, "no, fifteen")
    played = await script.play(config, until_s=25)
    assert played.outcomes == [Outcome.ANSWERED, Outcome.ANSWERED]
    assert [item.duration_s for item in played.timers] == [900]
    assert "15 minutes" in played.replies[1]


async def test_several_commands_in_one_utterance_are_all_done(config: Config) -> None:
    script = Script()
    script.says(1.0, "set a tea timer for three minutes and a pasta timer for ten minutes, then tell me the time")
    script.says(25.0, "no, fifteen")
    played = await script.play(config, until_s=45)
    assert played.outcomes[0] is Outcome.ANSWERED
    assert [(item.name, item.duration_s) for item in played.timers] == [("tea", 180), ("pasta", 600)]
    assert all(word in played.replies[0] for word in ("Tea", "Pasta", "PM"))


async def test_of_several_commands_those_that_can_be_done_are_done(config: Config) -> None:
    script = Script()
    script.says(1.0, "cancel the tea timer and set a timer for ten minutes")
    script.says(15.0, "set a timer and tell me the time and set a pasta timer for two minutes")
    played = await script.play(config, until_s=40)
    assert played.outcomes[0] is Outcome.FAILED
    assert "10 minutes" in played.replies[0]
    assert played.outcomes[1] is Outcome.ASKED_BACK
    assert "Pasta" in played.replies[1]
    assert "PM" in played.replies[1]
    assert played.replies[1].endswith("?")
    assert sorted(item.duration_s for item in played.timers) == [120, 600]


async def test_what_was_done_long_ago_is_not_corrected(config: Config) -> None:
    script = Script()
    script.says(1.0, "set a timer for ten minutes")
    script.says(60.0, "no, fifteen")
    played = await script.play(config, until_s=75)
    assert [item.duration_s for item in played.timers] == [600]


async def test_a_correction_counts_only_right_behind(config: Config) -> None:
    script = Script()
    script.says(1.0, "set a timer for ten minutes")
    script.says(12.0, "what time is it")
    script.says(24.0, "no, fifteen")
    played = await script.play(config, until_s=36)
    assert [item.duration_s for item in played.timers] == [600]


async def test_in_brief_mode_a_sound_says_that_it_is_done_and_words_say_the_rest(config: Config) -> None:
    brief = load_config(config.paths, ["skills.brief=true"])
    script = Script()
    script.says(1.0, "turn on the hall lamp")
    script.says(8.0, "is the hall lamp on")
    played = await script.play(brief, until_s=15)
    assert played.replies == ["Hall lamp on.", "Yes, the hall lamp is on."]
    lengths_s = [event.played_s for event in played.of(PlaybackFinished) if isinstance(event, PlaybackFinished)]
    assert lengths_s[0] == pytest.approx(0.18, abs=0.05)
    assert lengths_s[1] > 0.5


async def test_an_alarm_that_the_wake_word_silenced_is_snoozed(config: Config) -> None:
    script = Script()
    script.says(1.0, "set an alarm in one minute")
    script.says(70.0, "snooze for two minutes")
    played = await script.play(config, until_s=200)
    assert played.replies[1] == "2 minutes more."
    rings = [at_s for at_s, event in played.events if isinstance(event, RingStarted)]
    assert len(rings) == 2
    assert rings[1] - rings[0] == pytest.approx(130, abs=10)


async def test_a_reminder_is_spoken_once(config: Config) -> None:
    script = Script()
    script.says(1.0, "remind me in one minute to check the oven")
    played = await script.play(config, until_s=400)
    assert played.spoken.count("Reminder: check the oven.") == 1
    assert [event.kind for event in played.of(RingStarted) if isinstance(event, RingStarted)] == ["reminder"]


async def test_what_is_for_later_is_done_in_silence_and_what_cannot_be_is_spoken(config: Config) -> None:
    script = Script()
    script.says(1.0, "turn on the hall lamp in one minute")
    script.says(10.0, "pause the music in two minutes")
    played = await script.play(config, until_s=200)
    turns = [event for event in played.of(TurnStarted) if isinstance(event, TurnStarted)]
    assert [event.source for event in turns] == ["voice", "voice", "schedule", "schedule"]
    assert [text for text in played.spoken if "time to" in text] == [
        "It was time to pause the music. Nothing is playing."
    ]
    assert [event.kind for event in played.of(RingStarted) if isinstance(event, RingStarted)] == ["command", "command"]
