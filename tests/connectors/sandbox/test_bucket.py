import pytest

from connectors.sandbox.bucket import LeakyBucket


class Ticks:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_ceiling_is_a_burst_and_the_leak_a_pace() -> None:
    ticks = Ticks()
    bucket = LeakyBucket(50, 2, ticks)
    assert [bucket.admit() for _ in range(50)] == [True] * 50
    ticks.now += 1
    assert [bucket.admit() for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize(("count_refused", "seconds"), [(True, 21), (False, 1)])
def test_a_refused_request_may_fill_the_bucket_or_not(count_refused: bool, seconds: int) -> None:
    ticks = Ticks()
    bucket = LeakyBucket(1, 1, ticks, count_refused)
    bucket.admit()
    for _ in range(20):
        assert not bucket.admit()
    ticks.now += seconds
    assert bucket.admit()


def test_a_bucket_never_holds_less_than_nothing() -> None:
    ticks = Ticks()
    bucket = LeakyBucket(2, 1, ticks)
    ticks.now += 1000
    assert [bucket.admit() for _ in range(3)] == [True, True, False]
