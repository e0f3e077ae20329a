"""What is done once before the load, so that nothing does it while requests are timed."""

import gc

from gauntlet.preparing import settle_memory


def test_a_full_collection_in_the_load_skips_what_was_there_before() -> None:
    gc.unfreeze()
    settle_memory()
    try:
        settled = gc.get_freeze_count()
        assert settled > 10_000 > len(gc.get_objects())
        kept: list[object] = [[]]
        assert any(one is kept for one in gc.get_objects())
        settle_memory()
        assert not any(one is kept for one in gc.get_objects()), "each run settles anew"
    finally:
        gc.unfreeze()
