"""Stands in for the get-pip script that ansible-test would download: pip comes from Python's own ensurepip.

ansible-test runs it inside a new virtual environment, with pip's options and the wanted packages as arguments.
``--no-setuptools`` and ``--no-wheel`` are get-pip's own and mean nothing to pip.
"""

from __future__ import annotations

import subprocess
import sys

subprocess.run([sys.executable, "-m", "ensurepip"], check=True, stdout=subprocess.DEVNULL)
arguments = [argument for argument in sys.argv[1:] if argument not in ("--no-setuptools", "--no-wheel")]
subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *arguments], check=True)
