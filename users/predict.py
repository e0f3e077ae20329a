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

from locust import tag, task

from gauntlet.clients import predict as api
from gauntlet.clients.http import Deadlines, HttpClient, HttpError, HttpResponse, Rules
from gauntlet.errors import WrongAnswer
from gauntlet.mixes import PredictMix
from gauntlet.payloads.pictures import Picture, PicturePool
from gauntlet.user import Preparation, SuiteUser, wait, weigh

from .http import HttpUser

Kind = Literal["predict", "image", "large"]
KINDS: tuple[Kind, ...] = ("predict", "image", "large")
PREFLIGHT = Rules(deadlines=Deadlines(connect=5.0, first_byte=10.0, total=10.0))


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
        client = HttpClient(host, rules=PREFLIGHT, verify=cls.verify and not cls.insecure)
        if "health" in tasks:
            yield from _probe(
                "GET /health", lambda: _check_health(client.request("GET", api.HEALTH_PATH))
            )
        for kind in KINDS:
            if kind in tasks:
                name = "POST /predict" + (" with image" if kind == "image" else "")
                yield from _probe(name, partial(cls._ask, client, kind))
        client.close()

    @tag("health")
    @task
    def health(self) -> None:
        """Ask whether the service is well; slow where predictions block its event loop."""
        with self.client.get(api.HEALTH_PATH, name=api.HEALTH, catch_response=True) as response:
            _check_health(response)
            response.context["verified"] = True

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
        picture = self.pools[self.mix.size_of(kind)].picture(self.draws.serial())
        upload = api.multipart(picture, filename)
        with self.client.post(
            path,
            name=name,
            data=upload.parts,
            headers={"Content-Type": upload.content_type},
            catch_response=True,
        ) as response:
            _check(response, picture, kind)
            response.context["verified"] = True

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
    def _ask(cls, client: HttpClient, kind: Kind) -> None:
        picture = PicturePool.make(size=cls.mix.size_of(kind), seed=0, count=1).next()
        upload = api.multipart(picture, "test_image.jpg")
        path = api.PREDICT_WITH_IMAGE_PATH if kind == "image" else api.PREDICT_PATH
        headers = {"Content-Type": upload.content_type}
        _check(client.request("POST", path, data=upload.parts, headers=headers), picture, kind)


def _answer(response: HttpResponse) -> tuple[int, str | None, bytes]:
    """What came; raises HttpError where nothing did."""
    if isinstance(response.error, HttpError):
        raise response.error
    return response.status_code, response.headers.get("Content-Type"), response.content


def _check_health(response: HttpResponse) -> None:
    api.check_health(*_answer(response))


def _check(response: HttpResponse, picture: Picture, kind: Kind) -> None:
    api.check_prediction(*_answer(response), size=picture.size, image=kind == "image")


def _probe(name: str, call: Callable[[], None]) -> Iterator[str]:
    try:
        call()
    except WrongAnswer as wrong:
        yield f"{name} answered wrongly: {wrong}"
    except HttpError as error:
        yield f"{name} got no answer: {error}"
