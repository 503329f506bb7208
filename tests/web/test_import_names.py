"""`webapp` and `hermes_sessions.webapp`, the two names of the front end, give the same modules."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
REPORT = """
print(json.dumps([
    hermes_sessions.webapp is webapp,
    hermes_sessions.webapp.live is webapp.live,
    hermes_sessions.webapp.security.logins is webapp.security.logins,
    hermes_sessions.webapp.create_app is webapp.create_app,
    sorted({name for name in sys.modules if name.startswith("webapp")})
    == sorted({name.partition(".")[2] for name in sys.modules if name.startswith("hermes_sessions.webapp")}),
]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("first", ["webapp", "hermes_sessions.webapp"])
@pytest.mark.parametrize("module", ["", ".live", ".security.logins"])
def test_both_names_give_the_same_modules(first: str, module: str) -> None:
    names = ["webapp", "hermes_sessions.webapp"]
    imports = [f"import {name}" for name in (first + module, *(each + module for each in names), *names)]

    code = "\n".join(["import json, sys", *imports, REPORT])
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, cwd=CHECKOUT, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [True] * 5
