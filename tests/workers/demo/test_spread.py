"""A total shared out over days."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.demo.spread import spread, spread_within

WEIGHTS = st.lists(st.floats(min_value=0.1, max_value=50), min_size=1, max_size=40)
ROOMS = st.lists(st.integers(min_value=0, max_value=300), min_size=1, max_size=40)


@given(total=st.integers(min_value=0, max_value=100_000), weights=WEIGHTS)
def test_the_shares_are_the_total_and_never_one_off_their_proportion(
    total: int, weights: list[float]
) -> None:
    shares = spread(total, weights)
    assert sum(shares) == total
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share - total * weight / sum(weights)) < 1 + 1e-6


def test_the_largest_remainders_get_what_is_left_over() -> None:
    assert spread(10, [1, 1, 1]) == [4, 3, 3]
    assert spread(7, [5, 3, 2]) == [4, 2, 1]


@given(rooms=ROOMS, share=st.floats(min_value=0, max_value=1))
def test_no_share_is_above_its_room(rooms: list[int], share: float) -> None:
    total = int(sum(rooms) * share)
    weights = [room * (1 + at % 3) for at, room in enumerate(rooms)]
    shares = spread_within(total, rooms, weights)
    assert sum(shares) == total
    assert all(0 <= each <= room for each, room in zip(shares, rooms, strict=True))


def test_more_than_the_rooms_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="11 do not fit into 10"):
        spread_within(11, [4, 6], [1, 1])
