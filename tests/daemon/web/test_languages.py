"""The languages of the pages: which one a reader gets, what is translated, and that the catalogue is whole."""

import gettext
import html
import os
import re

import pytest
import requests
from retuned.daemon.state.tokens import Role
from retuned.daemon.web import languages
from retuned.daemon.web.languages import LANGUAGES, LOCALE, language_of

from .conftest import Watched

CATALOGUE = LOCALE / "ko" / "LC_MESSAGES"
KOREAN = {"accept-language": "ko-KR,ko;q=0.9,en;q=0.8"}
TRANSLATED = [
    "/", "/?q=nothing", "/?tag=%25s&change=<b>50%25", "/alerts", "/models/none", "/models/toy", "/schedule", "/settings"
]  # fmt: skip


@pytest.fixture(scope="module")
def babel():
    """The package that makes the catalogue; loudly skipped without it, but not in CI."""
    try:
        import babel.messages.extract
        import babel.messages.mofile
        import babel.messages.pofile
    except ImportError:
        told = "NOT TESTED: the catalogue of messages: the package babel is missing (pip: extra test)"
        pytest.fail(told) if os.environ.get("CI") == "true" else pytest.skip(told)
    return babel


@pytest.fixture
def po(babel):
    with (CATALOGUE / "messages.po").open("rb") as file:
        return babel.messages.pofile.read_po(file, locale="ko")


def key(message):
    return message if isinstance(message, str) else message[0]


def said(catalogue):
    """What each sentence of the source is in the catalogue."""
    return {
        key(each.id): [each.string] if type(each.string) is str else [*each.string] for each in catalogue if each.id
    }


def test_every_sentence_of_the_source_is_in_the_catalogue_and_no_other(babel, po):
    places = [("**.py", "python"), ("templates/**.j2", "jinja2")]
    found = babel.messages.extract.extract_from_dir(
        LOCALE.parent, places, {"templates/**.j2": {"newstyle_gettext": "true", "silent": "false"}}
    )
    in_source = {key(message) for _, _, message, *_ in found}
    assert len(in_source) > 100
    assert in_source == {key(message.id) for message in po if message.id}


def test_every_sentence_is_translated_with_the_values_of_the_original(po):
    written = [message for message in po if message.id]
    assert [message.id for message in written if message.fuzzy or not all([message.string, *message.string])] == []
    assert [(message.id, str(error)) for message in written for error in message.check(po)] == []


def test_the_compiled_catalogue_is_that_of_the_written_one(babel, po):
    with (CATALOGUE / "messages.mo").open("rb") as file:
        mo = babel.messages.mofile.read_mo(file)
    assert said(mo) == said(po), "run: make words"


@pytest.mark.parametrize(
    ("chosen", "accepted", "language"),
    [
        ("", "", "en"),
        ("", "ko-KR,ko;q=0.9,en;q=0.8", "ko"),
        ("", "en-US,en;q=0.9,ko;q=0.8", "en"),
        ("", "de, ko;q=0.3, en;q=0.2", "ko"),  # the first that there is
        ("", "ko;q=0, en;q=0.1", "en"),  # refused
        ("", "en;q=0.2, KO;q=0.7", "ko"),
        ("", "fr, de", "en"),
        ("", "ko;q=x,;;,=", "en"),
        ("en", "ko", "en"),  # what was chosen comes first
        ("ko", "en", "ko"),
        ("../../etc", "ko", "ko"),
    ],
)
def test_a_reader_gets_what_was_chosen_else_what_the_browser_asks_for(chosen, accepted, language):
    assert language_of(chosen, accepted) == language


def test_each_language_but_that_of_the_source_has_a_catalogue():
    assert [code for code in LANGUAGES if not gettext.find("messages", LOCALE, [code])] == ["en"]
    assert languages.say_in("en").gettext("Fleet") == "Fleet"
    assert languages.say_in("ko").gettext("Fleet") == "모델 목록"


