"""Locustfiles outside a checkout: where they lie, and how their imports read there.

In a checkout a locustfile says `from users.predict import PredictUser`; with the installed
package the same class is `gauntlet.users.predict.PredictUser`. The wheel's build uses this module
by its path, so it imports nothing but the standard library.
"""

import re
import shutil
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
_IMPORT = re.compile(r"^(from|import) (users|shapes)\b", re.MULTILINE)


def installed_imports(source: str) -> str:
    """A locustfile's text with the imports that hold where the package is installed."""
    return _IMPORT.sub(r"\1 gauntlet.\2", source)


def find_locustfile(name: str) -> Path:
    """The locustfile of that name: the working folder's own, the package's, the checkout's."""
    places = [Path("locustfiles"), PACKAGE / "locustfiles", PACKAGE.parent / "locustfiles"]
    return next(place / name for place in places if (place / name).is_file())


def lay_out(folder: Path, locustfiles: list[str], profiles: Path) -> list[Path]:
    """Write locustfiles and profiles into `folder`; FileExistsError where one is there already."""
    sources = {
        folder / name: find_locustfile(name).read_text().replace("-f locustfiles/", "-f ")
        for name in locustfiles
    }
    files = [path for path in profiles.rglob("*") if path.suffix in (".yaml", ".json")]
    copies = {folder / "profiles" / path.relative_to(profiles): path for path in files}
    taken = [path for path in (*sources, *copies) if path.exists()]
    if taken:
        raise FileExistsError(str(taken[0]))
    for path, text in sources.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for path, original in copies.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(original, path)
    return [*sources, *copies]
