"""What the users of each system do: the models of `profiles/<system>/mix.yaml`."""

from gauntlet.mixes.chater import ChaterMix
from gauntlet.mixes.file_server import FileServerMix
from gauntlet.mixes.image_cloud import ImageCloudMix
from gauntlet.mixes.predict import PredictMix
from gauntlet.mixes.walrus import WalrusMix

__all__ = ["ChaterMix", "FileServerMix", "ImageCloudMix", "PredictMix", "WalrusMix"]
