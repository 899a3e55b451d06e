"""A browser for the tests of the pages, and services that it visits."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from retuned.daemon.state.running_service import read_place
from retuned.daemon.web.pages import add_pages
from retuned.daemon.web.sign_in_link import sign_in_link

AXE = Path(__file__).parents[2] / "vendored" / "axe-core" / "axe.min.js"
SHOTS = os.environ.get("RETUNED_SCREENSHOTS")
"""A folder for pictures of the pages, for people to look at; None: none are taken."""
WAIT_MS = 120_000
START_TIMEOUT_S = 60
CONFIG = "[service]\ntick_s = 1\n"


class Watched:
    """A tab of a browser that notes what it asks for elsewhere and what it complains about."""

    def __init__(self, chromium, **options):
        self.context = chromium.new_context(**options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(WAIT_MS)
        self.own, self.elsewhere, self.complaints = None, [], []
        self.page.on("request", self._note_request)
        self.page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _note_request(self, request):
        address = urlsplit(request.url)
        if address.scheme != "data" and address.netloc != self.own:
            self.elsewhere.append(request.url)

    def sign_in(self, link):
        address = urlsplit(link)
        self.own, self.url = address.netloc, f"{address.scheme}://{address.netloc}"
        self.page.goto(link)

    def sign_in_with_token(self, url, secret, label="Token", button="Sign in"):
        self.own, self.url = urlsplit(url).netloc, url
        self.page.goto(f"{url}/sign-in")
        self.page.get_by_label(label).fill(secret)
        self.press(button)

    def wait_for(self, path, text, is_there=True):
        """Load the page until it has the text, or has it no more."""
        ends = time.monotonic() + WAIT_MS / 1000
        while time.monotonic() < ends:
            self.page.goto(self.url + path)
            if (text in self.page.content()) is is_there:
                return
            self.page.wait_for_timeout(250)
        pytest.fail(f"{path}, {text!r}: {self.page.inner_text('body')}")

    def wait_for_title(self, text):
        """Wait until the page has become another by itself."""
        ends = time.monotonic() + WAIT_MS / 1000
        while text not in self.page.title():
            assert time.monotonic() < ends, self.page.inner_text("body")
            self.page.wait_for_timeout(250)

    def serious_faults(self):
        """What axe-core finds on the page that keeps people from reading or using it."""
        self.page.evaluate(f"() => {{ {AXE.read_text()} }}")
        found = json.loads(self.page.evaluate("async () => JSON.stringify((await axe.run()).violations)"))
        return [
            (rule["id"], [node["html"][:200] for node in rule["nodes"]][:3])
            for rule in found
            if rule["impact"] in ("serious", "critical")
        ]

    def shoot(self, name):
        if SHOTS:
            self.page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)

    def width_at(self, width, name):
        """How wide the page is in a window of that width, of which it takes a picture."""
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.emulate_media(color_scheme="dark" if width == 1024 else "light")
        self.shoot(f"{name}-{width}")
        return self.page.evaluate("document.documentElement.scrollWidth")

    def faults_in(self, theme):
        """What keeps people from reading the page in a theme."""
        self.page.emulate_media(color_scheme=theme)
        return self.serious_faults()

    def press(self, label):
        """Press a button and wait for the page that answers."""
        self._follow(self.page.get_by_role("button", name=label, exact=True))

    def click_link(self, label, **how):
        """Go where a link leads, and wait for that page."""
        self._follow(self.page.get_by_role("link", name=label, **how))

    def _follow(self, element):
        with self.page.expect_navigation():  # a click alone may return before the answer is there
            element.click()


class Service:
    """`retuned serve` as a process of its own on a state folder."""

    def __init__(self, folder):
        self.state, config = folder / "state", folder / "config.toml"
        config.write_text(CONFIG)
        command = [sys.executable, "-m", "retuned.daemon", "--state", str(self.state), "--config", str(config), "serve"]
        self.log = (folder / "service.log").open("w")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        self.url = self._url()

    def _url(self):
        ends = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < ends and self.process.poll() is None:
            place = read_place(self.state)
            if place is not None:
                return place.url
            time.sleep(0.05)
        pytest.fail(Path(self.log.name).read_text()[-2000:])

    def link(self):
        return sign_in_link(read_place(self.state))

    def stop(self):
        self.process.terminate()
        self.process.wait(60)
        self.log.close()


@pytest.fixture(scope="module")
def chromium():
    """Debian's Chromium, driven by playwright; loudly skipped without either, but not in CI."""
    program = shutil.which("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        sync_playwright = None
    missing = "the package playwright" if sync_playwright is None else "chromium" if program is None else ""
    if missing:
        told = f"NOT TESTED: the pages in a browser: {missing} is missing (apt-get install chromium; pip: extra test)"
        pytest.fail(told) if os.environ.get("CI") == "true" else pytest.skip(told)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def served(judged_copy, serve):
    """A desk with a judged model, and its pages."""
    made = serve(judged_copy, add_pages=add_pages)
    yield made
    made.api.stop()


@pytest.fixture
def service(tmp_path):
    """A service with nothing registered."""
    made = Service(tmp_path)
    yield made
    made.stop()
