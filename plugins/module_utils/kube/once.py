# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What many threads want to know is asked for once (private to the collection)."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

from .errors import KubeError

T = TypeVar("T")


class Once(Generic[T]):
    """Answers by their questions. Who asks while another has asked already waits for the same answer.

    An error is told to those who wait for it, and not remembered.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: dict[Hashable, Future[T]] = {}

    def get(self, question: Hashable, ask: Callable[[], T]) -> T:
        """The answer; ``ask`` finds it, if nobody has.

        Raises:
            KubeError: it was not found.
        """
        with self._lock:
            answer = self._answers.get(question)
            first = answer is None
            if answer is None:
                answer = self._answers[question] = Future()
        if not first:
            try:
                return answer.result()
            except KubeError as error:
                raise copy.copy(error) from None  # whoever catches it may add to it
        try:
            answer.set_result(ask())
        except BaseException as error:
            self._drop(question, answer)
            answer.set_exception(error)
            raise
        return answer.result()

    def forget(self, question: Hashable) -> None:
        """Ask anew from now on; what is being asked at this moment is already out of date."""
        with self._lock:
            self._answers.pop(question, None)

    def get_after(self, former: T, question: Hashable, ask: Callable[[], T]) -> T:
        """The answer that follows a former one: asked for once, however many still have that one.

        Raises:
            KubeError: it was not found.
        """
        with self._lock:
            answer = self._answers.get(question)
            if answer is not None and answer.done() and answer.exception() is None and answer.result() is former:
                del self._answers[question]
        return self.get(question, ask)

    def known(self) -> list[T]:
        """The answers that have been found."""
        with self._lock:
            answers = list(self._answers.values())
        return [each.result() for each in answers if each.done() and each.exception() is None]

    def _drop(self, question: Hashable, answer: Future[T]) -> None:
        with self._lock:
            if self._answers.get(question) is answer:
                del self._answers[question]
