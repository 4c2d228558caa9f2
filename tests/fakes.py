"""Fakes of every port, each passing the same contract tests as the real adapter (tests/contract)."""

from __future__ import annotations
