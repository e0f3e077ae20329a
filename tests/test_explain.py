"""Pydantic's findings in words of the document, for every kind of rule that a model can make."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from gauntlet.documents import dotted
from gauntlet.explain import explain
from gauntlet.mixes import PredictMix
from gauntlet.models import Environment, Profile


def _even(number: int) -> int:
    if number % 2:
        raise ValueError(f"expected an even number, got {number}")
    return number


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    size: int = 1
    deep: "Inner | None" = None


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    whole: int = 0
    number: float = 0
    text: str = ""
    flag: bool = False
    few: Annotated[list[int], Field(min_length=1, max_length=2)] = [1]
    pair: Annotated[tuple[int, int], Field(strict=False)] = (1, 2)
    short: Annotated[str, Field(min_length=1, max_length=3)] = "a"
    coded: Annotated[str, Field(pattern="^[a-z]$")] = "a"
    above: Annotated[float, Field(gt=0, lt=10)] = 1
    within: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    even: Annotated[int, AfterValidator(_even)] = 0
    one: Literal["only"] = "only"
    choice: Literal["small", "large"] = "small"
    either: int | str = 0
    named: Literal["auto"] | Annotated[int, AfterValidator(_even)] = "auto"
    nested: str | dict[str, int] = ""
    sized: dict[Literal["small", "large"], int] = {}
    inner: Inner = Inner()
    many: list[Inner] = []
    called: dict[str, Inner | None] = {}
    step: Annotated[int, Field(multiple_of=5)] = 5

    @model_validator(mode="after")
    def _rules(self) -> "Outer":
        broken = []
        if self.whole == 13:
            broken.append("whole: expected a lucky number, got 13")
            broken.append("many[0].size: expected another size, got 1")
        if self.text == "rule":
            broken.append("expected no rule, got one")
        if broken:
            raise ValueError("\n".join(broken))
        return self


def explained(data: Mapping[str, Any]) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(data)
    found = [(dotted(at), text) for at, text in explain(caught.value, data, Outer)]
    assert len(dict(found)) == len(found)
    return dict(found)


@pytest.mark.parametrize(
    ("data", "mistakes"),
    [
        pytest.param({"whole": "5"}, {"whole": "expected a whole number, got '5'"}, id="int"),
        pytest.param({"whole": 5.5}, {"whole": "expected a whole number, got 5.5"}, id="fraction"),
        pytest.param({"whole": True}, {"whole": "expected a whole number, got true"}, id="bool"),
        pytest.param({"number": None}, {"number": "expected a number, got nothing"}, id="float"),
        pytest.param({"text": 5}, {"text": "expected text, got 5"}, id="text"),
        pytest.param({"text": ["a"]}, {"text": "expected text, got a list"}, id="a list"),
        pytest.param({"flag": "yes"}, {"flag": "expected true or false, got 'yes'"}, id="flag"),
        pytest.param({"few": 5}, {"few": "expected a list, got 5"}, id="no list"),
        pytest.param({"few": {"a": 1}}, {"few": "expected a list, got a mapping"}, id="mapping"),
        pytest.param({"few": []}, {"few": "expected 1 or more items, got 0"}, id="too few"),
        pytest.param(
            {"few": [1, 2, 3]}, {"few": "expected 2 or fewer items, got 3"}, id="too many"
        ),
        pytest.param(
            {"few": [1, "b"]}, {"few[1]": "expected a whole number, got 'b'"}, id="a wrong item"
        ),
        pytest.param({"pair": 5}, {"pair": "expected a list, got 5"}, id="no pair"),
        pytest.param({"pair": [1]}, {"pair[1]": "expected an item, got nothing"}, id="half a pair"),
        pytest.param(
            {"short": ""},
            {"short": "expected text of 1 or more characters, got ''"},
            id="too short a text",
        ),
        pytest.param(
            {"short": "abcd"},
            {"short": "expected text of 3 or fewer characters, got 'abcd'"},
            id="too long a text",
        ),
        pytest.param(
            {"coded": "A"}, {"coded": "expected text of the form ^[a-z]$, got 'A'"}, id="a pattern"
        ),
        pytest.param({"above": 0}, {"above": "expected more than 0, got 0"}, id="not above"),
        pytest.param({"above": 10}, {"above": "expected less than 10, got 10"}, id="not below"),
        pytest.param({"within": 0}, {"within": "expected 1 or more, got 0"}, id="too little"),
        pytest.param(
            {"within": 1_000_001},
            {"within": "expected 1000000 or less, got 1000001"},
            id="too much",
        ),
        pytest.param(
            {"even": 3}, {"even": "expected an even number, got 3"}, id="a rule of our own"
        ),
        pytest.param(
            {"one": "onyl"}, {"one": "expected only, got 'onyl'; did you mean only?"}, id="one word"
        ),
        pytest.param(
            {"choice": "smal"},
            {"choice": "expected one of small, large, got 'smal'; did you mean small?"},
            id="one of several words",
        ),
        pytest.param(
            {"choice": 5}, {"choice": "expected one of small, large, got 5"}, id="no word at all"
        ),
        pytest.param(
            {"either": 1.5}, {"either": "expected a whole number or text, got 1.5"}, id="two types"
        ),
        pytest.param(
            {"named": "atuo"},
            {"named": "expected auto or a whole number, got 'atuo'; did you mean auto?"},
            id="a word or a number",
        ),
        pytest.param(
            {"named": 3}, {"named": "expected auto or an even number, got 3"}, id="a word or a rule"
        ),
        pytest.param(
            {"nested": 5}, {"nested": "expected text or a mapping, got 5"}, id="text or a mapping"
        ),
        pytest.param(
            {"nested": {"a": "b", "dict": 1}},
            {"nested.a": "expected a whole number, got 'b'"},
            id="the branch that fits goes on",
        ),
        pytest.param(
            {"sized": {"smal": 1}},
            {"sized.smal": "expected one of small, large, got 'smal'; did you mean small?"},
            id="a wrong key of a mapping",
        ),
        pytest.param(
            {"sized": {"smal": "a"}},
            {"sized.smal": "expected one of small, large, got 'smal'; did you mean small?"},
            id="the value of a wrong key does not matter",
        ),
        pytest.param(
            {"sized": {"small": "a"}},
            {"sized.small": "expected a whole number, got 'a'"},
            id="a wrong value of a mapping",
        ),
        pytest.param({"inner": 5}, {"inner": "expected a mapping, got 5"}, id="no mapping"),
        pytest.param(
            {"inner": {"siez": 1}},
            {"inner.siez": "expected one of size, deep, got 'siez'; did you mean size?"},
            id="an unknown key inside",
        ),
        pytest.param(
            {"inner": {"deep": {"deep": {"siez": 1}}}},
            {"inner.deep.deep.siez": "expected one of size, deep, got 'siez'; did you mean size?"},
            id="an unknown key deep inside",
        ),
        pytest.param(
            {"called": {"a": None, "b": {"siez": 1}}},
            {"called.b.siez": "expected one of size, deep, got 'siez'; did you mean size?"},
            id="an unknown key inside a mapping",
        ),
        pytest.param(
            {"many": [{"siez": 1}]},
            {"many[0].siez": "expected one of size, deep, got 'siez'; did you mean size?"},
            id="an unknown key inside an item",
        ),
        pytest.param(
            {"many": [{}, {"size": "a"}]},
            {"many[1].size": "expected a whole number, got 'a'"},
            id="a wrong value inside an item",
        ),
        pytest.param(
            {"whole": 13, "text": "rule"},
            {
                "whole": "expected a lucky number, got 13",
                "many[0].size": "expected another size, got 1",
                "": "expected no rule, got one",
            },
            id="rules over several keys name theirs",
        ),
        pytest.param({"step": 3}, {"step": "expected a multiple of 5, got 3"}, id="any other rule"),
        pytest.param(
            {"whole": "a", "text": 1, "inner": {"size": "b"}},
            {
                "whole": "expected a whole number, got 'a'",
                "text": "expected text, got 1",
                "inner.size": "expected a whole number, got 'b'",
            },
            id="several mistakes",
        ),
    ],
)
def test_a_mistake_is_said_in_words_of_the_document(
    data: dict[str, Any], mistakes: dict[str, str]
) -> None:
    assert explained(data) == mistakes


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False)
    | st.text(max_size=10)
    | st.sampled_from(["30s", "1m", "p95 < 2s", "embedded", "http://a", "small", "0.1s-1s"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "users", "small", "str", "low", "x"]), inner)
    ),
    max_leaves=5,
)
RIGHT: dict[type[BaseModel], dict[str, Any]] = {
    Profile: {
        "description": "d",
        "users": 5,
        "spawn_rate": 1,
        "duration": "30s",
        "phases": [{"name": "a", "duration": "30s", "users": 5}],
        "thresholds": ["p95 < 2s"],
    },
    Environment: {"description": "d", "targets": {"predict": "embedded"}},
    PredictMix: {
        "weights": {"health": 1, "predict": 1, "image": 1, "large": 1},
        "wait": "original",
        "image_sizes": {"small": [1, 1]},
        "sizes": {"predict": "small", "image": "small", "large": "small"},
    },
}
# What pydantic and Python would say; keys and values of the input are taken out before.
FOREIGN = re.compile(
    r"\b(should|valid|input|dict|str|int|float|bool|tuple|None|NoneType|True|False|instance|type|"
    r"function|constrained|object|model|union|string|integer|boolean|dictionary)\b"
)


@settings(max_examples=100)
@given(st.data())
def test_no_mistake_has_words_of_pydantic_or_python(data: st.DataObject) -> None:
    model = data.draw(st.sampled_from(list(RIGHT)))
    document = dict(RIGHT[model])
    for _ in range(data.draw(st.integers(1, 3))):
        key = data.draw(st.sampled_from([*model.model_fields, "unknown"]))
        inner = document.get(key)
        if isinstance(inner, dict) and data.draw(st.booleans()):
            name = data.draw(st.sampled_from([*inner, "unknown"]))
            document[key] = {**inner, name: data.draw(values)}
        elif isinstance(inner, list) and data.draw(st.booleans()):
            document[key] = [*inner, data.draw(values)]
        else:
            document[key] = data.draw(values)
    try:
        model.model_validate(document)
    except ValidationError as error:
        found = list(explain(error, document, model))
        assert found
        assert len(dict(found)) == len(found), "two lines on one place"
        for _, text in found:
            assert re.match("expected .+, got .+", text, re.DOTALL)
            expected = re.split(", got ", text)[0]
            assert not FOREIGN.search(expected), text


def test_a_key_that_looks_like_a_branch_is_still_a_key() -> None:
    data = {"nested": {"dict[str,int]": "a"}}
    assert explained(data) == {"nested.dict[str,int]": "expected a whole number, got 'a'"}
