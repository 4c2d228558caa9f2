"""Who answers and how long they may take, as the settings have it."""

from __future__ import annotations

from assistant.daemon.ledger import Books
from assistant.dialog.open_questions import OpenQuestions
from assistant.dialog.ports import CloudAgent, LocalModel
from assistant.dialog.router import RouterPolicy
from assistant.events import EventBus
from assistant.settings import Settings


def router_policy(settings: Settings) -> RouterPolicy:
    return RouterPolicy(
        threshold=settings.router.threshold,
        reject_threshold=settings.nlu.reject_threshold,
        fallback_threshold=settings.router.fallback_threshold,
    )


def make_open_questions(
    settings: Settings,
    cloud: CloudAgent,
    local: LocalModel | None,
    books: Books,
    bus: EventBus,
) -> OpenQuestions:
    return OpenQuestions(
        cloud=cloud,
        local=local,
        egress=books.egress,
        publish=bus.publish,
        locale=settings.locale.language,
        threshold=settings.router.threshold,
        fallback_threshold=settings.router.fallback_threshold,
        patience_s=settings.cloud.patience_s,
        answer_timeout_s=settings.cloud.answer_timeout_s,
        hedge=settings.cloud.hedge,
        cloud_configured=bool(settings.cloud.address),
    )
