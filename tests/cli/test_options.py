"""Every option of the commands that draw from a generator changes what they write."""

import pytest

COMMANDS = {
    "sample": ["sample", "run", "--n", 4, "--seed", 0, "--out", "out.npy"],
    "walk": ["walk", "run", "--faces", 2, "--frames", 4, "--seed", 0, "--scale", 1, "--out", "out.gif"],
}


@pytest.mark.parametrize(
    ("command", "option", "value"),
    [
        ("sample", "--n", 3),
        ("sample", "--seed", 1),
        ("sample", "--step", 3),
        ("sample", "--truncation", 0.5),
        ("walk", "--faces", 3),
        ("walk", "--frames", 5),
        ("walk", "--fps", 5),
        ("walk", "--scale", 2),
        ("walk", "--seed", 1),
        ("walk", "--step", 3),
        ("walk", "--truncation", 0.5),
    ],
)
def test_an_option_reaches_the_result(facegan, finished, command, option, value):
    written = []
    for given in ((), (option, value)):
        done = facegan(*COMMANDS[command], *given)
        assert done.returncode == 0, done.stderr
        written.append((finished / done.stdout.strip()).read_bytes())
    assert written[0] != written[1]
