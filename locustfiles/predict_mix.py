"""The YOLO prediction service under its usual mix: health, predict, with image, large image.

locust -f locustfiles/predict_mix.py --headless --load-profile smoke
"""

import gauntlet
from users.predict import PredictUser

gauntlet.register(system="predict")


class ImageClient(PredictUser):
    """A client that uploads pictures and looks at what the model found."""
