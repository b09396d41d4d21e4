"""Pauses and signs of life as short as a test wants them."""

from paceline.fetch import lock

UNIT = 0.001
PACE = lock.Pace(sign=0.05, silent=0.5, look=0.02)
