# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One look at a web page from where the play runs (private to the collection)."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from .session import cause

try:
    import urllib3
    import urllib3.exceptions
except ImportError:  # pragma: no cover
    HAS_URLLIB3 = False
else:
    HAS_URLLIB3 = True

_MOST = 4096  # bytes of an answer


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
        status: HTTP status, 0 where there was no answer.
        body: the beginning of the page.
        problem: why there was no answer; empty if there was one.
        untrusted: whether the certificate was not trusted.
    """

    status: int = 0
    body: str = ""
    problem: str = ""
    untrusted: bool = False


def get(url: str, timeout: float, *, verify: bool = True) -> Answer:
    """Ask for a page once, without following it elsewhere and without any credential.

    Args:
        url: the page.
        timeout: seconds for the connection, and for the answer.
        verify: whether to look at the certificate.
    """
    if not HAS_URLLIB3:
        return Answer(problem="the Python package urllib3 is missing")
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    pool = urllib3.PoolManager(ssl_context=context)
    try:
        response = pool.request(
            "GET", url, retries=False, redirect=False, timeout=urllib3.Timeout(timeout), preload_content=False
        )
        body = response.read(_MOST, decode_content=False)
        response.close()
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        told = cause(error)
        return Answer(problem=told, untrusted="certificate verify failed" in f"{error}".lower())
    finally:
        pool.clear()
    return Answer(status=int(response.status), body=body.decode("utf-8", errors="replace"))
