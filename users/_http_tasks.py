"""Locust's task loop, leaner where the next task follows at once."""

from random import random
from typing import Any

import locust
from locust.exception import StopUser
from locust.user.task import (
    LOCUST_STATE_RUNNING,
    LOCUST_STATE_STOPPING,
    LOCUST_STATE_WAITING,
    DefaultTaskSet,
)

from ._http_session import Session


class Tasks(DefaultTaskSet):
    """Locust's task loop without the pause of no length between two tasks.

    That pause lets others run. A user that got an answer has waited for it, so others have run.
    """

    def __init__(self, user: locust.User, session: Session) -> None:
        super().__init__(user)
        self._session = session
        self._pause: float | None = None
        """Seconds that `wait_time` gave and that are still to be waited."""

    def execute_next_task(self) -> None:
        """Execute tasks for as long as each is followed at once by another of the user's.

        Pauses, a stop and what a task raises go their way through Locust's own loop, which calls
        this.
        """
        user, session, queue = self._user, self._session, self._task_queue
        task = queue.popleft()
        while True:
            self.execute_task(task)
            if user._state != LOCUST_STATE_RUNNING or queue:
                return
            pause: Any = user.wait_time
            seconds = pause() if pause else self.wait_time()
            if seconds or not session.answered:
                self._pause = seconds
                return
            session.answered = False
            task = self.get_next_task()

    def get_next_task(self) -> Any:
        """Any of the user's tasks with the same odds; quicker than `random.choice`."""
        tasks = self._user.tasks
        if not tasks:
            return super().get_next_task()
        return tasks[int(random() * len(tasks))]

    def wait(self) -> None:
        """Pause for `wait_time`, as Locust does unless it is 0 and an answer came."""
        answered, self._session.answered = self._session.answered, False
        seconds, self._pause = self._pause, None
        user = self._user
        if user._state == LOCUST_STATE_STOPPING:
            raise StopUser
        if seconds is None:
            seconds = self.wait_time()  # once: a pacing function counts its calls
        if not seconds and answered:
            return
        user._state = LOCUST_STATE_WAITING
        self._sleep(seconds)
        if user._state == LOCUST_STATE_STOPPING:
            raise StopUser
        user._state = LOCUST_STATE_RUNNING
