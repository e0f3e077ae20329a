"""The image cloud under round trips: pictures to several servers over UDP, verified to the pixel.

locust -f locustfiles/image_cloud_roundtrip.py --headless --load-profile smoke
"""

import gauntlet
from users.image_cloud import ImageCloudUser

gauntlet.register(system="image_cloud")


class PictureClient(ImageCloudUser):
    """A client that has pictures encrypted and looks into what comes back."""
