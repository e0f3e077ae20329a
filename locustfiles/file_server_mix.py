"""The file server under its usual mix: list, download, upload, over TCP.

locust -f locustfiles/file_server_mix.py --headless --load-profile smoke
"""

import gauntlet
from users.file_server import FileServerUser

gauntlet.register(system="file_server")


class FileClient(FileServerUser):
    """A client that lists, downloads and uploads files and looks at every byte."""
