"""The question how many devices an audience has, and its answer, over HTTP and AMQP alike. Pure."""

from collections import Counter
from collections.abc import Iterable
from typing import Literal, Protocol

from pydantic import Field

from shared.flow.audience import Audience
from shared.flow.model import Travelling
from shared.flow.send import VERSION, AppId, Route, SendId


class Estimate(Travelling):
    """The audience in question, as a send would have it."""

    audience: Audience


class EstimateCommand(Estimate):
    """Over AMQP: asks about how many devices an audience has; answered on `reply_to`, and nothing is stored."""

    v: Literal[1] = VERSION
    app: AppId
    id: SendId = Field(description="names the question in its answer, and no send")
    do: Literal["estimate"]


class VariantEstimate(Travelling):
    """One variant's part."""

    variant: str
    platform: str
    devices: int
    examined: int = Field(description="index entries or devices that looking all of them up would look at")
    exact: bool = Field(description="counted, not estimated from a sample")
    why: str = Field(default="", description="why more than 3 have to be examined for each that fits")


class EstimateView(Travelling):
    """About how many devices an audience has now. Whom `exclude` names is counted: a send counts them, too."""

    devices: int
    examined: int
    exact: bool
    platforms: dict[str, int]
    variants: tuple[VariantEstimate, ...]


class Found(Protocol):
    """What a look at one variant's part has found."""

    @property
    def matched(self) -> int: ...
    @property
    def examined(self) -> int: ...
    @property
    def exact(self) -> bool: ...


def summed(found: Iterable[tuple[Route, Found, str]]) -> EstimateView:
    """The answer from each variant's part; with it, why more than 3 have to be examined for each that fits."""
    platforms: Counter[str] = Counter()
    variants = []
    for route, one, why in found:
        platforms[route.platform] += one.matched
        variants.append(
            VariantEstimate(
                variant=route.variant, platform=route.platform, devices=one.matched, examined=one.examined,
                exact=one.exact, why=why,
            )
        )  # fmt: skip
    return EstimateView(
        devices=sum(one.devices for one in variants),
        examined=sum(one.examined for one in variants),
        exact=all(one.exact for one in variants),
        platforms=dict(platforms),
        variants=tuple(variants),
    )
