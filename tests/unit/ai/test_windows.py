"""The sliding windows."""

from hypothesis import given
from hypothesis import strategies as st

from shared.ai.windows import RequestWindow, TokenWindow

STEPS = st.lists(st.tuples(st.floats(0, 20), st.integers(1, 400)), min_size=1, max_size=80)


@given(STEPS)
def test_no_minute_holds_more_tokens_than_the_limit(steps: list[tuple[float, int]]):
    window, now, taken = TokenWindow(), 0.0, list[tuple[float, int]]()
    for pause, tokens in steps:
        now += pause
        if window.seconds_until(tokens, 1_000, now) == 0:
            window.add(tokens, now)
            taken.append((now, tokens))
    for started, _ in taken:
        assert sum(tokens for at, tokens in taken if started <= at < started + 60) <= 1_000


@given(STEPS)
def test_after_the_announced_time_there_is_room(steps: list[tuple[float, int]]):
    window, now = TokenWindow(), 0.0
    for pause, tokens in steps:
        now += pause + window.seconds_until(tokens, 1_000, now + pause)
        assert window.seconds_until(tokens, 1_000, now) < 1e-6
        window.add(tokens, now)


def test_a_window_keeps_a_minute_of_slices_however_many_calls_there_are():
    window = TokenWindow()
    for step in range(20_000):
        window.add(1, step / 100)
    assert len(window._slices) <= 62
    assert window.used(1_000) == 0


@given(st.integers(1, 600), st.lists(st.floats(0, 2), min_size=1, max_size=100))
def test_no_short_window_holds_more_calls_than_the_rate(per_minute: int, pauses: list[float]):
    window, now, sent = RequestWindow(per_minute), 0.0, list[float]()
    for pause in pauses:
        now += pause
        if window.seconds_until_room(now) == 0:
            window.add(now)
            sent.append(now)
    for started in sent:
        in_a_second = sum(started <= at < started + 1 - 1e-6 for at in sent)
        assert in_a_second <= -(-per_minute // 60)
