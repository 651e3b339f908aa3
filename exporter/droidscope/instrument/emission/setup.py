"""
Makes the road that `configure` has asked for.

Needs the extra `sdk`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan

# A process that forks while another thread imports has a child that waits for that import for ever. So what
# records and sends may need is imported here, with `configure`, and not with the first record.
from droidscope.instrument import api, events, providers
from droidscope.instrument.emission.forks import LINEAGE, HeldOverForks
from droidscope.instrument.emission.frameworks import FrameworkSpans, RoutedSpan
from droidscope.instrument.emission.metrics_data import metrics_data
from droidscope.instrument.emission.own_road import OwnResource, OwnRoad
from droidscope.instrument.emission.resources import own_resource
from droidscope.instrument.emission.sink import Destination, Sink
from droidscope.instrument.emission.texts import TextSettings
from droidscope.instrument.never_raise import never_raise
from droidscope.instrument.sending.new_sender import new_sender
from droidscope.instrument.sending.otlp_variables import OtlpVariables
from droidscope.instrument.sending.sender import Sender

MAKING_SECONDS: Final = 5.0
"""
The longest a fork waits for another thread that makes a road.
"""


@dataclass(frozen=True)
class Setup:
    """
    The arguments of `configure`, and the OTEL_* variables at that time: what two equal calls have in common.
    """

    destination: Destination
    service_name: str | None
    resource_attributes: Mapping[str, Any]
    frameworks: bool
    texts: TextSettings
    variables: Mapping[str, str]
    generation: int = field(default_factory=lambda: LINEAGE.generation)

    @property
    def signals(self) -> tuple[str, ...]:
        """
        The signals that are sent; none if the variables switch everything off.
        """
        if self.variables.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
            return ()
        return OtlpVariables(self.variables, self.destination.endpoint).signals


class _Latest:
    """
    The road that was made last, in which process.
    """

    road: OwnRoad | None = None
    generation = 0


def make_road(setup: Setup, replayer: Sender | None = None) -> OwnRoad:
    """
    The emitter of this process; it is made anew in each forked child. *replayer* becomes its sink.

    The same service goes on as the same instance, with its counts.
    """

    def sink(road: OwnRoad) -> Sink:
        if replayer is not None:
            return replayer.serve(road.collect, road.count_loss)
        return new_sender(setup.destination, setup.variables, road.collect, road.count_loss)

    before = _Latest.road if _Latest.generation == LINEAGE.generation else None
    attributes = own_resource(
        setup.service_name,
        setup.resource_attributes,
        keeps_instance=setup.generation == LINEAGE.generation,
        before=None if before is None else before.resource.attributes,
    )
    if setup.frameworks:
        never_raise(FRAMEWORKS.claim)(Resource(attributes))  # settings of its sampler may be wrong
    else:
        FRAMEWORKS.release()
    road = OwnRoad(
        OwnResource(attributes),
        setup.texts,
        sink,
        lambda provider: provider is not FRAMEWORKS.provider,
        events="logs" in setup.signals,
        before=before,
    )
    _Latest.road, _Latest.generation = road, LINEAGE.generation
    return road


def _send(span: ReadableSpan) -> None:
    road = providers.own()
    if isinstance(road, OwnRoad):
        road.sink.span(RoutedSpan(span, road.resource))


LOADED: Final = (api, events, metrics_data, Resource.create())
FRAMEWORKS: Final = FrameworkSpans(_send)

# Who makes a road takes locks of others, for which a child would wait in vain: those of imports, of the API,
# which lets a provider be set once, and of executors. The latter are taken at a fork, too, by whoever has
# registered later first: so this comes when all of it is loaded.
HELD_OVER_FORKS: Final = HeldOverForks(providers.making, MAKING_SECONDS)
