"""The page about a campaign: whole, self-contained, escaped, and with the numbers of the record."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
import typer
from retuned.daemon.cli.cli import app, main
from retuned.daemon.reports.campaign_record import record_of
from retuned.daemon.reports.page import page_of, render_page
from retuned.daemon.reports.page_background import cost_section, share_of_full_search
from retuned.daemon.reports.page_causes import causes_section
from retuned.daemon.reports.parallel_coordinates import coordinates_figure
from retuned.daemon.state.campaigns.campaigns import find_campaign
from retuned.daemon.state.campaigns.legs import results_of
from retuned.strategies.drift.cause_records import Cause, Causes, Effect, Finding
from retuned.strategies.errors import ConflictError, InputError, UnknownName
from retuned.strategies.records import LegEnd, Outcome
from retuned.strategies.verdict.verdict_records import Reason
from retuned.strategies.verdict.verdict_words import figure, odds

VOID = {"meta", "link", "br", "hr", "img", "input", "col"}
SECTIONS = ("settings", "causes", "evidence", "search", "curves", "cost", "provenance", "reproduce")


class Html(HTMLParser):
    """A page taken apart: tags must close in order; text, attributes and scripts are kept."""

    def __init__(self, text):
        super().__init__()
        self.open, self.attributes, self.scripts, self.styles, self.words, self.ids = [], [], [], [], [], []
        self.headings, self.cells = [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.attributes += [(tag, *attribute) for attribute in attributes]
        self.ids += [value for name, value in attributes if name == "id"]
        if tag not in VOID:
            self.open.append(tag)
        if tag in ("td", "th"):
            self.cells.append((tag, dict(attributes).get("scope"), ""))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        here = self.open[-1] if self.open else ""
        kept = {"script": self.scripts, "style": self.styles}.get(here, self.words)
        kept.append(data)
        if here in ("td", "th"):
            tag, scope, text = self.cells[-1]
            self.cells[-1] = (tag, scope, text + data)
        if here in ("h1", "h2"):
            self.headings.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).replace("\u00a0", " ").split())

    @property
    def figures(self):
        return json.loads(self.scripts[0])


def write_page(desk, named, target):
    """The command `retuned report`, in this process."""
    words = ["--state", str(desk.config.state), "report", named, "--html", str(target)]
    typer.main.get_command(app).main(words, standalone_mode=False)


def page(desk, named):
    return Html(render_page(page_of(record_of(desk.store, str(named)))))


@pytest.fixture(scope="module")
def fresh(judged):
    return page(judged, 2)


@pytest.fixture(scope="module")
def stale(judged):
    return page(judged, 3)


@pytest.fixture(scope="module")
def baseline(judged):
    return page(judged, 1)


@pytest.fixture(scope="module")
def stale_verdict(judged):
    return find_campaign(judged.store, 3).verdict


def trace(figure_, name):
    return next(drawn for drawn in figure_["data"] if drawn.get("name") == name)


def test_every_section_of_a_re_evaluation_is_there(stale, fresh):
    assert [name for name in SECTIONS if name not in stale.ids or name not in fresh.ids] == []


def test_a_baseline_has_its_replicates_and_its_contract(baseline, judged):
    assert {"replicates", "cost", "provenance", "reproduce"} <= set(baseline.ids)
    assert "another seed changes the score" in baseline.text
    scores = [result.score for result in results_of(judged.store, 1) if result.request.trial.startswith("replicate")]
    assert trace(baseline.figures["replicates-plot"], "one run")["y"] == scores


def test_a_page_asks_for_nothing_from_outside(stale):
    named = [value for _, name, value in stale.attributes if name in ("src", "href", "srcset", "data", "action")]
    assert named == []
    assert [style for style in stale.styles if "url(" in style or "@import" in style] == []


def test_only_the_scripts_of_the_page_may_run(stale):
    policy = next(value for _, name, value in stale.attributes if name == "content" and "default-src" in value)
    assert "default-src 'none'" in policy
    allowed = re.search(r"script-src ([^;]+);", policy)[1].split()
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in stale.scripts[1:]]
    assert allowed == [f"'sha256-{digest}'" for digest in digests]
    assert len(digests) == 2


def test_the_summary_says_the_verdict_with_its_numbers(stale, stale_verdict):
    assert "toy STALE" in stale.text
    assert stale_verdict.sentence in stale.text
    assert f"{figure(stale_verdict.lower)} to {figure(stale_verdict.upper)}" in stale.text
    assert "retuned adopt toy --campaign 3" in stale.text


def test_the_last_look_in_table_and_figure_is_the_verdict(stale, stale_verdict):
    cells = [text for _, _, text in stale.cells]
    numbers = [figure(value) for value in (stale_verdict.mean, stale_verdict.lower, stale_verdict.upper)]
    last = [str(stale_verdict.n_pairs), *numbers, odds(stale_verdict.e_value), "STALE"]
    assert [cells[at : at + len(last)] for at in range(len(cells))].count(last) == 1
    drawn = stale.figures["improvement"]
    interval = trace(drawn, "mean and interval L to U after each look")
    assert interval["y"][-1] == stale_verdict.mean
    assert interval["y"][-1] - interval["error_y"]["arrayminus"][-1] == pytest.approx(stale_verdict.lower)
    assert interval["y"][-1] + interval["error_y"]["array"][-1] == pytest.approx(stale_verdict.upper)
    assert trace(drawn, "evidence for an improvement")["y"][-1] == stale_verdict.e_value
    assert trace(drawn, "STALE at 160:1")["y"] == [160.0, 160.0]
    assert trace(drawn, "delta, the smallest improvement that matters")["y"] == [stale_verdict.delta] * 2
    assert len(trace(drawn, "one pair")["y"]) == stale_verdict.n_pairs


def test_every_trial_of_the_search_is_a_line_and_two_stand_out(stale, judged):
    lines = [line for line in stale.figures["search-plot"]["data"] if line["mode"] == "lines+markers"]
    trials = {r.request.trial for r in results_of(judged.store, 3) if r.request.trial.startswith("search.")}
    assert len(lines) == len(trials)
    assert [line["name"] for line in lines[-2:] if line["line"]["width"] == 4] == [line["name"] for line in lines[-2:]]
    assert {line["name"] for line in lines[-2:]} == {"stored settings", "challenger"}


def test_curves_show_the_pairs_before_the_search(stale, stale_verdict):
    names = [curve["name"] for curve in stale.figures["curves-plot"]["data"]]
    assert names == ["search", "stored settings, fresh runs", "challenger, fresh runs"]
    shown = [y for y in stale.figures["curves-plot"]["data"][1]["y"] if y is not None]
    assert len(shown) == stale_verdict.n_pairs


def test_without_pairs_the_runs_of_the_stored_settings_are_shown(fresh):
    assert "improvement" not in fresh.figures
    assert "No pairs were run" in fresh.text
    assert "4 fresh runs of the stored settings alone" in fresh.text


def test_cost_tells_runs_and_the_share_of_a_full_search(stale, judged):
    campaign = find_campaign(judged.store, 3)
    share = share_of_full_search(record_of(judged.store, "3"))
    legs = results_of(judged.store, 3)
    trials = len({leg.request.trial for leg in legs if leg.request.trial.startswith("search.")})
    assert share == pytest.approx(sum(leg.request.to_step - leg.request.from_step for leg in legs) / 10 / trials)
    assert f"The verdict took {100 * share:.0f}% of a full search" in stale.text
    assert str(campaign.facts.ended.runs) in [text for _, _, text in stale.cells]


def test_provenance_holds_seed_versions_and_fingerprints(stale, judged):
    prepared = find_campaign(judged.store, 3).facts.prepared
    assert prepared.data.content[:24] in stale.text
    assert prepared.snapshot in stale.text
    assert dict(prepared.environment.packages)["torch"] in stale.text
    assert "The error rate covers" in stale.text
    assert "retune toy --seed 1" in stale.text
    assert "RETUNED_SPLIT_SEED=" in stale.text


def test_tables_have_row_heads_and_headings_come_in_order(stale):
    assert stale.headings[0].strip() == "toy"
    assert {scope for tag, scope, _ in stale.cells if tag == "th"} == {"row", "col"}
    assert ("html", "lang", "en") in stale.attributes
    assert len(stale.ids) == len(set(stale.ids))


EVIL = '<script>alert("1")</script>'


def test_names_with_markup_in_them_are_escaped(judged):
    record = record_of(judged.store, "3")
    goal = record.file.goal.model_copy(update={"metric": EVIL})
    file = record.file.model_copy(update={"goal": goal, "owner": EVIL})
    text = render_page(page_of(replace(record, file=file)))
    assert EVIL not in text
    assert len(Html(text).scripts) == 3
    title = Html(text).figures["curves-plot"]["layout"]["yaxis"]["title"]["text"]
    assert title == EVIL.replace("<", "&lt;").replace(">", "&gt;")


@pytest.mark.parametrize("reason", [Reason.UNDECIDED, Reason.NO_NOISE, Reason.LOOK_AT_DATA])
@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("campaign", ["2", "3"])
def test_a_page_can_be_written_for_every_outcome(judged, campaign, outcome, reason):
    record = record_of(judged.store, campaign)
    verdict = replace(record.campaign.verdict, outcome=outcome, reason=reason, suspicions=("column x: 1e9",))
    page_ = page_of(replace(record, campaign=replace(record.campaign, verdict=verdict)))
    assert page_.badge.startswith(outcome.value.upper())
    assert page_.meaning
    assert [section.id for section in page_.sections] == list(SECTIONS)


def test_broken_settings_are_shown_with_their_failures(desk):
    goal = 'metric = "score"\ndirection = "maximize"\nfloor = -5'
    desk.register(search="challengers = 4\nmax_pairs = 8", objective=goal)
    desk.baseline()
    desk.write_data(crash_above=0.005, optimum=-3.0)
    verdict = desk.retune(seed=1).verdict
    assert verdict.outcome is Outcome.BROKEN
    written = page(desk, "toy")
    failing = trace(written.figures["improvement"], "evidence that the stored settings fail more often")
    assert failing["y"][-1] == verdict.divergence_e
    assert len(trace(written.figures["improvement"], "a pair with a failed run, at the floor")["x"]) == verdict.n_pairs
    assert f"{verdict.incumbent_failed} of {verdict.incumbent_runs}" in written.text
    crossed = trace(written.figures["search-plot"], "stored settings")
    assert crossed["marker"]["symbol"][-1] == "x"


def test_a_run_that_was_stopped_as_hopeless_is_no_failure_and_costs_what_it_trained(judged):
    record = record_of(judged.store, "3")
    last = max(record.searched, key=lambda trial: trial.name).last
    detail = "stopped as hopeless at 6 of 10: ..."
    stopped = replace(last, end=LegEnd.STOPPED, score=None, detail=detail, curve=((6.0, -9.0),))
    results = tuple(stopped if result is last else result for result in record.results)
    before, after = (replace(record, results=legs) for legs in (record.results, results))
    text = Html(render_page(page_of(after))).text
    assert "6 of 10" in text
    cells = [next(row[2:] for row in cost_section(run).tables[0].rows if row[0] == "search") for run in (before, after)]
    assert float(cells[0][0]) - float(cells[1][0]) == pytest.approx(0.4, abs=0.051)
    assert (cells[0][-1], cells[1][-1]) == ("0", "0")
    trial = next(trial for trial in after.searched if trial.name == stopped.request.trial)
    assert (trial.has_failed, trial.was_stopped) == (False, True)
    drawn = coordinates_figure(after.space, "score", 1.0, after.searched, "search.000", None)
    line = trace(drawn, trial.name)
    assert line["marker"]["symbol"][-1] == "circle-open"
    assert detail in line["hovertemplate"]
    assert "diverged or crashed" not in [line["name"] for line in drawn["data"] if "name" in line]


def test_causes_and_suspicions_are_told_where_they_are_known(judged):
    record = record_of(judged.store, "3")
    effect = Effect(Cause.DATA, Finding.WORSE, "new less old", "", -1.0, -1.5, -0.5)
    causes = Causes((effect,), "Why: the data changed.", "data worse", "", 0.9)
    prepared = replace(record.prepared, suspicions=("column x holds 1e9",))
    facts = replace(record.facts, prepared=prepared, ended=replace(record.ended, causes=causes))
    known = causes_section(replace(record, campaign=replace(record.campaign, facts=facts)))
    assert known.sentences[0] == "Why: the data changed."
    assert known.warnings == ("Look at your data: column x holds 1e9.",)
    assert known.tables[0].rows[0][:4] == ("data", "worse", "-1", "-1.5 to -0.5")
    assert known.plot.figure["data"][0]["error_x"]["arrayminus"] == [0.5]


def test_without_causes_the_section_says_so(judged):
    record = record_of(judged.store, "3")
    prepared = replace(record.prepared, suspicions=())
    facts = replace(record.facts, prepared=prepared, ended=replace(record.ended, causes=None))
    unknown = causes_section(replace(record, campaign=replace(record.campaign, facts=facts)))
    assert unknown.sentences[-1] == "This campaign did not investigate causes."
    assert (unknown.plot, unknown.tables, unknown.warnings) == (None, (), ())


def test_one_absurd_score_does_not_flatten_the_others(judged):
    record = record_of(judged.store, "3")
    trials = record.searched
    absurd = replace(trials[3], legs=(replace(trials[3].last, score=-1e23),))
    drawn = coordinates_figure(record.space, "score", 1.0, (*trials[:3], absurd, *trials[4:]), "search.000", None)
    places = [line["y"][-1] for line in drawn["data"] if line["mode"] == "lines+markers"]
    assert min(places) == 0.0
    assert sum(place > 0.3 for place in places) > len(places) / 2
    assert any(
        label["text"].endswith("worse") or label["text"].endswith("…") for label in drawn["layout"]["annotations"]
    )


def test_a_name_means_its_last_finished_re_evaluation(judged, tmp_path, capsys):
    write_page(judged, "toy", tmp_path / "page.html")
    assert capsys.readouterr().out == f"campaign 3: {tmp_path / 'page.html'}\n"
    assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(("named", "title", "found"), [("toy", "toy: STALE", "evidence"), ("1", "toy: baseline", "v1")])
def test_without_a_file_the_report_is_what_the_campaign_said_at_its_end(judged, capsys, named, title, found):
    typer.main.get_command(app).main(["--state", str(judged.config.state), "report", named], standalone_mode=False)
    said = capsys.readouterr().out
    assert title in said
    assert found in said
    assert "Next:" in said


def test_the_same_record_gives_the_same_page(judged):
    assert page_of(record_of(judged.store, "3")) == page_of(record_of(judged.store, "3"))


REFUSED = [
    ("99", "page.html", UnknownName, "there is no campaign 99"),
    ("nobody", "page.html", UnknownName, "no model is registered as 'nobody'"),
    ("3", "page.pdf", InputError, "is of no known kind; allowed: .html, .htm"),
    ("3", "none/page.html", InputError, "there is no folder"),
]


@pytest.mark.parametrize(("named", "file", "error", "message"), REFUSED)
def test_a_page_that_cannot_be_written_says_why_and_leaves_no_file(judged, tmp_path, named, file, error, message):
    with pytest.raises(error, match=message):
        write_page(judged, named, tmp_path / file)
    assert list(tmp_path.iterdir()) == []


def test_a_campaign_without_an_end_has_no_page(desk, tmp_path):
    desk.register()
    with pytest.raises(ConflictError, match=r"campaign 1 of toy has not ended yet \(queued\)"):
        write_page(desk, "1", tmp_path / "page.html")
    with pytest.raises(InputError, match="toy has no finished re-evaluation; run: retuned retune toy"):
        write_page(desk, "toy", tmp_path / "page.html")


def test_the_command_writes_the_page(judged, tmp_path, monkeypatch, capsys):
    target = tmp_path / "page.html"
    words = ["retuned", "--state", judged.config.state, "report", "2", "--html", target]
    monkeypatch.setattr("sys.argv", [str(word) for word in words])
    with pytest.raises(SystemExit) as left:
        main()
    assert (left.value.code, capsys.readouterr().out) == (0, f"campaign 2: {target}\n")
    assert target.exists()


HIDING = "\x1b[2J\x9b31m\u202e\u200b\x7f\x07"


def test_a_page_shows_nothing_that_acts_or_hides(judged):
    record = record_of(judged.store, "3")
    goal = record.file.goal.model_copy(update={"metric": f"score{HIDING}"})
    file = record.file.model_copy(update={"owner": f"team{HIDING}", "goal": goal})
    page = page_of(replace(record, file=file))
    html = render_page(replace(page, title=HIDING, lead=f"see {HIDING}"))
    own = html.replace(re.search(r"<script>(?!const).*?</script>", html, re.DOTALL)[0], "")  # plotly's own source
    assert [ch for ch in HIDING if not ch.isprintable() and ch in own] == []
    assert "team\\x1b[2J\\x9b31m\\u202e\\u200b\\x7f\\x07" in html
    assert "score\\\\x1b[2J" in html  # in the JSON of a figure
