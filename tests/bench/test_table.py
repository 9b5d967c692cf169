from facegan.bench.table import aligned

ROWS = [["name", "rate"], ["a", "1,000.0"], ["longer", "2.0"]]


def test_columns_are_as_wide_as_their_widest_cell():
    assert aligned(ROWS) == ["name       rate", "a       1,000.0", "longer      2.0"]


def test_more_columns_can_be_flush_left():
    assert aligned(ROWS, left=2) == ["name    rate", "a       1,000.0", "longer  2.0"]
