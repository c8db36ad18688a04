"""The list of tools."""

import pytest

from connectors.bitrix24.connector import Bitrix24
from connectors.capabilities import CAPABILITIES
from connectors.port import readable_streams
from connectors.registry import UnknownTool, tool, tools


def test_a_tool_is_found_by_its_kind() -> None:
    assert tool("bitrix24") is Bitrix24
    assert all(kind == found.kind for kind, found in tools().items())


def test_a_misspelt_kind_names_the_nearest_one() -> None:
    with pytest.raises(UnknownTool, match="did you mean bitrix24"):
        tool("bitrix")


def test_an_unknown_kind_names_what_there_is() -> None:
    with pytest.raises(UnknownTool, match=r"there are: .*bitrix24"):
        tool("xyzzy")


def test_bitrix24_offers_all_but_the_figures_it_has_no_rest_for() -> None:
    offered = {name for name, port in CAPABILITIES.items() if issubclass(Bitrix24, port)}
    assert set(CAPABILITIES) - offered == {"campaign figures", "form figures", "e-mail figures"}
    assert len(readable_streams(Bitrix24)) == 8


def test_what_a_tool_says_about_itself_is_in_sentences() -> None:
    for each in tools().values():
        assert each.limits
        assert each.quirks
        for sentence in (*each.limits, *each.quirks):
            assert sentence.endswith(".")
            assert "\n" not in sentence
