"""The built site is a folder for any host, and for opening its files: `make test-playground`."""

import http.server
import re
import threading
from functools import partial
from pathlib import Path

import pytest

from docs import browser

SITE = Path(__file__).parents[1] / "_build" / "html"
WORDS = "barrier"  # of the glossary
CARD = ".sphx-glr-thumbcontainer"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not SITE.is_dir(), reason="`make docs` has not run"),
]


@pytest.fixture(scope="module")
def chromium():
    playwright = pytest.importorskip("playwright.sync_api")
    if browser.browser_path() is None:
        pytest.skip("Chromium isn't installed")
    with playwright.sync_playwright() as running:
        yield running.chromium.launch(executable_path=browser.browser_path())


class Host(http.server.SimpleHTTPRequestHandler):
    """A host that has the site in a folder, and answers with its 404.html at any depth."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        page = (SITE / "404.html").read_bytes()
        self.send_response(code)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(page)

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    root = tmp_path_factory.mktemp("host")
    (root / "folder").mkdir()
    (root / "folder" / "diffkeras").symlink_to(SITE.resolve())
    host = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Host, directory=str(root)))
    threading.Thread(target=host.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{host.server_port}/folder/diffkeras"
    host.shutdown()


def test_no_link_depends_on_the_place_of_the_folder():
    absolute = {
        f"{page.relative_to(SITE)}: {link}"
        for page in SITE.rglob("*.html")
        for link in re.findall(
            r'<[^>]* (?:href|src|action)="((?:/|file:)[^"]*)"', page.read_text(encoding="utf-8")
        )
    }
    assert absolute == set()


def test_the_search_works_from_files(chromium):
    view = chromium.new_page()
    view.goto(f"{(SITE / 'search.html').resolve().as_uri()}?q={WORDS}")
    view.wait_for_selector("#search-results li a")
    links = view.eval_on_selector_all("#search-results li a", "(all) => all.map((a) => a.href)")
    assert any("glossary.html" in link for link in links)
    assert all(link.startswith("file:") for link in links)
    view.close()


def test_thumbnails_of_worked_examples_lie_in_their_cards(chromium):
    view = chromium.new_page()
    view.goto((SITE / "worked_examples" / "index.html").resolve().as_uri())
    view.wait_for_selector(CARD)
    outside = view.eval_on_selector_all(
        CARD,
        "(cards) => cards.filter((card) => {"
        " const [own, one] = [card, card.querySelector('img')].map("
        "(part) => part.getBoundingClientRect());"
        " return one.top < own.top || one.bottom > own.bottom; }).map((card) => card.innerText)",
    )
    assert outside == []
    view.close()


@pytest.mark.parametrize("place", ["nowhere.html", "worked_examples/deeper/nowhere.html"])
def test_a_lost_reader_finds_the_first_page_and_the_search(place, chromium, address):
    view = chromium.new_page()
    answer = view.goto(f"{address}/{place}")
    assert answer.status == 404
    view.wait_for_function("document.getElementById('home').pathname.endsWith('/index.html')")
    assert view.evaluate("document.getElementById('home').href") == f"{address}/index.html"
    view.fill("input", WORDS)
    view.click("button")
    view.wait_for_selector("#search-results li a")
    assert view.url == f"{address}/search.html?q={WORDS}"
    view.close()
