"""A password for Locust's page: with `--web-login --web-password-file FILE`.

Locust has the login page and the guard, and leaves to others who may come in. Here that is whoever
knows the password in the file. Sessions end with the process: its key is made anew each time.
"""

import hmac
import os
from pathlib import Path
from typing import cast

import gevent
from flask import Flask, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import UserMixin, login_user  # type: ignore[import-untyped]  # ships no types
from locust.web import WebUI

from gauntlet.errors import UsageError

CALLBACK = "/gauntlet-login"
SLOWNESS_S = 1.0
"""Seconds that a wrong password costs; guesses of one visitor at a time, others are served."""

LONGEST = 4096
"""Bytes of a password file that are read."""


class _Person(UserMixin):  # type: ignore[misc]  # of no known type, as just said
    id = "gauntlet"


def install(web_ui: WebUI, path: str | None, base: str | None = None) -> None:
    """Let the page under `base` ask for the password in the file; UsageError where it has none."""
    if path is None:
        return
    password, callback = read_password(path), f"{base or ''}{CALLBACK}"
    app = cast(Flask, web_ui.app)
    app.secret_key = os.urandom(32)
    app.config["SESSION_COOKIE_SAMESITE"] = "Strict"
    web_ui.login_manager.user_loader(lambda name: _Person() if name == _Person.id else None)
    web_ui.auth_args = {
        "custom_form": {
            "inputs": [
                {"label": "Password", "name": "password", "is_secret": True, "is_required": True}
            ],
            "callback_url": callback,
            "submit_button_text": "Log in",
        }
    }

    @app.post(callback)
    def log_in() -> ResponseReturnValue:
        given = request.form.get("password", "").encode()
        if hmac.compare_digest(given, password):
            login_user(_Person())
            return redirect(url_for("locust.index"))
        gevent.sleep(SLOWNESS_S)
        session["auth_error"] = "This is not the password"
        return redirect(url_for("locust.login"))


def read_password(path: str) -> bytes:
    """What the file holds, without the end of its line."""
    try:
        with Path(path).open("rb") as file:
            password = file.read(LONGEST).strip(b"\r\n")
    except OSError as error:
        raise UsageError(
            f"--web-password-file: expected a file to read, got {path!r} ({error.strerror})"
        ) from error
    if not password:
        raise UsageError(f"--web-password-file: expected a password in {path!r}, got nothing")
    return password
