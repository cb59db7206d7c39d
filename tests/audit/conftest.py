"""The audit of the printed tables, run once for all tests here."""

import pytest

from paper_code.audit import run_audit


@pytest.fixture(scope="session")
def printed():
    return run_audit().set_index("id")
