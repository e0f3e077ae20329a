"""Files of single pictures, written off the hub: `test_image_1_5.jpg`, `encrypted_1_5.png`."""

from pathlib import Path

from gauntlet.mixes.image_cloud import Output


class Keeper:
    """Writes what the mix wants kept; a folder is made when its first file is written."""

    def __init__(self, output: Output, suffix: str) -> None:
        self._output = output
        self._suffix = suffix
        self.tests = output.save_test_images or output.keep
        self.encrypted = output.save_encrypted_images or output.keep

    def test_image(self, process: int, image: int, data: bytes) -> None:
        """Keep a picture as it was sent."""
        place = Path(self._output.place("test_images"))
        _write(place / f"test_image_{process}_{image}{self._suffix}", data)

    def encrypted_image(self, process: int, image: int, data: bytes) -> None:
        """Keep a picture as it came back."""
        place = Path(self._output.place("encrypted"))
        _write(place / f"encrypted_{process}_{image}.png", data)


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
