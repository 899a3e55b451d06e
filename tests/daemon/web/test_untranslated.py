"""No English is left on the Korean pages but records, which say so: by the templates' source and by the pages."""

import re
from html.parser import HTMLParser

import jinja2
import pytest
from jinja2 import nodes
from retuned.daemon.state.tokens import Role
from retuned.daemon.web.render import TEMPLATES

KOREAN = {"accept-language": "ko"}
NAMES = frozenset({"retuned", "caviar", "panda"})
"""Bare words of templates that are the same in every language."""
READ = frozenset({"aria-label", "title", "alt", "data-name", "data-zone"})
"""Attributes that people read."""
CAUSE = "data worse, rusted"
"""A record that stands inside attributes, where nothing can say that it is English."""
VOID = frozenset({"meta", "link", "input", "br", "polyline", "line", "circle"})
WORDS = re.compile(r"[A-Za-z]{2,} [A-Za-z]{2,}")
LETTERS = re.compile(r"[^\W\d_]{2,}")
TO_TRANSLATE = frozenset({"_", "ngettext"})
PATHS = (
    "/", "/?q=nothing", "/models/toy", "/models/toy/plan", "/models/toy/adopt", "/models/toy/rollback?to=1", "/alerts",
    "/alerts?model=toy", "/schedule", "/schedule?model=toy", "/health", "/doctor", "/settings", "/register", "/audit",
    "/audit?name=nobody", "/sign-in", "/campaigns/3/runs/nothing",
)  # fmt: skip


def english_in(page):
    """The texts of a page with two words or more of English in a row, but for quoted records."""
    return [text for text in Texts(page).said if WORDS.search(text.replace(CAUSE, ""))]


class Texts(HTMLParser):
    """What a page says to people, without code and without what says that it is English."""

    def __init__(self, page):
        super().__init__()
        self.said, self._open = [], []
        self.feed(page)

    @property
    def _is_quoted(self):
        return any(is_quoted for _, is_quoted in self._open)

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        if not self._is_quoted:
            self.said += [text for name, text in attributes if name in READ and text]
        if tag not in VOID:
            self._open.append((tag, tag in ("code", "pre", "script") or named.get("lang") == "en"))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self._open.pop()[0] == tag

    def handle_data(self, text):
        if not self._is_quoted:
            self.said.append(text)


def parsed(source):
    return jinja2.Environment(extensions=["jinja2.ext.i18n"], autoescape=True).parse(source)


def written(tree):
    """The template's own text in its order, with a mark where a value stands."""
    return "".join(
        part.data if isinstance(part, nodes.TemplateData) else "\0"
        for output in tree.find_all(nodes.Output)
        for part in output.nodes
    )


def shown_constants(node):
    """The texts in the values that a template shows, but those that are translated or choose among others."""
    if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name in TO_TRANSLATE:
        return
    if isinstance(node, nodes.Compare):
        return
    if isinstance(node, nodes.Const) and isinstance(node.value, str):
        yield node.value
    for child in node.iter_child_nodes(exclude=("test",)):
        yield from shown_constants(child)


@pytest.mark.parametrize("template", sorted(path.name for path in TEMPLATES.glob("*.j2")))
def test_every_word_of_a_template_is_translated(template):
    tree = parsed((TEMPLATES / template).read_text())
    assert {word for text in Texts(written(tree)).said for word in LETTERS.findall(text)} <= NAMES
    outputs = [part for output in tree.find_all(nodes.Output) for part in output.nodes]
    assert [text for part in outputs for text in shown_constants(part) if WORDS.search(text)] == []


def test_a_bare_word_would_be_found():
    tree = parsed('<p title="Old{{ n }}">{{ _("new words") }} now {% if n %}<b>or later</b>{% endif %}</p>')
    assert Texts(written(tree)).said == ["Old\0", "\0 now ", "or later"]
    shown = parsed('{{ "old words" if n == "some thing" else _("new words") }}')
    assert [*shown_constants(shown)] == ["old words"]


@pytest.mark.parametrize("path", PATHS)
def test_a_page_in_korean_says_nothing_in_english_but_records(served, path):
    answer = served.browser(Role.ADMIN).get(served.url + path, headers=KOREAN, timeout=60)
    assert re.search("[가-힣]{2}", answer.text)
    assert '<html lang="ko">' in answer.text
    assert english_in(answer.text) == []


@pytest.fixture
def running(served):
    """The number of a campaign that has found a good deal and still runs."""
    with served.desk.store.transaction():
        served.desk.store.change("UPDATE campaigns SET verdict = NULL, ended_at = NULL, phase = 'confirm' WHERE id = 3")
    return 3


def test_a_running_campaign_is_in_the_language_of_each_who_watches(served, running):
    korean, english = served.browser(Role.OPERATOR), served.browser(Role.OPERATOR)
    page, live = f"{served.url}/campaigns/{running}", f"{served.url}/campaigns/{running}/live"
    first = korean.get(live, headers=KOREAN, timeout=30).text
    second = english.get(live, timeout=30).text
    assert english_in(first) == []
    assert "끝난 학습" in first
    assert "Training runs ended" in second
    assert not re.search("[가-힣]", second)
    assert english_in(korean.get(page, headers=KOREAN, timeout=30).text) == []
    assert korean.get(live, headers=KOREAN, timeout=30).text == first


@pytest.mark.parametrize(
    ("path", "fields", "said"),
    [
        ("/models/toy/pause", {}, "toy 모델의 상태가 이제 '멈춤'입니다."),
        ("/models/toy/retune", {"seed": "5"}, "대기열에 넣었습니다."),
        ("/models/toy/cancel", {}, "캠페인 0개를 취소했습니다."),
        ("/models/toy/adopt", {"campaign": "3"}, "이제 설정 v"),
        ("/models/toy/explode", {}, "이 페이지에는 'explode' 동작이 없습니다"),
        ("/settings/tokens", {"name": "new", "role": "viewer"}, "토큰 new(보기 권한)"),
        ("/settings/sessions/none/end", {}, "번호가 'none'인 세션이 없습니다"),
        ("/register", {"folder": "/srv/line"}, "모델 파일이 없습니다"),
        ("/register", {"content": "x = 1", "folder": "line"}, "폴더가 'line'입니다"),
    ],
)
def test_what_a_form_did_or_why_not_is_said_in_korean(served, path, fields, said):
    browser = served.browser(Role.ADMIN)
    csrf = re.search('name="csrf" value="([^"]+)"', browser.get(served.url, timeout=30).text)[1]
    form = {"csrf": csrf, **fields}
    answer = browser.post(served.url + path, data=form, headers={**KOREAN, "origin": served.url}, timeout=60)
    assert [text for text in Texts(answer.text).said if said in text]
    assert english_in(answer.text) == []


def test_what_a_role_may_not_is_said_in_korean(served):
    answer = served.browser(Role.VIEWER).get(f"{served.url}/audit", headers=KOREAN, timeout=30)
    assert answer.status_code == 403
    assert "권한 '보기 권한'(으)로 로그인했습니다" in Texts(answer.text).said
    assert "허용: 권한 '관리자' 이상" in Texts(answer.text).said


def test_errors_of_verbs_are_english_and_say_so(served):
    answer = served.browser(Role.VIEWER).get(f"{served.url}/models/none", headers=KOREAN, timeout=30)
    assert answer.status_code == 404
    assert english_in(answer.text) == []
    assert '<div class="wrong" role="alert" lang="en">' in answer.text
