"""The ways out of a command: nothing foreign acts on a terminal, JSON is exact, closed or full outputs end quietly."""

import json
import os
import subprocess
import sys
import unicodedata
from dataclasses import replace

import pytest
from retuned.daemon.api.views import Replicates
from retuned.daemon.cli.cli import main
from retuned.daemon.cli.live_progress import live_progress
from retuned.daemon.cli.screen import Screen, Text
from retuned.daemon.cli.verdict_panel import baseline_panel, verdict_panel
from retuned.daemon.clock import SystemClock
from retuned.daemon.reports.progress import progress_of
from retuned.daemon.reports.self_contained import script_json
from retuned.daemon.state.campaigns.campaigns import find_campaign
from retuned.daemon.state.faults import note_fault
from retuned.daemon.state.models.registry import find_model

EVIL = "\x1b[2J\x1b]0;title\x07\x9b31m\u202e\u2066\u200b\x7f\x08"
OWNER = "M\u00fcller \u202e\u200b\x9b2J\x7f"
PRINTS = f"import sys\nsys.stderr.write({EVIL!r} + ' boom [bold]not markup[/] :smile:')\nsys.exit(1)"
VERBS = ["models", "show toy", "history toy", "alerts", "schedule", "status", "doctor", "token list", "plan toy"]


@pytest.fixture(scope="module")
def evil(new_desk, tmp_path_factory):
    """A desk whose owner, training and faults bring everything that acts on a terminal."""
    desk = new_desk(tmp_path_factory.mktemp("evil"))
    (desk.folder / "train.py").write_text(PRINTS)
    owner = json.dumps(OWNER).replace("\x7f", "\\u007f")
    desk.register(
        top=f'name = "toy"\nowner = {owner}\ndescription = {json.dumps(EVIL).replace(chr(127), chr(92) + "u007f")}',
        training=desk.training_table(desk.folder / "train.py"),
    )
    desk.baseline()
    note_fault(desk.store, f"looks{EVIL}", f"something {EVIL}", SystemClock().now())
    return desk


def run(desk, *words, **options):
    command = [sys.executable, "-m", "retuned.daemon", "--state", str(desk.config.state), *words]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": 150, **options}
    return subprocess.run(command, stdin=subprocess.DEVNULL, **options)


