"""What the users of each system do: the models of `profiles/<system>/mix.yaml`."""

from gauntlet.mixes.chater import ChaterMix
from gauntlet.mixes.image_cloud import ImageCloudMix
from gauntlet.mixes.predict import PredictMix
from gauntlet.mixes.walrus import WalrusMix

__all__ = ["ChaterMix", "ImageCloudMix", "PredictMix", "WalrusMix"]
