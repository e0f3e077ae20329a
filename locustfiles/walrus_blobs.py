"""Walrus under blobs: upload a random blob to the publisher, download it twice from the aggregator.

locust -f locustfiles/walrus_blobs.py --headless --load-profile smoke
"""

import gauntlet
from users.walrus import WalrusUser

gauntlet.register(system="walrus")


class BlobClient(WalrusUser):
    """A client that stores blobs and reads them back."""