@pytest.fixture
def called(evil, monkeypatch, capsys):
    """Calls the command line in this process: exit code, and both outputs as text."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["retuned", "--state", str(evil.config.state), *words])
        with pytest.raises(SystemExit) as left:
            main()
        return left.value.code, *capsys.readouterr()

    return call


def acting(text):
    """The characters of a text that act on a terminal or hide."""
    return {ch for ch in text if ch != "\n" and unicodedata.category(ch) in ("Cc", "Cf", "Cs", "Zl", "Zp")}


@pytest.mark.parametrize("verb", VERBS)
def test_what_is_printed_for_people_acts_on_no_terminal(called, verb):
    _, out, errors = called(*verb.split())
    assert out
    assert acting(out) == set()
    assert acting(errors) == set()


def test_what_is_foreign_is_shown_visibly_and_is_no_markup(evil):
    out = run(evil, "history", "toy").stdout.decode()
    assert "\\x1b[2J" in "".join(out.split())
    assert "[bold]not markup[/] :smile:" in " ".join(out.split())


@pytest.mark.parametrize(
    "words", [["show", f"a{EVIL}"], [f"sh{EVIL}"], ["cancel", "x\ny"], ["retune", "toy", f"--{EVIL}"]]
)
def test_an_error_acts_on_no_terminal_and_is_one_line(called, words):
    code, _, errors = called(*words)
    assert code == 2
    assert acting(errors) == set()
    assert errors.count("\n") == 1


@pytest.mark.parametrize("verb", ["models --json", "show toy --json", "history toy --json", "status --json"])
def test_json_is_exact_and_ascii(called, verb):
    _, out, _ = called(*verb.split())
    assert out.isascii()
    assert acting(out) == set()
    assert any(part in json.dumps(json.loads(out)) for part in (json.dumps(OWNER)[1:-1], "boom", "something"))


def drawn(panel, width=100):
    screen = Screen(width=width)
    with screen.capture() as capture:
        screen.print(panel)
    return capture.get()


def test_panels_show_escapes(evil, judged):
    model, failed = find_model(evil.store, "toy"), find_campaign(evil.store, 1)
    assert acting(drawn(baseline_panel(model, failed, Replicates((), 1, EVIL)))) == set()
    done = replace(find_campaign(judged.store, 3), facts=find_campaign(judged.store, 3).facts)
    verdict = replace(done.verdict, sentence=f"see {EVIL}", covered=EVIL)
    shown = drawn(verdict_panel(find_model(judged.store, "toy"), replace(done, verdict=verdict), {}))
    assert acting(shown) == set()
    assert "\\x1b[2J" in shown


def test_every_text_on_a_screen_is_cleaned_styled_or_not():
    assert acting(drawn(Text(EVIL, style="bold"))) == set()
    assert acting(drawn(EVIL)) == set()
    assert acting(drawn(Text.assemble(("a", "red"), EVIL))) == set()


def test_live_progress_acts_on_no_terminal(judged, capsys):
    campaign = replace(find_campaign(judged.store, 3), waits=f"waits for [/bold] {EVIL}")
    with live_progress(
        find_model(judged.store, "toy"), lambda: (campaign, progress_of(judged.store, campaign))
    ) as draw:
        draw()
    shown = capsys.readouterr().err
    assert acting(shown) == set()
    assert "[/bold] \\x1b[2J\\x1b]0;title\\x07" in " ".join(shown.split())


def test_without_a_terminal_a_campaign_shows_each_minute_that_it_moves(judged, capsys):
    campaign, now = find_campaign(judged.store, 3), [0.0]
    model, progress = find_model(judged.store, "toy"), progress_of(judged.store, campaign)
    with live_progress(model, lambda: (campaign, progress), lambda: now[0]) as draw:
        for now[0] in (0.0, 30.0, 59.0, 60.0, 90.0, 125.0):
            draw()
    first, *later = capsys.readouterr().err.splitlines()
    assert first == f"campaign 3 (retune): {progress.phase}"
    assert later == [f"{first}, {progress.ended} ended"] * 2
    with live_progress(model, lambda: (campaign, replace(progress, ended=3)), lambda: now[0]) as draw:
        for now[0] in (200.0, 270.0):
            draw()
    assert capsys.readouterr().err.splitlines()[1] == f"{first}, 3 ended, {progress.planned - 3} running or waiting"


def test_figures_of_a_page_are_cleaned():
    assert acting(script_json({"a": [EVIL], "b": (1, None)})) == set()


MODES = {
    "a reader that has gone": (141, b""),
    "a full disk": (1, b"standard output cannot be written: No space left on device"),
    "a closed output": (None, b""),
}


def output_of(mode):
    if mode == "a full disk":
        return os.open("/dev/full", os.O_WRONLY)
    reading, writing = os.pipe()
    os.close(reading)
    return writing


@pytest.mark.parametrize(
    "verb", ["models", "models --json", "history toy", "plan toy", "--help", "token list", "doctor"]
)
@pytest.mark.parametrize("mode", ["a reader that has gone", "a full disk"])
def test_an_output_that_cannot_be_written_is_no_traceback(evil, verb, mode):
    output = output_of(mode)
    done = run(evil, *verb.split(), stdout=output)
    os.close(output)
    code, sentence = MODES[mode]
    assert done.returncode == code
    assert sentence in done.stderr
    assert b"Traceback" not in done.stderr
    assert done.stderr.count(b"\n") == bool(sentence)


def test_more_than_a_buffer_for_a_reader_that_has_gone_is_no_traceback(evil):
    many = "import json; from retuned.daemon.cli import cli, output\n"
    many += "cli.app.command('flood')(lambda: output.print_json(['x' * 99] * 9999)); cli.main()"
    for output, code in ((output_of("a reader that has gone"), 141), (output_of("a full disk"), 1)):
        done = subprocess.run([sys.executable, "-c", many, "flood"], stdout=output, stderr=subprocess.PIPE, timeout=150)
        os.close(output)
        assert done.returncode == code
        assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(("closing", "code"), [(">&-", 0), ("2>&-", 0), (">&- 2>&- <&-", 0), ("2>/dev/full", 0)])
@pytest.mark.parametrize("verb", ["models", "history toy"])
def test_a_closed_output_changes_nothing_else(evil, closing, code, verb):
    command = f'"{sys.executable}" -m retuned.daemon --state "{evil.config.state}" {verb} {closing}'
    done = subprocess.run(["sh", "-c", command], capture_output=True, timeout=150)
    assert done.returncode == code
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("streams", ["2>&1 | head -0", "2>&-", "2>/dev/full"])
def test_an_error_that_nobody_reads_keeps_its_code(evil, streams):
    command = f'("{sys.executable}" -m retuned.daemon --state "{evil.config.state}" show nope; echo $? >&3) {streams}'
    done = subprocess.run(["sh", "-c", f"exec 3>&1; {command}"], capture_output=True, timeout=150)
    assert done.stdout.strip() in (b"2", b"141")
    assert done.stderr == b""


SEVERAL = """if True:
    import json, sys
    from retuned.daemon.cli.cli import main
    _, state, *verbs = sys.argv
    codes = []
    for verb in verbs:
        sys.argv = ["retuned", "--state", state, *verb.split()]
        try:
            main()
        except SystemExit as end:
            codes.append(end.code)
    print(json.dumps(codes))
"""


@pytest.mark.parametrize(
    "locale",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "latin-1"},
    ],
)
def test_a_terminal_that_is_not_utf_8_gets_escapes(evil, locale):
    verbs = ["models", "show toy", "history toy", "models --json", "alerts", "--help", "status"]
    command = [sys.executable, "-c", SEVERAL, str(evil.config.state), *verbs]
    done = subprocess.run(command, capture_output=True, timeout=150, env={**os.environ, **locale})
    assert b"Traceback" not in done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [0, 0, 0, 0, 0, 0, 1]


NO_UTF8 = b"caf\xe9"


WORDS = [
    ["show", NO_UTF8],
    ["history", NO_UTF8],
    ["cancel", NO_UTF8],
    ["retune", NO_UTF8],
    ["register", NO_UTF8 + b".toml"],
    ["token", "create", NO_UTF8, "--role", "viewer"],
    ["token", "revoke", NO_UTF8],
    ["alerts", NO_UTF8],
    ["report", NO_UTF8, "--html", "x.html"],
    ["restore", NO_UTF8],
    ["nudge", "1", NO_UTF8 + b"=1"],
    ["retune", "toy", "--strategy", NO_UTF8],
    ["retune", "toy", "--budget", NO_UTF8],
    ["--config", NO_UTF8, "models"],
    [NO_UTF8],
]


@pytest.mark.parametrize("words", WORDS, ids=ascii)
def test_an_argument_that_is_no_utf_8_is_one_sentence(called, words):
    code, _, errors = called(*map(os.fsdecode, words))
    assert code == 2
    assert errors.count("\n") == 1
    assert "Traceback" not in errors


def test_an_argument_that_is_no_utf_8_is_one_sentence_of_a_process_too(evil):
    done = run(evil, "show", NO_UTF8)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    assert done.stderr.count(b"\n") == 1
