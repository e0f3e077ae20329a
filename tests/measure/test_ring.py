"""Bytes first in, first out: whatever goes round the end of the room comes back as it was."""

from collections import deque
from random import Random

from gauntlet.measure.ring import Ring


def test_bytes_come_back_as_they_went_in_also_round_the_end_and_in_more_room() -> None:
    ring, random = Ring(100), Random(1)
    held: deque[tuple[int, bytes]] = deque()
    most = 0
    for number in range(3000):
        data = random.randbytes(random.randrange(40))
        held.append((ring.end, data))
        ring.push(data)
        while sum(len(one) for _, one in held) > (80 if number < 2000 else 400):
            ring.drop(len(held.popleft()[1]))
        assert [ring.read(place, len(one)) for place, one in held] == [one for _, one in held]
        most = max(most, ring.end - ring.begin)
    assert most > 300
    assert ring.begin > 10 * 100


def test_room_is_taken_with_the_first_bytes_and_stays_the_same() -> None:
    ring = Ring(1000)
    assert len(ring._room) == 0
    for _ in range(500):
        ring.push(bytes(90))
        ring.drop(90 if ring.end > 900 else 0)
        assert len(ring._room) == 1000