def sentences(po):
    """What stands in the source and is more than a word, without what it is filled with."""
    texts = [part for message in po if message.id for part in ([message.id] if type(message.id) is str else message.id)]
    return {text for text in texts if " " in text.strip() and "%(" not in text and "<" not in text}


@pytest.mark.parametrize("path", TRANSLATED)
def test_a_page_in_korean_holds_no_sentence_of_the_english_one(served, po, path):
    text = html.unescape(served.browser(Role.ADMIN).get(served.url + path, headers=KOREAN, timeout=30).text)
    assert '<html lang="ko">' in text
    assert '<main id="content">' in text
    assert re.search("[가-힣]", text)
    assert {sentence for sentence in sentences(po) if sentence in text} == set()


def test_signing_in_is_translated_with_its_errors(served, po):
    asked = requests.get(f"{served.url}/sign-in", headers=KOREAN, timeout=30)
    wrong = requests.post(f"{served.url}/sign-in", data={"token": "rtn_x"}, headers=KOREAN, timeout=30)
    assert "로그인" in asked.text
    assert "알 수 없거나 취소된 토큰입니다." in wrong.text
    assert {sentence for sentence in sentences(po) if sentence in asked.text + wrong.text} == set()


def test_the_headline_is_a_sentence_in_korean(served):
    text = served.browser(Role.VIEWER).get(served.url, headers=KOREAN, timeout=30).text
    assert "모델 1개 중 0개 fresh(최신), stale 1개." in text
    assert re.search(r"score [\d.]+ 손해\(적어도 [\d.]+\)", text)
    assert "0 of 1 model fresh, 1 stale." in served.browser(Role.VIEWER).get(served.url, timeout=30).text


def test_one_readers_language_is_not_anothers(served):
    korean, english = served.browser(Role.VIEWER), served.browser(Role.VIEWER)
    assert '<html lang="ko">' in korean.get(served.url, headers=KOREAN, timeout=30).text
    assert "Is the fleet fresh?" in english.get(served.url, timeout=30).text
    assert "모델 1개" in korean.get(served.url, headers=KOREAN, timeout=30).text


@pytest.mark.parametrize(
    ("referer", "path"),
    [
        ("{url}/alerts?model=toy", "/alerts?model=toy"),
        ("https://evil.example/alerts", "/"),
        ("{url}//evil.example/", "/"),
        ("{url}/\\evil.example/", "/"),
        ("", "/"),
    ],
)
def test_the_choice_is_kept_and_leads_back_to_where_it_was_made(served, referer, path):
    browser, headers = served.browser(Role.VIEWER), {"referer": referer.format(url=served.url)}
    answer = browser.get(f"{served.url}/language?to=ko", headers=headers, allow_redirects=False, timeout=30)
    assert (answer.status_code, answer.headers["location"]) == (303, path)
    assert '<html lang="ko">' in browser.get(served.url, timeout=30).text
    browser.get(f"{served.url}/language?to=en", timeout=30)
    assert '<html lang="en">' in browser.get(served.url, headers=KOREAN, timeout=30).text


def test_a_language_that_there_is_not_is_no_choice(served):
    answer = requests.get(f"{served.url}/language?to=xx", allow_redirects=False, timeout=30)
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", ["/", "/alerts", "/sign-in", "/models/toy", "/schedule", "/settings"])
def test_the_pages_in_korean_are_readable_and_switch_with_a_click(chromium, served, path):
    tab = Watched(chromium, locale="ko-KR", viewport={"width": 390, "height": 900})
    tab.sign_in_with_token(served.url, served.secrets[Role.ADMIN], "토큰", "로그인")
    tab.page.goto(served.url + path)
    assert tab.serious_faults() == []
    tab.shoot(f"korean{path.replace('/', '-')}")
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= 390
    tab.click_link("English")
    assert tab.page.get_attribute("html", "lang") == "en"
    assert (tab.elsewhere, tab.complaints) == ([], [])
    tab.context.close()
