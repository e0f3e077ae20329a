"""Bytes that go first in, first out, in room that is taken at once with the first of them."""


class Ring:
    """A queue of bytes; a place in it is how many bytes came before, since the beginning."""

    def __init__(self, room: int) -> None:
        self._least = room
        self._room = bytearray()
        self.begin = 0
        """The place of the first byte that is still there."""
        self.end = 0
        """The place of the next byte to come."""

    def push(self, data: bytes) -> None:
        """Put bytes at the end; more room is taken only where they do not fit."""
        length = self.end + len(data) - self.begin
        if length > len(self._room):
            held = self.read(self.begin, self.end - self.begin)
            # Zeros would be lent by the system page by page, as each is first written.
            self._room = bytearray(b"\xff") * max(self._least, 2 * length)
            self._write(self.begin, held)
        self._write(self.end, data)
        self.end += len(data)

    def read(self, place: int, length: int) -> bytes:
        """So many bytes from a place on, which are there."""
        if not length:
            return b""
        at = place % len(self._room)
        found = self._room[at : at + length]
        return bytes(found + self._room[: length - len(found)])

    def drop(self, length: int) -> None:
        """Let the first bytes go."""
        self.begin += length

    def _write(self, place: int, data: bytes) -> None:
        at = place % len(self._room)
        straight = min(len(data), len(self._room) - at)
        self._room[at : at + straight] = data[:straight]
        self._room[: len(data) - straight] = data[straight:]
