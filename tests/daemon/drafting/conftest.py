"""A folder as a user has it, for the tests of drafts."""

import shutil

import pytest


@pytest.fixture
def work_in(tmp_path, monkeypatch):
    """Makes a copy of a folder of scripts, with a table, the current folder, and returns it."""

    def make(scripts, rows):
        folder = tmp_path / "work"
        shutil.copytree(scripts, folder)
        (folder / "rows.csv").write_text(rows)
        (folder / ".git").mkdir()
        (folder / ".git/config").write_text("[core]\n\tbare = false\n[user]\n\temail = ada@example.org\n")
        monkeypatch.chdir(folder)
        return folder

    return make
