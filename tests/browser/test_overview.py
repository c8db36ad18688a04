"""The page as a browser lays it out, on a telephone, a tablet and a desk."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from config.settings import load_settings
from tests.browser.chromium import Page, browser, executable
from tests.web.rows import fill
from tests.web.serving import serving
from workers.app import open_app

PHONE, TABLET, LAPTOP, DESK = 360, 800, 1030, 1280
# Parts whose content is wider than they are, or that stick out of their card.
TOO_WIDE = """
[...document.querySelectorAll("th, td, dd, p, h3, .glance a")]
  .filter(part => part.offsetParent && getComputedStyle(part).display !== "inline")
  .filter(part => {
    const card = part.closest(".card");
    const right = card ? card.getBoundingClientRect().right : innerWidth;
    return part.scrollWidth > part.clientWidth + 1 || part.getBoundingClientRect().right > right;
  })
  .map(part => part.innerText)
"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    program = executable()
    if program is None:
        pytest.skip("needs a Chromium on the path, and there is none")
    with browser(program, tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture(scope="module", params=["filled", "empty"])
def address(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    app = open_app(load_settings({"RETRO_HOME": str(tmp_path_factory.mktemp("home"))}))
    if request.param == "filled":
        fill(app)
    with serving(app) as address:
        yield address
    app.close()


@pytest.mark.parametrize("width", [PHONE, TABLET, LAPTOP, DESK])
@pytest.mark.parametrize("lang", ["en", "fr"])
def test_nothing_is_wider_than_the_page(
    chromium: Page, address: str, lang: str, width: int
) -> None:
    chromium.open(f"{address}/?lang={lang}", width)
    assert chromium.evaluate("document.documentElement.clientWidth") == width
    assert chromium.evaluate("document.documentElement.scrollWidth") == width
    assert chromium.evaluate(TOO_WIDE) == []


def test_the_style_is_applied_and_the_browser_has_nothing_to_complain_about(
    chromium: Page, address: str
) -> None:
    chromium.open(address, DESK)
    assert chromium.evaluate("getComputedStyle(document.body).fontVariantNumeric") == "tabular-nums"
    assert chromium.complaints() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(chromium: Page, address: str, scheme: str) -> None:
    """WCAG 2.1 asks for a contrast of 4.5 (level AA)."""
    feature = {"name": "prefers-color-scheme", "value": scheme}
    chromium.call("Emulation.setEmulatedMedia", features=[feature])
    chromium.open(address, DESK)
    measured = chromium.evaluate(CONTRASTS)
    assert measured
    assert {text: contrast for text, contrast in measured if contrast < 4.5} == {}


def test_a_screenshot_shows_the_page(chromium: Page, address: str, tmp_path: Path) -> None:
    chromium.open(address, PHONE)
    picture = tmp_path / "page.png"
    chromium.screenshot(picture)
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 10_000


CONTRASTS = """
(() => {
  const parse = colour => colour.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => [r, g, b]
    .map(part => part / 255)
    .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = part => {
    for (; part; part = part.parentElement) {
      const colour = parse(getComputedStyle(part).backgroundColor);
      if (colour[3] !== 0) return colour;
    }
  };
  return [...document.querySelectorAll("body *")]
    .filter(part => [...part.childNodes].some(each => each.nodeType === 3 && each.data.trim()))
    .map(part => {
      const [a, b] = [parse(getComputedStyle(part).color), behind(part)].map(luminance);
      return [part.innerText, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)];
    });
})()
"""
