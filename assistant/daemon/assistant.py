"""A running assistant: every part, built and joined."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import datetime, tzinfo

from assistant import __version__
from assistant.audio import tones
from assistant.audio.format import Chunk
from assistant.config import Config
from assistant.control.ports import StatusReport
from assistant.daemon.announcer import announce_reminders
from assistant.daemon.background import Background
from assistant.daemon.commands import confirmed, do_commands
from assistant.daemon.deferred import offer_for, start_deferred
from assistant.daemon.devices import device_sound
from assistant.daemon.ears import make_attention
from assistant.daemon.engines import Engines, LazySynthesizer, LazyTranscriber
from assistant.daemon.first_words import say_first_words
from assistant.daemon.household import Household
from assistant.daemon.housekeeping import log_events, tidy_memory
from assistant.daemon.judgement import make_open_questions, router_policy
from assistant.daemon.ledger import Books
from assistant.daemon.link import start_link
from assistant.daemon.local_model import start_local_model
from assistant.daemon.local_zone import LocalZone, zone_finder
from assistant.daemon.panel import start_panel
from assistant.daemon.ringer import ring_on_events
from assistant.daemon.silencer import Silencer
from assistant.daemon.sound import Sound, SoundMaker
from assistant.daemon.sync import History
from assistant.dialog import phrases
from assistant.dialog.answer import Answerer
from assistant.dialog.context import MAX_TURNS, Context
from assistant.dialog.followup import Before, Understand, understand_turn
from assistant.dialog.speak import REPLY_PRIORITY, Speaker
from assistant.dialog.turn import TurnRunner
from assistant.dialog.turn_state import TurnRequest
from assistant.due.scheduler import Scheduler
from assistant.errors import AudioError, BusyError, ControlError
from assistant.events import Event, EventBus, Failed, StateChanged, TurnEvent
from assistant.executor import BoundedExecutor
from assistant.models import Models
from assistant.nlu.understand import Known
from assistant.nlu.understanding import Understanding
from assistant.process import share_one_heap, single_instance, trim_memory
from assistant.records import Departure, Route
from assistant.skills import list_steering
from assistant.skills.base import SkillContext
from assistant.store.database import Database
from assistant.store.due import SqliteDueStore
from assistant.values import Clock, DueItem, KnownDevice, NamedList, PastTurn, State, SystemClock, TurnRecord

MAX_ASKS = 16
"""Turns under way at once; more are refused."""


@contextlib.asynccontextmanager
async def open_assistant(  # noqa: PLR0913 - what a test replaces, by keyword
    config: Config,
    sound: SoundMaker | None = None,
    *,
    audio_devices: bool = False,
    clock: Clock | None = None,
    engines: Engines | None = None,
    zone: Callable[[], tzinfo] | None = None,
) -> AsyncIterator[Assistant]:
    """A running assistant that holds its state directory's lock.

    Without `sound` it hears nobody and is asked by text and file; with `audio_devices` it speaks all the same.
    `clock`, `engines` and `zone` (which finds the time zone in force) replace the system's clock, the real engines and
    the configured or the machine's zone.

    Raises:
        EdgewiseError: `already-running`, `state-unwritable`, StoreError, ConfigError.
    """
    share_one_heap()
    with single_instance(config.paths.lock_file):
        if sound is None and audio_devices:
            sound = functools.partial(device_sound, config.settings.audio, microphone=False)
        models = Models(config.paths.models_dir, config.paths.user_manifest)
        zone = zone or zone_finder(config.settings.locale.time_zone)
        assistant = Assistant(config, clock or SystemClock(), engines or Engines(config, models), LocalZone(zone))
        async with AsyncExitStack() as stack:
            await assistant.start(stack, sound)
            yield assistant


class Assistant:
    """`control.ports.ControlTarget`. Built and started by `open_assistant`."""

    def __init__(self, config: Config, clock: Clock, engines: Engines, zone: LocalZone) -> None:
        self._config = config
        self._settings = config.settings
        self._clock = clock
        self._began_s = clock.steady_s()
        self._zone = zone
        self._context = Context()
        self._state = State.IDLE
        self._sound = Sound()
        self._problems: list[str] = []
        self._asks = 0
        self._thinking = BoundedExecutor("understanding", max_pending=MAX_ASKS)
        self.bus = EventBus()
        self.engines = engines

    async def start(self, stack: AsyncExitStack, sound: SoundMaker | None) -> None:
        """Start every part in order; `stack` stops them in reverse."""
        stack.callback(self.bus.close)
        stack.callback(self._thinking.close)
        self._background = Background(stack, self.bus.publish)
        self._background.run("event log", lambda: log_events(self.bus))
        self._background.run("tidy memory", lambda: tidy_memory(self.bus, self._thinking))
        database = await Database.open(self._config.paths.database)
        stack.push_async_callback(database.close)
        if database.set_aside:
            self._problems.append(f"The database was damaged; it is kept at {database.set_aside}.")
        self.history = History(self._settings, database, self._clock, self._context.forget)
        turns = self.history.turns
        self.books = Books(self._settings, database, turns, self._clock, self.bus, lambda: self.household.private)
        self.books.start(stack, self._background)
        self._context.restore(await turns.recent(MAX_TURNS))
        await self._start_due(stack, SqliteDueStore(database), sound)
        leave, mixer = self.books.egress.leave, self._sound.mixer
        self.household = Household(self._settings, self._clock, self._zone, self.bus.publish, leave=leave, mixer=mixer)
        stack.push_async_callback(self.household.music.close)
        await self.household.start(database, self._set_level)
        for name, part in self.household.parts.items():
            self._background.run(name, part)
        self._link, self._cloud = start_link(
            self._settings.cloud, self.bus, self._clock.steady_s, self._background, stack
        )
        self.history.connect(self._cloud, lambda: self.household.private.on, self.bus, self._background)
        self._local_model = start_local_model(self._config, self._background)
        await self._start_deferred(database, stack)
        stack.push_async_callback(self._finish)
        self.books.compare(self._cloud, self._context, self._background)
        self._speaker = self._build_speaker()
        self._runner = self._build_runner(self._context, self._understand, self._news)
        unasked = self._build_runner(Context(), self._understand_command, lambda: "")
        self._background.run("commands", lambda: do_commands(self._commands, self.due, unasked, self.say))
        self._silencer = Silencer(self._runner, self.due, self.household.music, self._background.later)
        stop = self._silencer.stop_everything
        self._panel = start_panel(self._settings, self, self._background, stack, stop=stop)
        if sound:
            await self._start_sound()

    async def _start_due(
        self,
        stack: AsyncExitStack,
        store: SqliteDueStore,
        sound: SoundMaker | None,
    ) -> None:
        """Due things, and first of all what makes them heard."""
        if sound:
            self._sound = await sound(self.bus.publish)
        mixer = self._sound.mixer
        if mixer:
            stack.push_async_callback(mixer.close)
            if self._sound.pump:
                self._background.run("speaker", self._sound.pump)
            events = stack.enter_context(self.bus.subscribe(1024))
            fade_in_s = self._settings.skills.alarm_fade_in_s
            ringer = functools.partial(ring_on_events, events, mixer, tones.ring(), alarm_fade_in_s=fade_in_s)
            self._background.run("ringer", ringer)
        self.due = Scheduler(
            store,
            self._clock,
            self.bus.publish,
            ring_timeout_s=self._settings.skills.ring_timeout_s,
            zone=self._zone.look,
        )
        reminders = stack.enter_context(self.bus.subscribe(1024))
        self._background.run("reminders", lambda: announce_reminders(reminders, self.due, self.say, phrases.reminder))
        self._commands = stack.enter_context(self.bus.subscribe(1024))
        await self.due.start()
        stack.push_async_callback(self.due.stop)

    def _set_level(self, level: int) -> None:
        if self._sound.mixer:
            self._sound.mixer.volume = level

    async def _start_deferred(self, database: Database, stack: AsyncExitStack) -> None:
        self.deferred = await start_deferred(
            self._settings,
            database=database,
            cloud=self._cloud,
            egress=self.books.egress,
            private=self.household.private,
            audible=lambda: not self._no_speaker(),
            say=self.say,
            idle=self._until_idle,
            clock=self._clock,
            zone=self._zone,
            bus=self.bus,
            skills=self.engines.skills,
            history=self.history,
            context=self._context,
            background=self._background,
            stack=stack,
        )

    def _build_speaker(self) -> Speaker:
        self._voice = LazySynthesizer(self.engines.tts)
        earcon = tones.done() if self._settings.skills.brief else None
        return Speaker(self._voice, self._sound.mixer, self.bus.publish, earcon=earcon)

    def _build_runner(self, context: Context, understand: Understand, news: Callable[[], str]) -> TurnRunner:
        settings = self._settings
        answerer = Answerer(
            skills=self.engines.skills,
            skill_context=self._skill_context,
            rehearsal=self._rehearsal,
            news=news,
            private=self.household.private,
            open_questions=make_open_questions(settings, self._cloud, self._local_model, self.books, self.bus),
            publish=self.bus.publish,
            skill_timeout_s=settings.skills.timeout_s,
            defer=offer_for if settings.cloud.address else lambda _: None,
        )
        return TurnRunner(
            transcriber=LazyTranscriber(self.engines.stt),
            finished=self.engines.finished,
            understand=understand,
            answerer=answerer,
            speaker=self._speaker,
            policy=router_policy(settings),
            context=context,
            context_turns=settings.cloud.context_turns,
            store=self.books,
            ledger=self.books.ledger,
            clock=self._clock,
            publish=self.bus.publish,
            set_state=self._set_state,
        )

    async def _start_sound(self) -> None:
        """Load the engines that sound needs, and begin to listen."""
        self.engines.nlu.begin()
        self.engines.tts.begin()
        source = self._sound.source
        if self._sound.mixer and source:  # one that only answers once has nothing to say of its own
            self._background.run("first words", self._say_first_words)
        if source is None:
            return
        self.engines.stt.begin()
        settings = self._settings
        if settings.endpoint.semantic:
            self.engines.turn_end.begin()
        attention = await make_attention(
            settings,
            self.engines,
            self._sound,
            self._runner,
            hearing=self.household.hearing,
            hush=self.hush,
            publish=self.bus.publish,
            set_state=self._set_state,
        )
        self._background.run("ears", attention.run)

    async def _say_first_words(self) -> None:
        say = None if self._no_speaker() else self.say
        await say_first_words(self.engines, self.due, say=say, idle=self._until_idle)
        await self._thinking.run(trim_memory)

    async def _until_idle(self) -> None:
        with self.bus.subscribe(64) as events:
            while self._state is not State.IDLE:
                await anext(events)

    def status(self) -> StatusReport:
        """The state of things now."""
        return StatusReport(
            state=self._state,
            version=__version__,
            uptime_s=self._clock.steady_s() - self._began_s,
            models=(*self.engines.loaded(), *(self._local_model.loaded() if self._local_model else ())),
            microphone=self._sound.microphone(),
            speaker=self._sound.speaker(),
            link_up=self._link.up,
            link_reason=self._link.reason,
            active_timers=len(self.due.active()),
            problems=(
                *self._problems,
                *self.household.problems,
                *self.history.problems,
                *self.engines.problems(),
                *self._panel.problems,
                *(self._local_model.problems() if self._local_model else ()),
                *self._background.problems.values(),
            ),
        )

    async def ask(  # noqa: PLR0913 - the port's signature
        self,
        *,
        text: str | None,
        audio: Chunk | None,
        source: str,
        speak: bool,
        on_audio: Callable[[Chunk], None] | None,
        on_event: Callable[[Event], None] | None,
    ) -> TurnRecord:
        """Run one whole turn from text or from sound; see `control.ports.ControlTarget`."""
        if self._asks >= MAX_ASKS:
            raise BusyError("the assistant")
        request = TurnRequest(
            source=source,
            text=text or "",
            audio=audio,
            aloud=speak and not self._no_speaker(),
            on_audio=on_audio,
        )
        self._asks += 1
        try:
            with self.bus.watch(lambda event: _tell(event, request.id, on_event)):
                return await self._runner.run(request)
        finally:
            self._asks -= 1
            if request.aloud:
                self._set_state(State.IDLE)

    async def say(self, text: str) -> None:
        """Speak a text; returns when it was spoken."""
        if problem := self._no_speaker():
            hint = "`assistant say TEXT --out FILE.wav` writes the sound instead."
            raise AudioError("no-speaker", f"nothing can be said aloud: {problem}", hint=hint)
        await self._speaker.announce(text)

    def synthesize(self, text: str) -> AsyncIterator[Chunk]:
        """A text's sound, played nowhere."""
        return self._voice.synthesize(text)

    def timers(self) -> Sequence[tuple[DueItem, float]]:
        """Active timers with the seconds each has left, the next one first."""
        return self.due_items("timer")

    def due_items(self, kind: str) -> Sequence[tuple[DueItem, float]]:
        """The same of one kind."""
        return [(item, self.due.remaining_s(item)) for item in self.due.active(kind)]

    async def add_timer(self, duration_s: float, name: str) -> DueItem:
        """Start a timer."""
        return await self.due.add(duration_s=duration_s, name=name)

    async def change_timer(self, item_id: str, change: str) -> DueItem:
        """`cancel`, `pause` or `resume` a timer; `cancel` also an alarm or a reminder."""
        match change:
            case "cancel":
                return await self.due.cancel(item_id)
            case "pause":
                return await self.due.pause(item_id)
            case "resume":
                return await self.due.resume(item_id)
        raise ControlError("change-unknown", f"timers know no {change!r}", hint="Use cancel, pause or resume.")

    async def devices(self) -> Sequence[KnownDevice]:
        """Every device of the home that is known."""
        return await self.household.devices()

    def lists(self) -> Sequence[NamedList]:
        """Every list, the oldest first."""
        return list_steering.named_lists(self._skill_context().lists)

    async def change_list(self, name: str, change: str, items: Sequence[str]) -> NamedList:
        """`add` items to a list, or `remove` them; see `skills.list_steering`."""
        return await list_steering.change_list(self._skill_context().lists, name, change, items)

    async def routes(self, *, before: int, limit: int) -> Sequence[Route]:
        """A page of the ledger, the newest first."""
        return await self.books.routes(before=before, limit=limit)

    async def departures(self, *, before: int, since_wall_s: float, limit: int) -> Sequence[Departure]:
        """A page of what left the device, the newest first."""
        return await self.books.departures(before=before, since_wall_s=since_wall_s, limit=limit)

    async def past_turns(self, limit: int, device: str) -> Sequence[PastTurn]:
        """The newest turns of the history."""
        return await self.history.newest(limit, device)

    async def forget_turn(self, turn_id: str) -> int:
        """Forget a turn; see `daemon.sync`."""
        return await self.history.forget(turn_id)

    async def forget_between(self, since_s: float | None, before_s: float | None) -> int:
        """Forget turns by when they began."""
        return await self.history.forget_between(since_s, before_s)

    def hush(self) -> bool:
        """Silence rings and the reply being spoken; True when there was something to silence."""
        return self._silencer.hush()

    def end_after_sentence(self) -> bool:
        """Have the replies that are spoken end after their sentence; True when something is being said."""
        self._silencer.finish_sentences()
        return self._speaker.busy

    def _news(self) -> str:
        """What the user must be told before anything else: what nobody heard. Empty for nothing."""
        missed, late = self.due.missed(), self.deferred.news(self._background.later)
        if not missed:
            return late
        self._background.later(self.due.told([item.id for item in missed]))
        return f"{phrases.missed([(item.kind, item.name) for item in missed])} {late}".strip()

    def _no_speaker(self) -> str:
        """Why nothing said aloud would be heard; empty when it would be."""
        return self._sound.speaker().problem or ("" if self._speaker.audible else "not used")

    def _skill_context(self) -> SkillContext:
        return self.household.context(
            self.due, self._context, hush=self._silencer.stop_everything, work=self._thinking.run
        )

    def _rehearsal(self) -> SkillContext:
        """A context on which a skill can be tried out: nothing that it does happens."""
        return self.household.rehearsal(self._skill_context(), self.due, hush=lambda: self._silencer.anything_sounds)

    async def _understand(self, text: str, before: Before) -> Understanding:
        understander = await self.engines.nlu.get()
        timers = tuple(item.name for item in self.due.active() if item.name)
        self.engines.known = Known(timers, await self.household.known_home())
        now = datetime.fromtimestamp(self._clock.wall_s(), self._zone)
        return await self._thinking.run(lambda: understand_turn(understander, text, before, now=now))

    async def _understand_command(self, text: str, _: Before) -> Understanding:
        return confirmed(await self._understand(text, Before()))

    async def _finish(self) -> None:
        await self._background.finish()
        await self.engines.stop()

    def _set_state(self, state: State) -> None:
        if state is not self._state:
            old, self._state = self._state, state
            if self._sound.mixer:
                self._sound.mixer.floor = 0 if state is State.IDLE else REPLY_PRIORITY
            self.bus.publish(StateChanged(old=old, new=state))


def _tell(event: Event, turn_id: str, on_event: Callable[[Event], None] | None) -> None:
    if on_event and isinstance(event, TurnEvent | Failed) and event.turn_id == turn_id:
        on_event(event)
