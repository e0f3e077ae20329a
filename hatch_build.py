"""Puts the locustfiles into the wheel with the imports that hold there."""

import importlib.util
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class LocustfilesHook(BuildHookInterface):  # type: ignore[type-arg]  # hatchling's own default
    """Rewrites `users` and `shapes` to `gauntlet.users` and `gauntlet.shapes` on the way in."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add each rewritten locustfile to the wheel; an editable install is a checkout."""
        if self.target_name != "wheel" or version == "editable":
            return
        root = Path(self.root)
        spec = importlib.util.spec_from_file_location("scaffold", root / "gauntlet/scaffold.py")
        assert spec is not None and spec.loader is not None
        scaffold = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(scaffold)
        made = Path(tempfile.mkdtemp())
        for source in sorted((root / "locustfiles").glob("*.py")):
            target = made / source.name
            target.write_text(scaffold.installed_imports(source.read_text()))
            build_data["force_include"][str(target)] = f"gauntlet/locustfiles/{source.name}"
