"""Users of the YOLO prediction service: health checks and uploads of pictures, each answer checked.

| task      | tag     | request                                | statistics name               |
|-----------|---------|----------------------------------------|-------------------------------|
| `health`  | health  | GET /health                            | `/health`                     |
| `predict` | predict | POST /predict, small picture           | `/predict?return_image=False` |
| `image`   | image   | the same, asks for the annotated image | `/predict?return_image=True`  |
| `large`   | large   | POST /predict, large picture           | `/predict (large image)`      |

Weights, wait time and sizes come from `profiles/predict/mix.yaml`. Pictures are made before the
load starts; each upload is unique by a comment spliced into it.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, ClassVar, Literal

import requests
from locust import HttpUser, tag, task
from locust.clients import ResponseContextManager

from gauntlet.clients import predict as api
from gauntlet.errors import WrongAnswer
from gauntlet.models import PredictMix
from gauntlet.payloads.pictures import Picture, PicturePool
from gauntlet.user import Preparation, SuiteUser, wait, weigh

Kind = Literal["predict", "image", "large"]
KINDS: tuple[Kind, ...] = ("predict", "image", "large")
PREFLIGHT_S = 10.0


class PredictUser(SuiteUser, HttpUser):
    """One client of the service; subclass it in a locustfile."""

    abstract = True
    system = "predict"

    mix: ClassVar[PredictMix]
    pools: ClassVar[dict[tuple[int, int], PicturePool]]
    _made_for: ClassVar[tuple[object, ...]] = ()

    @classmethod
    def configure(cls, mix: PredictMix) -> None:
        """Take over weights, wait time and picture sizes."""
        cls.mix = mix
        weigh(cls, mix.weights.model_dump())
        wait(cls, mix.seconds)

    @classmethod
    def prepare(cls, preparation: Preparation) -> None:
        """Make a pool of pictures per size, once per seed."""
        key = (preparation.seed, preparation.worker, cls.mix)
        if cls._made_for == key:
            return
        sizes = sorted({cls.mix.size_of(kind) for kind in KINDS})
        cls.pools = {size: cls._pool(size, preparation) for size in sizes}
        cls._made_for = key

    @classmethod
    def preflight(cls, host: str, tasks: set[str]) -> Iterator[str]:
        """Call /health and /predict once each, with a picture that a model can read."""
        with requests.Session() as session:
            session.trust_env = False
            if "health" in tasks:
                yield from _probe("GET /health", partial(_ask_health, session, host))
            for kind in KINDS:
                if kind in tasks:
                    name = "POST /predict" + (" with image" if kind == "image" else "")
                    yield from _probe(name, partial(cls._ask, session, host, kind))

    @tag("health")
    @task
    def health(self) -> None:
        """Ask whether the service is well; slow where predictions block its event loop."""
        with self.client.get(api.HEALTH_PATH, name=api.HEALTH, catch_response=True) as response:
            _judge(response, lambda: api.check_health(*_answer(response)))

    @tag("predict")
    @task
    def predict(self) -> None:
        """Upload a small picture."""
        self._upload("predict", api.PREDICT_PATH, api.PREDICT, "test_image.jpg")

    @tag("image")
    @task
    def image(self) -> None:
        """Upload a small picture and ask for the annotated one."""
        self._upload("image", api.PREDICT_WITH_IMAGE_PATH, api.PREDICT_WITH_IMAGE, "test_image.jpg")

    @tag("large")
    @task
    def large(self) -> None:
        """Upload a large picture."""
        self._upload("large", api.PREDICT_PATH, api.PREDICT_LARGE, "test_large_image.jpg")

    def _upload(self, kind: Kind, path: str, name: str, filename: str) -> None:
        picture = self.pools[self.mix.size_of(kind)].next()
        upload = api.multipart(picture, filename)
        with self.client.post(
            path,
            name=name,
            data=b"".join(upload.parts),
            headers={"Content-Type": upload.content_type},
            catch_response=True,
        ) as response:
            _judge(response, lambda: _check(response, picture, kind))

    @classmethod
    def _pool(cls, size: tuple[int, int], preparation: Preparation) -> PicturePool:
        pictures = cls.mix.pictures
        made: dict[str, Any] = {
            "size": size,
            "seed": preparation.seed,
            "count": pictures.count,
            "quality": pictures.quality,
            "stream": (preparation.worker,),
            "pause": preparation.pause,
        }
        if pictures.folder:
            return PicturePool.from_folder(pictures.folder, **made)
        return PicturePool.make(**made)

    @classmethod
    def _ask(cls, session: requests.Session, host: str, kind: Kind) -> None:
        picture = PicturePool.make(size=cls.mix.size_of(kind), seed=0, count=1).next()
        upload = api.multipart(picture, "test_image.jpg")
        path = api.PREDICT_WITH_IMAGE_PATH if kind == "image" else api.PREDICT_PATH
        response = session.post(
            host + path,
            data=b"".join(upload.parts),
            headers={"Content-Type": upload.content_type},
            timeout=PREFLIGHT_S,
        )
        _check(response, picture, kind)


def _answer(response: requests.Response) -> tuple[int, str | None, bytes]:
    return response.status_code, response.headers.get("Content-Type"), response.content or b""


def _check(response: requests.Response, picture: Picture, kind: Kind) -> None:
    api.check_prediction(*_answer(response), size=picture.size, image=kind == "image")


def _judge(response: ResponseContextManager, check: Callable[[], None]) -> None:
    """Count a response as failed where it is not right; no answer at all stays Locust's to say."""
    if response.status_code == 0:
        return
    try:
        check()
    except WrongAnswer as wrong:
        response.failure(wrong)
    else:
        response.success()


def _ask_health(session: requests.Session, host: str) -> None:
    api.check_health(*_answer(session.get(host + api.HEALTH_PATH, timeout=PREFLIGHT_S)))


def _probe(name: str, call: Callable[[], None]) -> Iterator[str]:
    try:
        call()
    except WrongAnswer as wrong:
        yield f"{name} answered wrongly: {wrong}"
    except requests.RequestException as error:
        yield f"{name} got no answer ({type(error).__name__})"
