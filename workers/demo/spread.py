"""A total shared out over days without losing any of it."""

from collections.abc import Sequence


def spread(total: int, weights: Sequence[float]) -> list[int]:
    """Whole shares in proportion to the weights; the largest remainders get what is left over."""
    whole = sum(weights)
    exact = [total * weight / whole for weight in weights]
    shares = [int(share) for share in exact]
    order = sorted(range(len(exact)), key=lambda at: shares[at] - exact[at])
    for at in order[: total - sum(shares)]:
        shares[at] += 1
    return shares


def spread_within(total: int, rooms: Sequence[int], weights: Sequence[float]) -> list[int]:
    """The same, with no share above its room. Raises ValueError when all rooms are too small."""
    if total > sum(rooms):
        raise ValueError(f"{total} do not fit into {sum(rooms)}")
    shares = [0] * len(rooms)
    while left := total - sum(shares):
        open_ = [
            weight if room > share else 0.0
            for room, share, weight in zip(rooms, shares, weights, strict=True)
        ]
        for at, more in enumerate(spread(left, open_)):
            shares[at] = min(rooms[at], shares[at] + more)
    return shares
