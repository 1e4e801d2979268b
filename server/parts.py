"""Parts of a server, opened as its configuration says; each closes with the server.

All raise StartError where something is missing, damaged or in use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from fairpost.server.bulletin.ids import document_ids
from fairpost.server.bulletin.receiver_file import ReceiverFileError, read_receivers
from fairpost.server.bulletin.service import Bulletin
from fairpost.server.config import StartError
from fairpost.server.errors import ServiceError
from fairpost.server.observe.instruments import InstrumentError, Instruments
from fairpost.server.registry import KeyFileError, Keys, LadderError, MustAcknowledge, Registry, read_ladder
from fairpost.server.reviews import Reviews
from fairpost.server.signatures import KeyInvalid, PublicKeys
from fairpost.server.store import Store, StoreError

if TYPE_CHECKING:
    from contextlib import ExitStack

    from fairpost.server.activation import RuleSets
    from fairpost.server.config import Config
    from fairpost.server.coordination import Coordinator

__all__ = ["open_bulletin", "open_instruments", "open_registry", "open_reviews", "public_keys"]

_Part = TypeVar("_Part", Registry, Bulletin, Reviews)


def public_keys(config: Config) -> PublicKeys:
    """Whose signatures of rule sets count."""
    try:
        return PublicKeys.read(config.rules_public_keys)
    except KeyInvalid as error:
        raise StartError(f"rules_public_keys: {error}") from None


def open_registry(config: Config, coordinator: Coordinator, closers: ExitStack) -> Registry:
    """With its store, followed from now on."""
    try:
        keys = Keys.open(config.registry_key_file or config.data_dir / "identity.key")
        ladder = read_ladder(config.ladder) if config.ladder else None
        store = Store.open(config.registry or f"sqlite:///{config.data_dir / 'registry.sqlite'}")
    except (KeyFileError, LadderError, StoreError) as error:
        raise StartError(str(error)) from None
    registry = Registry(
        store,
        keys,
        ladder=ladder,
        snapshot_dir=config.data_dir,
        snapshot_seconds=config.snapshot_seconds,
        writes_snapshots=coordinator.leads,
        verification_days=config.verification_days,
        lookup_ttl=config.lookup_ttl,
        missing_ttl=config.missing_ttl,
        max_items=config.max_posts,
        answer_days=config.answer_days,
        must_acknowledge=MustAcknowledge(
            document_ids(config.registration_documents), document_ids(config.reinstatement_documents)
        ),
    )
    return _started(registry, closers)


def open_bulletin(config: Config, registry: Registry, rule_sets: RuleSets, closers: ExitStack) -> Bulletin:
    """Its guard stands before activations, where notices are required."""
    try:
        private = config.private_webhooks
        receivers = read_receivers(config.receivers, allow_private=private) if config.receivers else []
    except ReceiverFileError as error:
        raise StartError(str(error)) from None
    bulletin = Bulletin(
        registry,
        rule_sets.active_content,
        lambda revision: rule_sets.stored(revision)[0],
        require_notice=config.require_notice,
        notice_days=config.notice_days,
        receivers=receivers,
    )
    if config.require_notice:
        rule_sets.guard = bulletin.guard
    return _started(bulletin, closers)


def open_reviews(config: Config, registry: Registry, closers: ExitStack) -> Reviews:
    reviews = Reviews(
        registry,
        most_pending=config.review_pending,
        open_days=config.review_days,
        text_days=config.review_text_days,
        unavailable_as_not_found=config.on_unavailable == "unregistered",
    )
    return _started(reviews, closers)


def _started(part: _Part, closers: ExitStack) -> _Part:
    closers.callback(part.close)
    try:
        part.start()
    except ServiceError as error:
        raise StartError(error.message) from None
    return part


def open_instruments(config: Config, registry: Registry, coordinator: Coordinator, closers: ExitStack) -> Instruments:
    """What observes this worker."""
    try:
        instruments = Instruments(config, registry.core.keys, worker=str(coordinator.worker))
    except InstrumentError as error:
        raise StartError(str(error)) from None
    closers.callback(instruments.close)
    return instruments
