"""`facegan solutions`."""


def test_solutions_are_written_and_named(facegan, tmp_path):
    done = facegan("solutions", "--out", tmp_path / "key")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("wrote") == 7
    assert str(tmp_path / "key" / "written.md") in done.stdout


def test_solutions_that_are_there_are_kept_and_named(facegan, tmp_path):
    (tmp_path / "written.md").write_text("mine")
    done = facegan("solutions", "--out", tmp_path)
    assert f"kept {tmp_path / 'written.md'}" in done.stdout
    assert "rename yours" in done.stdout
    assert (tmp_path / "written.md").read_text() == "mine"
