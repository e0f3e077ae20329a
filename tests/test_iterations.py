"""Sharing a number of iterations: none lost, none twice, whatever workers do."""

from collections import Counter

import gevent
import pytest
from gevent import GreenletExit
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gauntlet.iterations import Budget, Gate, Range, deck


class Sharing(RuleBasedStateMachine):
    """Workers ask, work, give back, stop, vanish; answers are delayed, repeated and lost."""

    @initialize(total=st.integers(1, 60))
    def begin(self, total: int) -> None:
        self.budget = Budget(total)
        self.questions: Counter[str] = Counter()
        self.has: dict[str, set[int]] = {}
        self.finished: dict[str, list[int]] = {}
        self.stopped: set[str] = set()
        self.lost: set[str] = set()

    @property
    def working(self) -> list[str]:
        return [name for name in self.has if name not in self.stopped | self.lost]

    @rule(name=st.sampled_from("abc"))
    def join(self, name: str) -> None:
        self.has.setdefault(name, set())
        self.finished.setdefault(name, [])

    @precondition(lambda self: self.working)
    @rule(data=st.data(), times=st.integers(1, 3), arrives=st.booleans())
    def ask(self, data: st.DataObject, times: int, arrives: bool) -> None:
        name = data.draw(st.sampled_from(self.working))
        answers = [
            self.budget.grant(name, self.questions[name], len(self.working)) for _ in range(times)
        ]
        assert all(answer == answers[0] for answer in answers)
        if arrives:
            self.questions[name] += 1
            new = _numbers(answers[0])
            assert not any(new & others for others in self.has.values())
            self.has[name] |= new

    @precondition(lambda self: any(self.has[name] for name in self.working))
    @rule(data=st.data())
    def work(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from([one for one in self.working if self.has[one]]))
        self.finished[name].append(self.has[name].pop())
        self.budget.note(name, len(self.finished[name]))

    @precondition(lambda self: any(self.has[name] for name in self.working))
    @rule(data=st.data())
    def return_what_is_left(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from([one for one in self.working if self.has[one]]))
        self.budget.give_back(name, self.has[name])
        self.has[name] = set()

    @precondition(lambda self: self.working)
    @rule(data=st.data())
    def stop(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(self.working))
        self.budget.give_back(name, self.has[name])
        self.budget.leave(name, self.questions[name])
        self.has[name] = set()
        self.stopped.add(name)

    @precondition(lambda self: self.working)
    @rule(data=st.data())
    def vanish(self, data: st.DataObject) -> None:
        self.lost.add(data.draw(st.sampled_from(self.working)))

    @invariant()
    def nothing_is_done_twice(self) -> None:
        if not hasattr(self, "budget"):
            return
        done = [number for numbers in self.finished.values() for number in numbers]
        assert len(done) == len(set(done)) == self.budget.done

    @invariant()
    def nothing_is_forgotten(self) -> None:
        if not hasattr(self, "budget"):
            return
        # What was answered and not heard yet counts as held by who asked.
        held = {name: self.budget.missing([name]) for name in self.has}
        assert self.budget.free + self.budget.done + sum(held.values()) == self.budget.total
        assert all(held[name] == 0 for name in self.stopped)
        assert all(held[name] >= len(self.has[name]) for name in self.has)

    def teardown(self) -> None:
        """A last worker does all that nobody else holds, and then every number is done."""
        if not hasattr(self, "budget"):
            return
        for name in self.working:
            self.stop_now(name)
        question = 0
        while answer := self.budget.grant("last", question, 1):
            question += 1
            self.finished.setdefault("last", []).extend(_numbers(answer))
            self.budget.note("last", len(self.finished["last"]))
        self.nothing_is_done_twice()
        assert self.budget.done + self.budget.missing(self.lost) == self.budget.total

    def stop_now(self, name: str) -> None:
        self.budget.give_back(name, self.has[name])
        self.budget.leave(name, self.questions[name])
        self.has[name] = set()


TestSharing = Sharing.TestCase


def _numbers(ranges: list[Range]) -> set[int]:
    return {number for start, end in ranges for number in range(start, end)}


class Office:
    """A gate with the budget behind it, in one process."""

    def __init__(self, total: int) -> None:
        self.budget, self.question = Budget(total), 0
        self.gate = Gate(self.ask)

    def ask(self) -> None:
        self.question += 1
        self.gate.receive(self.budget.grant("here", self.question, 1))


@pytest.mark.parametrize(
    ("total", "users"),
    [
        pytest.param(1, 1, id="one for one"),
        pytest.param(1, 20, id="one for many"),
        pytest.param(7, 20, id="fewer than users"),
        pytest.param(1000, 7, id="many for few"),
    ],
)
def test_users_of_one_gate_do_each_number_once(total: int, users: int) -> None:
    office, done = Office(total), []

    def live() -> None:
        while True:
            number = office.gate.take()
            gevent.sleep(0)
            done.append(number)
            office.gate.finish()

    crowd = [gevent.spawn(live) for _ in range(users)]
    with gevent.Timeout(60):
        while office.gate.done < total:
            gevent.sleep(0)
    gevent.killall(crowd)
    assert sorted(done) == list(range(total))
    assert office.gate.idle


def test_users_that_are_killed_leave_their_numbers_to_others() -> None:
    office, done = Office(50), []

    def live() -> None:
        while True:
            number = office.gate.take()
            try:
                gevent.sleep(0.001)
            except GreenletExit:
                office.gate.give_back(number)
                raise
            done.append(number)
            office.gate.finish()

    crowd = [gevent.spawn(live) for _ in range(5)]
    with gevent.Timeout(60):
        while office.gate.done < 50:
            gevent.sleep(0.003)
            crowd.pop(0).kill()
            crowd.append(gevent.spawn(live))
    gevent.killall(crowd)
    assert sorted(done) == list(range(50))


def test_a_closed_gate_surrenders_what_was_not_begun() -> None:
    gate = Gate(lambda: None)
    gate.receive([(0, 3), (7, 8)])
    taken = gate.take()
    gate.close()
    assert gate.closed
    assert (taken, gate.surrender()) == (0, [1, 2, 7])


def test_others_wake_when_there_is_more_after_all() -> None:
    asked: list[int] = []
    gate = Gate(lambda: asked.append(1))
    waiting = gevent.spawn(gate.take)
    gevent.sleep(0)
    gate.receive([])
    assert gate.exhausted and gate.idle
    gate.reopen()
    gevent.sleep(0)
    assert len(asked) == 2
    gate.receive([(5, 6)])
    assert waiting.get(timeout=60) == 5


def test_many_workers_share_the_rest_in_parts() -> None:
    budget = Budget(1000)
    grants = [sum(end - start for start, end in budget.grant(str(w), 0, 4)) for w in range(4)]
    assert max(grants) <= 1000 // 4
    assert min(grants) >= 1


@given(
    weights=st.dictionaries(st.text("abcdef", min_size=1), st.integers(1, 100), min_size=1),
    total=st.integers(0, 500),
    seed=st.integers(0, 2**63),
)
def test_a_deck_holds_each_share_within_one(weights: dict[str, int], total: int, seed: int) -> None:
    cards = deck(weights, total, seed)
    assert len(cards) == total
    whole = sum(weights.values())
    for name, count in Counter(cards).items():
        assert abs(count - total * weights[name] / whole) < 1
    assert cards == deck(weights, total, seed)


def test_another_seed_shuffles_otherwise() -> None:
    assert deck({"a": 1, "b": 1}, 100, 1) != deck({"a": 1, "b": 1}, 100, 2)
