"""Decisions: functions of what was asked, what is observed and what time it is. They return reason and message."""
