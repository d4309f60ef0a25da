"""Networks as people write them: which layers are read of them, or why not."""

import brainstate
import pytest
import saiunit as u

from expifref.exceptions import ExpifrefError
from expifref.network.description import Description, FeedDescription
from expifref.reading.guard import check_against
from expifref.reading.original import Original
from tests.amount import some
from tests.expifref.reading.closed_loop import read_unguarded
from tests.expifref.reading.idioms import REFUSED, TAKEN, Idiom


def read(idiom: Idiom) -> tuple[Description, Original]:
    brainstate.random.seed(1)
    with brainstate.environ.context(dt=1.0 * u.ms):
        module = idiom.make()
    return read_unguarded(module)


def feed_text(feed: FeedDescription) -> str:
    ages = "".join(str(age) for age in feed.delay.tolist())
    return feed.source if ages == "0" else f"{feed.source}@{ages}"


def wiring(description: Description) -> str:
    layers = (
        f"{layer.name}{'' if layer.filter_tau is None else '~'}: {', '.join(map(feed_text, layer.feeds))}"
        for layer in description.layers
    )
    return "; ".join(layers)


@pytest.mark.parametrize("name", some(list(TAKEN), every=2))
def test_taken(name: str) -> None:
    description, _ = read(TAKEN[name])
    assert wiring(description) == TAKEN[name].expected


@pytest.mark.parametrize("name", some(list(TAKEN), every=6))
def test_what_is_taken_does_what_the_module_does(name: str) -> None:
    check_against(*read(TAKEN[name]))


@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_a_sentence(name: str) -> None:
    with pytest.raises(ExpifrefError) as error:
        check_against(*read(REFUSED[name]))
    assert str(error.value).startswith(REFUSED[name].expected)
