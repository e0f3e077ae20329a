"""What the users of each system do: the models of `profiles/<system>/mix.yaml`."""

from gauntlet.mixes.file_server import FileServerMix
from gauntlet.mixes.predict import PredictMix
from gauntlet.mixes.walrus import WalrusMix

__all__ = ["FileServerMix", "PredictMix", "WalrusMix"]
