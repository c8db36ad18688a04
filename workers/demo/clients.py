"""Made-up people of made-up firms."""

from collections.abc import Iterator
from itertools import count
from random import Random

from workers.demo.records import Client
from workers.demo.world import World


def clients(world: World, random: Random, first_number: int) -> Iterator[Client]:
    """One after the other, without end; numbers tell namesakes apart."""
    for number in count(first_number):
        last_name = random.choice(world.last_names)
        yield Client(
            number=number,
            first_name=random.choice(world.first_names),
            last_name=last_name,
            firm=f"{random.choice(world.trades)} {random.choice((last_name, *world.last_names))}",
        )


def holed_ids(amount: int, first: int, random: Random) -> list[int]:
    """Ascending ids with about one in twenty missing, as deleted records leave them."""
    ids = []
    number = first
    for _ in range(amount):
        number += random.random() < 0.05
        ids.append(number)
        number += 1
    return ids
