import os
import subprocess
import sys

import pytest

from facegan.runtime.openmp import SPIN, limit_spin


def test_spinning_is_limited_before_torch_is_imported():
    environment = {}
    assert limit_spin(environment, torch_is_loaded=False).endswith("set by facegan")
    assert environment == SPIN


@pytest.mark.parametrize("name", [*SPIN, "OMP_WAIT_POLICY"])
@pytest.mark.parametrize("loaded", [False, True])
def test_the_users_own_setting_is_kept(name, loaded):
    environment = {name: "7"}
    assert limit_spin(environment, torch_is_loaded=loaded) == f"{name}=7, from the environment"
    assert environment == {name: "7"}


def test_after_torch_nothing_is_set_and_info_says_what_to_do():
    environment = {}
    words = limit_spin(environment, torch_is_loaded=True)
    assert "torch was imported first" in words
    assert "set GOMP_SPINCOUNT=1000 in the environment" in words
    assert not environment


@pytest.mark.slow
@pytest.mark.parametrize(("first", "found"), [("facegan", "1000"), ("torch", "None")])
def test_importing_facegan_sets_it_only_before_torch(first, found):
    own = {name: value for name, value in os.environ.items() if name not in SPIN}
    code = f"import {first}, facegan, os; print(os.environ.get('GOMP_SPINCOUNT'))"
    done = subprocess.run([sys.executable, "-c", code], env=own, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == found
