"""How often one sender may be refused before it is told to stop, and nothing more is logged of it.

Only refusals count, so that nobody who signs waits for somebody who does not, not even behind one address.
Each process counts for itself, in memory: there is nothing to keep.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Final

from webhook.senders import household_of

if TYPE_CHECKING:
    from collections.abc import Callable

ALLOWANCE: Final = 20
PER_SECOND: Final = 1.0
MOST_SENDERS: Final = 10_000


class Throttle:
    """An allowance of refusals for each sender, which comes back at a steady rate."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def is_spent(self, sender: str) -> bool:
        """Count one refusal; whether the sender had none left.

        Of many senders the one that was quiet for longest is forgotten: memory has a bound.
        """
        household, now = household_of(sender), self._clock()
        with self._lock:
            left, since = self._left.pop(household, (float(ALLOWANCE), now))
            left = min(float(ALLOWANCE), left + (now - since) * PER_SECOND)
            is_spent = left < 1
            self._left[household] = (left if is_spent else left - 1, now)
            if len(self._left) > MOST_SENDERS:
                self._left.popitem(last=False)
        return is_spent
