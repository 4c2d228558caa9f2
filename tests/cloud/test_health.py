"""The link's state, pure and in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from assistant.backoff import Backoff
from assistant.cloud.health import KEEPS_LINK, HealthMonitor, Link, LinkState
from assistant.errors import CloudError
from assistant.events import LinkChanged

INTERVAL_S = 30.0
TIMEOUT_S = 3.0


LONGEST_S = 300.0


def state(*, configured: bool = True) -> LinkState:
    return LinkState(configured=configured, interval_s=INTERVAL_S, now_s=100.0, backoff=Backoff(INTERVAL_S, LONGEST_S))


def test_unknown_counts_as_up_and_is_probed_at_once() -> None:
    fresh = state()
    assert (fresh.up, fresh.reason, fresh.next_probe_s) == (True, "unknown", 100.0)


def test_no_address_is_down_and_never_probed() -> None:
    none = state(configured=False)
    assert (none.up, none.reason, none.next_probe_s) == (False, "not-configured", None)
    assert not none.succeeded(101.0)
    assert not none.call_failed("cloud-timeout", 102.0)
    assert not none.probe_failed("cloud-timeout", 103.0)
    assert (none.up, none.reason, none.next_probe_s) == (False, "not-configured", None)


def test_first_knowledge_and_every_turn_are_changes_and_repetitions_are_not() -> None:
    link = state()
    assert link.succeeded(100.0)
    assert not link.succeeded(110.0)
    assert link.call_failed("cloud-timeout", 120.0)
    assert not link.probe_failed("cloud-unreachable", 130.0)
    assert link.reason == "cloud-unreachable"
    assert link.succeeded(140.0)
    assert (link.up, link.reason) == (True, "reached")


def test_first_failure_is_a_change() -> None:
    link = state()
    assert link.probe_failed("cloud-unreachable", 100.2)
    assert not link.up


@pytest.mark.parametrize("fails", [True, False])
def test_the_next_probe_is_one_interval_after_the_newest_outcome(fails: bool) -> None:
    link = state()
    if fails:
        link.probe_failed("cloud-timeout", 117.0)
    else:
        link.succeeded(117.0)
    assert link.next_probe_s == 147.0


def test_behind_a_failed_call_a_probe_is_due_at_once() -> None:
    link = state()
    link.call_failed("cloud-timeout", 117.0)
    assert link.next_probe_s == 117.0


def test_pauses_between_probes_that_fail_double_up_to_the_longest_and_begin_short_again() -> None:
    link, now_s, pauses = state(), 100.0, []
    for _ in range(6):
        link.probe_failed("cloud-unreachable", now_s)
        assert link.next_probe_s is not None
        pauses.append(link.next_probe_s - now_s)
        now_s = link.next_probe_s
    assert pauses == [30, 60, 120, 240, 300, 300]
    link.succeeded(now_s)
    link.probe_failed("cloud-unreachable", now_s)
    assert link.next_probe_s == now_s + 30


@pytest.mark.parametrize(
    ("happens", "changes", "up", "reason", "next_probe_s"),
    [
        (lambda link: link.network_lost(200.0), True, False, "network-down", 200.0),
        (lambda link: link.network_found(200.0), None, True, "reached", 200.0),
        (lambda link: link.asked(200.0), None, True, "reached", 210.0),
        (lambda link: (link.network_lost(190.0), link.network_lost(200.0))[1], False, False, "network-down", 200.0),
        (lambda link: (link.network_lost(190.0), link.network_found(200.0))[1], None, False, "network-down", 200.0),
        (lambda link: (link.network_lost(190.0), link.succeeded(200.0))[1], True, True, "reached", 230.0),
        (lambda link: (link.probe_failed("cloud-tls", 190.0), link.asked(194.9))[1], None, False, "cloud-tls", 220.0),
        (lambda link: (link.probe_failed("cloud-tls", 190.0), link.asked(195.0))[1], None, False, "cloud-tls", 195.0),
    ],
)
def test_the_network_and_questions_move_the_breaker(
    happens: Callable[[LinkState], bool | None], changes: bool | None, up: bool, reason: str, next_probe_s: float
) -> None:
    link = state()
    link.succeeded(180.0)
    assert happens(link) is changes
    assert (link.up, link.reason, link.next_probe_s) == (up, reason, next_probe_s)


class Far:
    """A gateway as probes see it."""

    def __init__(self) -> None:
        self.error: CloudError | None = None
        self.silent = False
        self.probed_s: list[float] = []

    async def probe(self) -> None:
        self.probed_s.append(asyncio.get_running_loop().time() - 1_000.0)
        if self.silent:
            await asyncio.Event().wait()
        if self.error:
            raise self.error


def down() -> CloudError:
    return CloudError("cloud-unreachable", "nobody there", retryable=True)


async def watch(far: Far, story: Callable[[Link], object], *, until_s: float) -> list[tuple[float, bool, str]]:
    """Run a monitor for so long; what was published, when."""
    loop = asyncio.get_running_loop()
    seen: list[tuple[float, bool, str]] = []

    def publish(event: LinkChanged) -> None:
        seen.append((round(loop.time() - 1_000.0, 3), event.up, event.reason))

    pauses = Backoff(INTERVAL_S, LONGEST_S)
    believed = LinkState(configured=True, interval_s=INTERVAL_S, now_s=loop.time(), backoff=pauses)
    link = Link(believed, publish, loop.time)
    monitor = asyncio.create_task(HealthMonitor(link, far.probe, timeout_s=TIMEOUT_S).run())
    teller = asyncio.create_task(_tell(story, link))
    await asyncio.sleep(until_s + 0.5)
    monitor.cancel()
    await asyncio.gather(monitor, teller, return_exceptions=True)
    return seen


async def _tell(story: Callable[[Link], object], link: Link) -> None:
    result = story(link)
    if asyncio.iscoroutine(result):
        await result


async def test_up_and_idle_it_is_probed_every_interval() -> None:
    far = Far()
    assert await watch(far, lambda _: None, until_s=100) == [(0.0, True, "reached")]
    assert far.probed_s == [0.0, 30.0, 60.0, 90.0]


async def test_a_loss_is_known_before_anybody_asks() -> None:
    far = Far()

    async def story(_: Link) -> None:
        await asyncio.sleep(40)
        far.error = down()

    assert await watch(far, story, until_s=70) == [(0.0, True, "reached"), (60.0, False, "cloud-unreachable")]


async def test_a_gateway_that_comes_back_is_noticed_at_the_next_probe() -> None:
    far = Far()
    far.error = down()

    async def story(_: Link) -> None:
        await asyncio.sleep(59)
        far.error = None

    assert await watch(far, story, until_s=91) == [(0.0, False, "cloud-unreachable"), (90.0, True, "reached")]


async def test_without_a_network_the_link_is_down_at_once_and_back_as_soon_as_there_is_one() -> None:
    far = Far()

    async def story(link: Link) -> None:
        await asyncio.sleep(10)
        far.error = down()
        link.network(up=False)
        assert not link.up
        await asyncio.sleep(100)
        far.error = None
        link.network(up=True)

    seen = await watch(far, story, until_s=120)
    assert seen == [(0.0, True, "reached"), (10.0, False, "network-down"), (110.0, True, "reached")]
    assert far.probed_s == [0.0, 10.0, 40.0, 100.0, 110.0]


async def test_a_gateway_reached_without_a_network_that_counts_stays_in_use() -> None:
    far = Far()

    async def story(link: Link) -> None:
        await asyncio.sleep(10)
        link.network(up=False)

    assert [up for _, up, _ in await watch(far, story, until_s=11)] == [True, False, True]


async def test_who_asks_in_a_long_outage_brings_the_next_probe_forward() -> None:
    far = Far()
    far.error = down()

    async def story(link: Link) -> None:
        await asyncio.sleep(50)
        far.error = None
        link.asked()

    assert await watch(far, story, until_s=51) == [(0.0, False, "cloud-unreachable"), (50.0, True, "reached")]


async def test_a_silent_probe_fails_after_its_timeout() -> None:
    far = Far()
    far.silent = True
    assert await watch(far, lambda _: None, until_s=40) == [(3.0, False, "cloud-timeout")]
    assert far.probed_s == [0.0, 33.0]


async def test_calls_that_succeed_make_probes_needless() -> None:
    far = Far()

    async def story(link: Link) -> None:
        for _ in range(9):
            await asyncio.sleep(10)
            link.succeeded()

    await watch(far, story, until_s=95)
    assert far.probed_s == [0.0]


async def test_a_failed_call_takes_the_link_down_at_once() -> None:
    far = Far()
    seen_up = []

    async def story(link: Link) -> None:
        await asyncio.sleep(10)
        far.error = down()
        link.call_failed("cloud-timeout")
        seen_up.append(link.up)
        await asyncio.sleep(10)
        far.error = None

    seen = await watch(far, story, until_s=45)
    assert seen == [(0.0, True, "reached"), (10.0, False, "cloud-timeout"), (40.0, True, "reached")]
    assert seen_up == [False]
    assert far.probed_s == [0.0, 10.0, 40.0]


async def test_one_slow_answer_of_a_gateway_that_is_well_costs_no_further_question() -> None:
    far = Far()

    async def story(link: Link) -> None:
        await asyncio.sleep(10)
        link.call_failed("cloud-timeout")

    seen = await watch(far, story, until_s=20)
    assert seen == [(0.0, True, "reached"), (10.0, False, "cloud-timeout"), (10.0, True, "reached")]


@pytest.mark.parametrize("code", sorted(KEEPS_LINK))
async def test_a_call_that_the_gateway_itself_ended_keeps_the_link(code: str) -> None:
    far = Far()
    seen = await watch(far, lambda link: link.call_failed(code), until_s=5)
    assert [up for _, up, _ in seen] == [True]


async def test_without_an_address_the_monitor_ends_at_once() -> None:
    far = Far()
    loop = asyncio.get_running_loop()
    published: list[LinkChanged] = []
    link = Link(LinkState(configured=False, interval_s=INTERVAL_S, now_s=loop.time()), published.append, loop.time)
    await HealthMonitor(link, far.probe, timeout_s=TIMEOUT_S).run()
    assert (far.probed_s, published, link.up) == ([], [], False)
