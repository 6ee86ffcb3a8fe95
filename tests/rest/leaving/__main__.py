"""Writes the page anew, by the test that holds it to its word: it has the servers that this needs."""

import os
import sys

import pytest

from tests.rest.leaving.page import WRITE

if __name__ == "__main__":
    os.environ[WRITE] = "1"
    sys.exit(pytest.main(["-n", "0", "-q", "tests/rest/test_leaving.py", "-k", "up_to_date"]))
